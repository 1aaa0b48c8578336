"""Each row of the recovery table in a whole session: coordinator, real SDK, real HTTP, a server that misbehaves.

Which fault a model has is its name; see `tests/support/wire.py`.
"""

from __future__ import annotations

import json
import sqlite3
import time

import pytest
from langgraph.errors import GraphDrained
from tests.conftest import THEME, answers, checked_updates, where
from tests.support.wire import Wire

from virtual_agora.config.models import Config
from virtual_agora.errors import NodeExecutionError
from virtual_agora.events import CallFinished, CallStarted
from virtual_agora.execution.stream_coordinator import StreamCoordinator
from virtual_agora.flow.error_recovery import TABLE, Action
from virtual_agora.flow.interrupts import GraphInterrupt
from virtual_agora.hitl import default_answer
from virtual_agora.state.sqlite import DATABASE, open_saver
from virtual_agora.state.validator import validate_state_consistency

TOPICS = ("What does it cost?",)


@pytest.fixture
def wire(tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire:
        yield wire


def panel(wire, *models, role="good", **session):
    """Participants with these models; moderator, summarizer and report writer share `role`."""

    def agent(model, **more):
        return {"provider": "openai_compatible", "model": model, "base_url": wire.base_url, **more}

    return Config.model_validate(
        {
            "agents": [agent(model, name=f"P{n}") for n, model in enumerate(models, start=1)],
            "moderator": agent(role),
            "summarizer": agent(role),
            "report_writer": agent(role),
            "session": {"seed": 1, "min_rounds": 2, "checkpoint_interval": 2, **session},
        }
    )


def finish(flow, session, **by_type):
    steps = [name for name, _ in checked_updates(flow, session, answers(**by_type))]
    assert steps[-1] == "multi_file_output"
    return flow.state_manager.get_snapshot()


def next_question(flow, session):
    with pytest.raises(GraphInterrupt) as pause:
        list(checked_updates(flow, session, None))
    return pause.value.value


def kinds(state):
    return [(notice["kind"], notice["agent"]) for notice in state["notices"]]


def test_transient_the_call_is_repeated_as_the_server_asks(make_flow, wire, clock):
    flow = make_flow(panel(wire, "good", "good", "busy-twice"))
    state = finish(flow, flow.create_session(THEME, topics=TOPICS))
    assert all(
        7 <= wait < 8 for wait in clock.slept
    )  # the server's Retry-After, and a little jitter
    assert len(clock.slept) >= 2 * 2
    assert state["notices"] == []
    assert {m["agent"] for m in state["messages"]} >= {"participant-3"}


def test_a_stream_without_an_end_is_left_and_the_turn_skipped(make_flow, wire):
    flow = make_flow(panel(wire, "good", "good", "endless", min_rounds=1, max_rounds=1))
    state = finish(flow, flow.create_session(THEME, topics=TOPICS))
    assert set(kinds(state)) == {("skipped", "participant-3")}
    assert "did not come to an end" in state["notices"][0]["text"]
    asked = [line for line in wire.received() if line["model"] == "endless"]
    assert len(asked) == len({line["sha256"] for line in asked})  # none of them twice
    until = time.monotonic() + 20
    left = [line for line in asked if line["task"] == "statement"]
    while not {line["request"] for line in left} <= {line["request"] for line in wire.abandoned()}:
        assert time.monotonic() < until, "the client never hung up"
        time.sleep(0.01)


@pytest.mark.parametrize("model", ["always-500", "cut-off"])
def test_an_agent_that_fails_for_good_is_skipped_and_then_excluded(make_flow, wire, clock, model):
    flow = make_flow(
        panel(wire, "good", "good", model, min_rounds=4, max_rounds=4, positions="off")
    )
    session = flow.create_session(THEME, topics=TOPICS)
    state = finish(flow, session)
    lost = [("skipped", "participant-3")] * 3 + [("excluded", "participant-3")]
    assert kinds(state) == lost
    assert state["excluded"] == ["participant-3"]
    assert len([m for m in state["messages"] if m["round"] == 4 and m["kind"] == "statement"]) == 2
    asked = [line for line in wire.received() if line["model"] == model]
    assert len(asked) == 9  # three attempts for each of three turns, and none afterwards
    index = (flow.reports_dir / f"session_{session}" / "index.md").read_text()
    assert "P3" in index
    assert "excluded" in index


def test_malformed_asked_again_and_then_right(make_flow, wire):
    flow = make_flow(panel(wire, "good", "good", "off-form-once"))
    state = finish(flow, flow.create_session(THEME, topics=TOPICS))
    assert ("repaired", "participant-3") in kinds(state)
    poll = [v for v in state["vote_history"] if v["agent"] == "participant-3"]
    assert all(vote["choice"] for vote in poll)


def test_malformed_read_from_plain_text_where_that_is_safe(make_flow, wire):
    flow = make_flow(panel(wire, "good", "good", "says-yes"))
    state = finish(flow, flow.create_session(THEME, topics=TOPICS))
    (vote,) = [v for v in state["vote_history"] if v["agent"] == "participant-3"]
    assert vote["choice"] == ["yes"]
    assert any("read from its plain text" in notice["text"] for notice in state["notices"])


def test_malformed_to_the_end_is_an_abstention_on_record(make_flow, wire):
    flow = make_flow(panel(wire, "good", "good", "off-form"))
    state = finish(flow, flow.create_session(THEME))
    abstained = [v for v in state["vote_history"] if v["agent"] == "participant-3"]
    assert abstained
    assert all(vote["choice"] == [] and vote["reason"] for vote in abstained)
    assert ("abstained", "participant-3") in kinds(state)
    assert state["excluded"] == []  # it does speak, in free text
    asked = [
        line for line in wire.received() if line["model"] == "off-form" and line["task"] == "poll"
    ]
    assert len(asked) == 3 * len([v for v in abstained if v["kind"] == "conclude_topic"])


def test_a_role_whose_answers_are_malformed_is_done_without(make_flow, wire):
    flow = make_flow(panel(wire, "good", "good", role="off-form"))
    state = finish(flow, flow.create_session(THEME))
    assert {agent for kind, agent in kinds(state) if kind == "abstained"} >= {
        "moderator",
        "report_writer",
    }
    assert state["tally"]["tie_broken_by"] in ("", "seed")
    assert state["reports"][-1]["sections"][0]["title"] == "The answer"


def test_what_a_failed_call_took_is_counted(make_flow, wire):
    config = panel(wire, "good", "good")
    moderator = config.role("moderator").model_copy(update={"model": "off-form"})
    flow = make_flow(config.model_copy(update={"moderator": moderator}))
    state = finish(flow, flow.create_session(THEME))
    used = state["usage"]["openai_compatible/off-form"]
    asked = [line for line in wire.received() if line["model"] == "off-form"]
    assert used["calls"] == used["failed"] == len(asked) / 3
    assert used["repaired"] == 0
    # The server counts a token for every four characters.
    assert used["output_tokens"] == len(asked) * (len("I would rather not fill in forms.") // 4)
    assert used["input_tokens"] > len(asked) * len(THEME) / 4
    assert used["prompt_chars"] > len(asked) * len(THEME)


def test_nobody_proposes_a_usable_topic_the_theme_itself_is_discussed(make_flow, wire):
    flow = make_flow(panel(wire, "off-form", "off-form", max_rounds=2))
    state = finish(flow, flow.create_session(THEME))
    assert state["completed_topics"] == [THEME]
    assert ("warning", "") in kinds(state)


@pytest.mark.parametrize("model", ["refuses-key", "out-of-quota"])
def test_key_or_quota_refused_the_session_pauses_and_goes_on_once_mended(make_flow, wire, model):
    flow = make_flow(panel(wire, "good", "good", model))
    session = flow.create_session(THEME)
    with pytest.raises(GraphInterrupt) as pause:
        list(StreamCoordinator(flow).coordinate_stream_execution(where(session)))
    question = pause.value.value
    assert question["type"] == "provider_failure"
    assert [failure["agent"] for failure in question["failures"]] == ["P3"]
    assert set(question["options"]) == {"retry", "exclude_agent", "replace_model", "stop"}
    answered = {line["request"] for line in wire.answered()}
    wire.mend()
    state = finish(flow, session, provider_failure="retry")
    assert state["notices"] == []
    proposals = [line for line in wire.received() if line["task"] == "proposal"]
    assert [line["model"] for line in proposals if line["request"] not in answered] == [model] * 2
    assert len(proposals) == 4  # the two that had answered were not asked again


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_answer_is_kept_when_the_step_breaks_off_after_it(make_flow, wire, seed):
    """The model is replaced, then the round breaks off: nobody is asked twice, every voice keeps its words."""
    flow = make_flow(panel(wire, "good", "refuses-key", "good", seed=seed))
    session = flow.create_session(THEME, topics=TOPICS)
    new = {
        "action": "replace_model",
        "provider": "openai_compatible",
        "model": "new",
        "base_url": wire.base_url,
    }
    asked = []

    def answer(question):
        asked.append(question["type"])
        return new if question["type"] == "provider_failure" else default_answer(question)

    def end_after_the_new_model(event):
        if isinstance(event, CallStarted) and event.model.endswith("/new"):
            flow.control.request_drain()

    flow.listener = end_after_the_new_model

    with pytest.raises(GraphDrained):
        list(checked_updates(flow, session, answer))
    again = make_flow(flow.config, checkpointer=flow.checkpointer)
    again.seed = again.nodes.seed = flow.seed
    list(checked_updates(again, session, answer))
    state = again.state_manager.get_snapshot()
    assert asked.count("provider_failure") == 1
    assert state["agents"][1]["model"] == "new"
    first = [m["agent"] for m in state["messages"] if m["round"] == 1 and m["kind"] == "statement"]
    assert len(first) == len(set(first)) == 3
    hashes = [line["sha256"] for line in wire.answered()]
    assert len(hashes) == len(set(hashes))


def test_stop_leaves_the_question_waiting_and_unattended_it_goes_on_without(make_flow, wire):
    flow = make_flow(panel(wire, "good", "good", "refuses-key"))
    session = flow.create_session(THEME, topics=TOPICS)
    coordinator = StreamCoordinator(flow, answers(provider_failure="stop"))
    with pytest.raises(GraphInterrupt):
        list(coordinator.coordinate_stream_execution(where(session)))
    state = finish(flow, session)
    assert kinds(state) == [("excluded", "participant-3")]
    assert {m["agent"] for m in state["messages"]} == {"participant-1", "participant-2"}


def test_a_model_can_be_replaced(make_flow, wire):
    flow = make_flow(panel(wire, "good", "refuses-key"))
    session = flow.create_session(THEME, topics=TOPICS)
    other = {
        "action": "replace_model",
        "provider": "OpenAI_compatible",
        "model": "good",
        "base_url": wire.base_url,
    }
    state = finish(flow, session, provider_failure=other)
    assert state["agents"][1]["model"] == "good"
    assert kinds(state) == [("replaced", "participant-2")]
    assert len([line for line in wire.received() if line["model"] == "refuses-key"]) == 1


def test_only_the_model_that_can_be_asked_is_on_record(make_flow, wire):
    flow = make_flow(panel(wire, "good", "good", "refuses-key"))
    session = flow.create_session(THEME, topics=TOPICS)
    new = {"action": "replace_model", "provider": "opneai", "model": "good"}
    tries = [new, new | {"provider": "openai_compatible", "base_url": wire.base_url}]
    asked = []

    def answer(question):
        if question["type"] != "provider_failure":
            return default_answer(question)
        asked.append(question["failures"][0])
        return tries.pop(0)

    list(checked_updates(flow, session, answer))
    state = flow.state_manager.get_snapshot()
    assert [failure["provider"] for failure in asked] == ["openai_compatible", "opneai"]
    assert "Did you mean “openai”?" in asked[1]["reason"]
    assert kinds(state) == [("replaced", "participant-3")]
    assert "openai_compatible/good" in state["notices"][0]["text"]
    assert "opneai" not in json.dumps(state)


def test_a_model_that_never_could_be_asked_is_on_no_record(make_flow, wire):
    flow = make_flow(panel(wire, "good", "good", "refuses-key"))
    wrong = {"action": "replace_model", "provider": "opneai", "model": "good"}
    state = finish(
        flow,
        flow.create_session(THEME, topics=TOPICS),
        provider_failure=[wrong, "exclude_agent"],
    )
    assert kinds(state) == [("excluded", "participant-3")]
    assert state["agents"][2]["provider"] == "openai_compatible"
    assert set(state["usage"]) == {"openai_compatible/good", "openai_compatible/refuses-key"}


@pytest.mark.parametrize("model", ["always-500", "refuses-key"])
def test_too_few_participants_left_the_user_is_asked(make_flow, wire, clock, model):
    flow = make_flow(panel(wire, "good", model))
    session = flow.create_session(THEME, topics=TOPICS)
    with pytest.raises(GraphInterrupt) as pause:
        list(checked_updates(flow, session))
    assert pause.value.value["type"] == "provider_failure"
    assert "exclude_agent" not in pause.value.value["options"]
    wire.mend()
    assert finish(flow, session, provider_failure="retry")["excluded"] == []


def test_who_answers_again_counts_as_able_at_once(make_flow, wire, clock):
    """One participant loses its proposal, another its refinement: two of three speak at any time."""
    flow = make_flow(panel(wire, "good", "500-on-proposal", "500-on-refinement"))
    session = flow.create_session(THEME)
    question = next_question(flow, session)
    assert question["type"] == "agenda_approval"
    lost = [("skipped", "participant-2"), ("skipped", "participant-3")]
    assert kinds(flow.state_manager.state) == lost


def test_what_cannot_be_saved_is_not_paid_for(make_flow, wire, tmp_path):
    """The disk is full from the first statement on: the round ends there, and goes on once there is room."""
    folder = tmp_path / "data"
    folder.mkdir()
    with sqlite3.connect(folder / DATABASE) as connection:
        connection.execute("PRAGMA page_size=512")  # so that every answer needs room of its own
    with open_saver(folder) as saver:
        flow = make_flow(panel(wire, *["good"] * 12, positions="off"), checkpointer=saver)
        session = flow.create_session(THEME, topics=TOPICS)

        def fill_the_disk(event):
            if isinstance(event, CallFinished):
                saver.conn.execute("PRAGMA max_page_count=1")

        flow.listener = fill_the_disk
        with pytest.raises(NodeExecutionError, match="is full"):
            list(checked_updates(flow, session))
        writes = saver.get_tuple(where(session)).pending_writes
        saved = sum(channel == "__return__" for _, channel, _ in writes)
        # The answer that did not fit, and the call that began before it was refused.
        assert len(wire.received()) <= saved + 2 < 12
        flow.listener = lambda event: None
        saver.conn.execute("PRAGMA max_page_count=4294967294")
        finish(flow, session)
    hashes = [line["sha256"] for line in wire.received()]
    assert len(hashes) == len(set(hashes))  # what could not be saved at first was saved later


def test_half_a_character_is_no_text(make_flow, wire):
    """A server cuts its stream through an emoji: nobody else's turn is lost, and the state is as saved."""
    flow = make_flow(panel(wire, "halves", "good", "good"))
    state = finish(flow, flow.create_session(THEME, topics=TOPICS))
    assert state["notices"] == []
    spoken = [m["content"] for m in state["messages"] if m["agent"] == "participant-1"]
    assert spoken[0].endswith("\N{GRINNING FACE} \N{REPLACEMENT CHARACTER}")


def test_a_run_that_is_to_end_asks_nobody(make_flow, wire):
    """The session was told to stop while a key is refused: the question is saved, not asked."""
    flow = make_flow(panel(wire, "good", "refuses-key", "good"))
    session = flow.create_session(THEME)
    flow.listener = lambda event: (
        flow.control.request_drain() if isinstance(event, CallFinished) else None
    )
    with pytest.raises(GraphDrained):
        list(checked_updates(flow, session, lambda question: pytest.fail("asked")))
    again = make_flow(flow.config, checkpointer=flow.checkpointer)
    assert next_question(again, session)["type"] == "provider_failure"


def test_a_role_nobody_can_stand_in_for_is_asked_about(make_flow, wire, clock):
    flow = make_flow(panel(wire, "good", "good", role="always-500"))
    session = flow.create_session(THEME, topics=TOPICS)
    with pytest.raises(GraphInterrupt) as pause:
        list(checked_updates(flow, session))
    assert pause.value.value["failures"][0]["agent"] == "summarizer"
    assert pause.value.value["default"] == "stop"
    wire.mend()
    assert finish(flow, session, provider_failure="retry")["status"] == "complete"


def test_a_bug_costs_nothing_that_was_paid_for(make_flow, wire):
    """The step breaks after its calls; resumed without the bug, none of them is made again."""
    flow = make_flow(panel(wire, "good", "good", "good", positions="off"))
    session = flow.create_session(THEME, topics=TOPICS)
    original = flow.nodes.discussion_round_node

    def broken(state):
        original(state)
        raise ZeroDivisionError("a bug after three statements")

    flow.nodes.discussion_round_node = broken
    with pytest.raises(NodeExecutionError, match="a bug after three statements"):
        list(checked_updates(flow, session))
    assert len(wire.received()) == 3
    state = flow.state_manager.get_snapshot()
    assert validate_state_consistency(state)["is_valid"]
    assert "a bug after three statements" in flow.error_recovery_manager.last_error(where(session))
    flow.nodes.discussion_round_node = original
    finish(flow, session)
    said = [line["sha256"] for line in wire.received()]
    assert len(said) == len(set(said))


def test_a_bug_that_spoils_the_state_is_undone_to_the_last_valid_step(make_flow, wire):
    flow = make_flow(panel(wire, "good", "good"))
    session = flow.create_session(THEME, topics=TOPICS)
    summarize, poll = flow.nodes.round_summarization_node, flow.nodes.end_topic_poll_node

    def spoil(state):
        return {**summarize(state), "current_round": -5}

    def notice(state):
        raise ValueError("this cannot be")

    flow.nodes.round_summarization_node = spoil
    flow.nodes.discussion_round_node, discuss = (
        (lambda state: notice(state) if state["current_round"] < 0 else discuss(state)),
        flow.nodes.discussion_round_node,
    )
    with pytest.raises(NodeExecutionError, match="this cannot be"):
        list(StreamCoordinator(flow, default_answer).coordinate_stream_execution(where(session)))
    repaired = flow.graph.get_state(where(session))
    assert validate_state_consistency(repaired.values)["is_valid"]
    assert repaired.next == ("round_summarization",)
    assert flow.state_manager.get_snapshot() == repaired.values
    flow.nodes.round_summarization_node, flow.nodes.end_topic_poll_node = summarize, poll
    flow.nodes.discussion_round_node = discuss
    assert finish(flow, session)["current_round"] == 2


def test_the_table_has_a_rule_for_every_error_and_bugs_come_last():
    assert TABLE[-1].errors == (Exception,)
    assert TABLE[-1].action is Action.EMERGENCY
