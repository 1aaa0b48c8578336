"""Every row of the table of errors in whole sessions, and every fault in every step."""

import pytest
from tests.conftest import TestClock
from tests.production.panels import wire_config

from virtual_agora.errors import (
    MalformedAnswerError,
    NodeExecutionError,
    PermanentProviderError,
    ProviderAccessError,
    TransientProviderError,
)
from virtual_agora.flow.error_recovery import TABLE, Action
from virtual_agora.flow.graph_v13 import NODES
from virtual_agora.testing import PANEL, THEME, TOPICS, make_target

ASKING = (
    "agenda_proposal",
    "topic_refinement",
    "collate_proposals",
    "agenda_voting",
    "opening_positions",
    "discussion_round",
    "round_summarization",
    "end_topic_poll",
    "final_considerations",
    "closing_positions",
    "topic_report_generation",
    "topic_summary_generation",
    "agent_poll",
    "agenda_modification",
    "final_report_generation",
)
"""Steps that call a model in the session below."""

ANSWERS = {"topic_continuation": "modify_agenda"}


@pytest.fixture
def parity_target(tmp_path):
    config = PANEL.model_copy(update={"agents": PANEL.agents[:2]})
    return make_target(tmp_path / "reports", config=config, clock=TestClock)


@pytest.mark.parity_variant("assembly/start_of_round/borda")
@pytest.mark.parity_faults(nodes=list(NODES), errors=["exception"])
def test_a_step_that_breaks_off_costs_no_session(parity):
    run = parity.run(answers=ANSWERS)
    assert isinstance(run.legs[0].error, RuntimeError)
    assert run.outcome == "done"


@pytest.mark.parity_variant("assembly/start_of_round/borda")
@pytest.mark.parity_faults(nodes=list(ASKING), errors=["call"])
def test_a_bug_in_a_call_is_named_after_its_step(parity, parity_fault):
    run = parity.run(answers=ANSWERS)
    error = run.legs[0].error
    assert isinstance(error, NodeExecutionError)
    assert error.node == parity_fault.node
    assert run.outcome == "done"


@pytest.mark.parity_variant("assembly/start_of_round/borda")
@pytest.mark.parity_faults(nodes=list(ASKING), errors=["malformed", "refusal"])
def test_an_answer_that_cannot_be_used_costs_no_session(parity):
    # One of two participants must not fall silent: where one refuses, the user is asked.
    run = parity.run(answers={**ANSWERS, "provider_failure": "retry"})
    assert run.outcome == "done"


ROWS = {
    TransientProviderError: ("busy-twice", set(), []),
    MalformedAnswerError: ("off-form", {"abstained"}, []),
    PermanentProviderError: ("endless", {"skipped"}, []),
    ProviderAccessError: ("refuses-key", {"excluded"}, ["provider_failure"]),
}
"""Row of the table: a model that provokes it, the notices that must be on record, the questions that must be asked."""


class TestTheTable:
    """Real SDK, real HTTP, a server that misbehaves: see `tests/support/wire.py`."""

    @pytest.fixture
    def parity_target(self, request, wire, tmp_path):
        model = ROWS[request.param][0] if hasattr(request, "param") else "good"
        config = wire_config(wire, "good", "good", model, seed=1, min_rounds=1, max_rounds=1)
        return make_target(tmp_path / "reports", config=config, clock=TestClock)

    @pytest.mark.parametrize(
        ("parity_target", "error"), [(e, e) for e in ROWS], indirect=["parity_target"]
    )
    def test_what_follows_when_a_participant_fails(self, parity, error):
        _, notices, questions = ROWS[error]
        run = parity.run({"main_topic": THEME, "topics": TOPICS})
        assert run.outcome == "done"
        assert [question.type for question in run.questions] == questions
        failed = [one for one in run.values["notices"] if one["agent"] == "participant-3"]
        assert {one["kind"] for one in failed} == notices

    def test_what_follows_after_a_bug(self, parity, wire, monkeypatch):
        step = "virtual_agora.flow.graph_v13.V13Nodes.round_summarization_node"
        with monkeypatch.context() as broken:
            broken.setattr(step, lambda nodes, state: 1 / 0)
            run = parity.run({"main_topic": THEME, "topics": TOPICS})
        assert isinstance(run.error, NodeExecutionError)
        assert parity.validate_state_consistency(run.values)["is_valid"]
        assert "division by zero" in parity.app.error_recovery_manager.last_error(
            {"configurable": {"thread_id": run.thread_id}}
        )
        assert parity.resume(run).outcome == "done"
        asked = [line["sha256"] for line in wire.received()]
        assert len(asked) == len(set(asked))

    def test_every_row_is_here(self):
        assert [rule.errors[0] for rule in TABLE] == [*ROWS, Exception]
        assert TABLE[-1].action is Action.EMERGENCY
