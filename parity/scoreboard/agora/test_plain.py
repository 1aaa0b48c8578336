"""Virtual Agora, tested with pytest alone, as its engineer would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from virtual_agora import providers
from virtual_agora.errors import NodeExecutionError, StaleAnswerError
from virtual_agora.flow.interrupts import GraphInterrupt
from virtual_agora.providers.offline import OfflineChatModel
from virtual_agora.state.validator import validate_state_consistency

from conftest import TOPIC, drive, flow_of, one_topic

THEME = "Should buses be free?"


def begun(saver: Any = None, **more: Any) -> tuple[Any, Any]:
    flow = flow_of(saver or InMemorySaver())
    return flow, {"configurable": {"thread_id": flow.create_session(THEME, **more)}}


def test_a_session_from_proposals_to_the_final_report() -> None:
    flow, config = begun()
    names = [next(iter(update)) for update in drive(flow, config, one_topic)]
    assert names[:4] == ["config_and_keys", "agent_instantiation", "get_theme", "agenda_proposal"]
    assert "discussion_round" in names
    assert names[-2:] == ["final_report_generation", "multi_file_output"]
    values = flow.graph.get_state(config).values
    assert values["status"] == "complete"
    assert values["completed_topics"] == [TOPIC]
    assert {report["topic"] for report in values["reports"]} == {TOPIC, ""}
    statements = [m for m in values["messages"] if m["kind"] == "statement"]
    assert len(statements) == 3 * values["current_round"]
    assert len({m["speaker"] for m in statements}) == 3
    assert [s["round"] for s in values["round_summaries"]] == list(
        range(1, values["current_round"] + 1)
    )
    assert validate_state_consistency(values)["is_valid"]
    assert flow.state_manager.get_snapshot() == values
    assert list(Path("reports").glob("**/*.md"))


def test_it_waits_for_approval_and_goes_on_in_another_process() -> None:
    saver = InMemorySaver()
    flow, config = begun(saver)
    with pytest.raises(GraphInterrupt) as pause:
        list(drive(flow, config, None))
    assert pause.value.value["type"] == "agenda_approval"
    assert flow.graph.get_state(config).next == ("agenda_approval",)
    other = flow_of(saver)
    with pytest.raises(StaleAnswerError):
        list(other.stream(config, resume={"0" * 32: {"action": "approve"}}))
    list(drive(other, config, one_topic))
    assert other.state_manager.state["status"] == "complete"


def test_a_rejected_agenda_is_proposed_anew() -> None:
    flow, config = begun()
    answers = iter([{"action": "reject", "reason": "too vague"}])
    names = [
        next(iter(u)) for u in drive(flow, config, lambda q: next(answers, None) or one_topic(q))
    ]
    assert names.count("agenda_proposal") == 2
    assert flow.state_manager.state["status"] == "complete"


def test_a_wrong_answer_is_asked_again() -> None:
    flow, config = begun(topics=[TOPIC])
    asked: list[Any] = []

    def answer(question: Any) -> Any:
        asked.append(question)
        return "shout" if len(asked) == 1 else one_topic(question)

    list(drive(flow, config, answer))
    assert asked[1]["error"]
    assert flow.state_manager.state["status"] == "complete"


def test_a_bug_in_a_step_stops_the_session_and_it_can_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken(OfflineChatModel):
        def _generate(self, *args: Any, **kwargs: Any) -> Any:
            raise ZeroDivisionError("broken")

        _stream = _generate

    saver = InMemorySaver()
    flow, config = begun(saver, topics=[TOPIC])
    with monkeypatch.context() as patch:
        patch.setattr(providers, "create_provider", lambda *_, **__: Broken())
        with pytest.raises(NodeExecutionError, match="discussion_round") as failure:
            list(drive(flow, config, one_topic))
    assert isinstance(failure.value.__cause__, ZeroDivisionError)
    list(drive(flow_of(saver), config, one_topic))
    assert flow.graph.get_state(config).values["status"] == "complete"
