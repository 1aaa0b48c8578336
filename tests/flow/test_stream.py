"""The contract of `flow.stream`: what was seen is saved, answers are checked, and it goes on from anywhere."""

from __future__ import annotations

from collections import Counter

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphDrained
from tests.conftest import THEME, answers, checked_updates, where
from tests.support.wire import Wire

from virtual_agora.config.models import Config
from virtual_agora.errors import (
    InvalidAnswerError,
    NodeExecutionError,
    StaleAnswerError,
    StateError,
    UsageError,
)
from virtual_agora.events import CallFinished, StepFinished, Token
from virtual_agora.execution.stream_coordinator import StreamCoordinator
from virtual_agora.flow.interrupts import GraphInterrupt
from virtual_agora.hitl import default_answer
from virtual_agora.state.validator import validate_state_consistency

TOPICS = ("What does it cost?",)


def pause(flow, session, **kwargs):
    with pytest.raises(GraphInterrupt) as caught:
        list(flow.stream(where(session), **kwargs))
    return caught.value


def test_a_waiting_session_asks_again_and_calls_nobody(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME)
    first = pause(flow, session)
    flow.listener = lambda event: pytest.fail(f"{event} while waiting")
    again = pause(flow, session)
    assert (again.id, again.value) == (first.id, first.value)


def test_the_answer_goes_to_the_question_it_names(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME)
    question = pause(flow, session)
    steps = flow.stream(where(session), resume={question.id: "approve"})
    assert "agenda_approval" in next(steps)


@pytest.mark.parametrize("resume", [{}, {"0" * 32: "approve"}])
def test_an_answer_to_no_question_is_refused(make_flow, resume):
    flow = make_flow()
    session = flow.create_session(THEME)
    question = pause(flow, session)
    with pytest.raises(StaleAnswerError):
        list(flow.stream(where(session), resume=resume))
    assert pause(flow, session).id == question.id


def test_an_answer_given_twice_does_not_answer_the_next_question(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME)
    question = pause(flow, session)
    following = pause(flow, session, resume={question.id: "approve"})
    assert following.value["type"] == "periodic_stop"
    with pytest.raises(StaleAnswerError):
        list(flow.stream(where(session), resume={question.id: "approve"}))
    assert pause(flow, session).id == following.id


@pytest.mark.parametrize(
    "answer", [None, {}, "nonsense", {"action": "edit"}, ["approve"], "x" * 10**6]
)
def test_a_wrong_answer_never_reaches_the_node(make_flow, answer):
    flow = make_flow()
    session = flow.create_session(THEME)
    question = pause(flow, session)
    with pytest.raises(InvalidAnswerError):
        list(flow.stream(where(session), resume={question.id: answer}))
    assert pause(flow, session).id == question.id
    assert "agenda_approval" in next(flow.stream(where(session), resume={question.id: "approve"}))


def test_the_coordinator_asks_again_with_the_reason(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME, topics=TOPICS)
    asked = []

    def answer(question):
        asked.append(question.get("error"))
        return "later" if len(asked) == 1 else default_answer(question)

    list(StreamCoordinator(flow, answer).coordinate_stream_execution(where(session)))
    assert asked[0] is None
    assert "later" in asked[1]


def test_the_coordinator_gives_up_on_an_answerer_that_is_no_person(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME)
    coordinator = StreamCoordinator(flow, lambda question: "nonsense")
    with pytest.raises(InvalidAnswerError, match="nonsense"):
        list(coordinator.coordinate_stream_execution(where(session)))
    assert pause(flow, session).value["type"] == "agenda_approval"


@pytest.mark.parametrize("answer", [None, lambda question: None])
def test_nobody_to_answer_leaves_the_question_waiting(make_flow, answer):
    flow = make_flow()
    session = flow.create_session(THEME)
    with pytest.raises(GraphInterrupt):
        list(StreamCoordinator(flow, answer).coordinate_stream_execution(where(session)))
    assert pause(flow, session).value["type"] == "agenda_approval"


def test_an_update_that_was_seen_is_saved(make_flow):
    """Leave off after each update in turn; another instance goes on with exactly the next step."""
    whole = make_flow()
    session = whole.create_session(THEME, topics=TOPICS, session_id="s")
    expected = [name for name, _ in checked_updates(whole, session)]
    saver = InMemorySaver()
    make_flow(checkpointer=saver).create_session(THEME, topics=TOPICS, session_id="s")
    seen = []
    while make_flow(checkpointer=saver).graph.get_state(where("s")).values["status"] != "complete":
        updates = checked_updates(make_flow(checkpointer=saver), "s")
        seen.append(next(updates)[0])
        updates.close()
    # Of two steps that run side by side only the first is seen by who then leaves; both are saved.
    for side_by_side in (
        ("final_considerations", "closing_positions"),
        ("topic_report_generation", "topic_summary_generation"),
    ):
        (unseen,) = [name for name in side_by_side if name not in seen]
        seen.append(unseen)
    assert sorted(seen) == sorted(expected)


def test_a_finished_session_yields_nothing_more(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME, topics=TOPICS)
    assert list(checked_updates(flow, session))
    assert list(flow.stream(where(session))) == []


def test_a_finished_session_has_no_question_to_answer(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME, topics=TOPICS)
    list(checked_updates(flow, session))
    with pytest.raises(StaleAnswerError):
        list(flow.stream(where(session), resume={"0" * 32: "approve"}))


def test_an_answer_to_a_mistyped_session_begins_none(make_flow):
    flow = make_flow()
    with pytest.raises(StaleAnswerError):
        list(flow.stream(where("mistyped"), resume={"0" * 32: "approve"}))
    assert flow.graph.get_state(where("mistyped")).values == {}


def test_the_callers_callbacks_are_kept(make_flow):
    seen = []

    class Tracer(BaseCallbackHandler):
        def on_chain_start(self, serialized, inputs, **kwargs):
            seen.append(kwargs.get("name"))

    flow = make_flow()
    session = flow.create_session(THEME)
    with pytest.raises(GraphInterrupt):
        list(flow.stream({**where(session), "callbacks": [Tracer()]}))
    assert "agenda_proposal" in seen


@pytest.mark.parametrize("broken", ["topic_report_generation", "topic_summary_generation"])
def test_a_step_beside_one_that_breaks_is_told_once(make_flow, broken):
    """Two steps run side by side and one has a bug; resumed, both are told, each exactly once."""
    saver = InMemorySaver()
    flow = make_flow(checkpointer=saver)
    session = flow.create_session(THEME, topics=TOPICS)

    def bug(state):
        raise ZeroDivisionError("a bug")

    setattr(flow.nodes, f"{broken}_node", bug)
    told, steps = [], []
    flow.listener = lambda event: told.append(event.node) if isinstance(event, StepFinished) else 0
    with pytest.raises(NodeExecutionError):
        steps.extend(name for name, _ in checked_updates(flow, session))
    again = make_flow(flow.config, checkpointer=saver)
    again.listener = flow.listener
    steps.extend(name for name, _ in checked_updates(again, session))
    assert told == steps
    for name in ("topic_report_generation", "topic_summary_generation", "file_output"):
        assert steps.count(name) == 1


def test_a_step_that_nobody_may_have_seen_is_told_again(make_flow, wire):
    """It finishes beside a question after the answer to it, in a run that then breaks off."""
    agent = {"provider": "openai_compatible", "model": "good", "base_url": wire.base_url}
    config = Config.model_validate(
        {
            "agents": [{**agent, "count": 2}],
            "report_writer": {**agent, "model": "refuses-key"},
            "session": {"seed": 1, "min_rounds": 1},
        }
    )
    saver = InMemorySaver()

    def bug(state):
        raise ZeroDivisionError("a bug")

    first = make_flow(config, checkpointer=saver)
    session = first.create_session(THEME, topics=TOPICS)
    first.nodes.topic_summary_generation_node = bug
    with pytest.raises(NodeExecutionError):
        list(checked_updates(first, session, None))
    second = make_flow(config, checkpointer=saver)
    question = pause(second, session)
    assert question.value["type"] == "provider_failure"
    wire.mend()
    second.listener = lambda event: (
        second.control.request_drain()
        if isinstance(event, CallFinished) and event.task == "report_outline"
        else None
    )
    with pytest.raises(GraphDrained):
        list(second.stream(where(session), resume={question.id: "retry"}))
    third = make_flow(config, checkpointer=saver)
    assert "topic_summary_generation" in [name for name, _ in checked_updates(third, session)]


def test_a_session_is_not_gone_on_with_under_other_rules(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME, topics=TOPICS)
    other = make_flow(checkpointer=flow.checkpointer, max_rounds=4)
    with pytest.raises(UsageError, match="another configuration"):
        list(other.stream(where(session)))


@pytest.mark.parametrize("topics", [("One?", "one?"), ("",), ("x" * 10_000,)])
def test_topics_that_can_be_none_begin_no_session(make_flow, topics):
    with pytest.raises(UsageError):
        make_flow().create_session(THEME, topics=topics)


def test_a_thread_nobody_created_begins_with_the_theme(make_flow):
    flow = make_flow()
    question = pause(flow, "new")
    assert question.value["type"] == "theme_request"
    state = flow.state_manager.get_snapshot()
    assert validate_state_consistency(state)["is_valid"]
    assert state["session_id"] == "new"


def test_events_tell_what_happened_in_order(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME, topics=TOPICS)
    events = []
    flow.listener = events.append
    steps = [name for name, _ in checked_updates(flow, session)]
    assert [event.node for event in events if isinstance(event, StepFinished)] == steps
    finished = [event for event in events if isinstance(event, CallFinished)]
    used = flow.state_manager.state["usage"]
    assert len(finished) == sum(model["calls"] for model in used.values())
    assert sum(e.output_tokens for e in finished) == sum(m["output_tokens"] for m in used.values())
    said = {}
    for event in events:
        if isinstance(event, Token):
            said[event.call_id] = said.get(event.call_id, "") + event.text
    messages = [m["content"] for m in flow.state_manager.state["messages"]]
    assert set(messages) <= set(said.values())


def test_a_step_this_release_does_not_have_is_said_not_skipped(make_flow):
    saver = InMemorySaver()
    flow = make_flow(checkpointer=saver)
    session = flow.create_session(THEME)
    pause(flow, session)
    values = flow.graph.get_state(where(session))
    # A saved trigger for a step of another name, as a renamed step would leave it.
    stored = saver.get_tuple(where(session))
    checkpoint = stored.checkpoint
    checkpoint["channel_values"]["branch:to:agenda_blessing"] = checkpoint["channel_values"].pop(
        "branch:to:agenda_approval"
    )
    checkpoint["channel_versions"]["branch:to:agenda_blessing"] = checkpoint[
        "channel_versions"
    ].pop("branch:to:agenda_approval")
    saver.put(
        values.parent_config,
        {**checkpoint, "id": checkpoint["id"][:-1] + "f"},
        stored.metadata,
        checkpoint["channel_versions"],
    )
    with pytest.raises(StateError, match="does not have"):
        list(make_flow(checkpointer=saver).stream(where(session)))


def test_a_key_that_is_gone_when_it_is_needed_is_asked_about(make_flow, monkeypatch):
    base = make_flow().config.model_dump()
    keyless = {"provider": "openai", "model": "m"}
    monkeypatch.setenv("OPENAI_API_KEY", "sk-present-at-the-start")
    config = Config.model_validate({**base, "report_writer": keyless})
    flow = make_flow(config)
    session = flow.create_session(THEME, topics=TOPICS)
    stream = checked_updates(flow, session, None)
    for name, _ in stream:
        if name == "config_and_keys":
            break
    monkeypatch.delenv("OPENAI_API_KEY")
    stream.close()
    offline = {"action": "replace_model", "provider": "offline", "model": "scripted"}
    asked = []

    def answer(question):
        asked.append(question["type"])
        return offline if question["type"] == "provider_failure" else default_answer(question)

    steps = [name for name, _ in checked_updates(flow, session, answer)]
    assert "provider_failure" in asked
    assert steps[-1] == "multi_file_output"
    writer = next(a for a in flow.state_manager.state["agents"] if a["role"] == "report_writer")
    assert writer["provider"] == "offline"


@pytest.fixture
def wire(tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire:
        yield wire


def both_writers_refused(make_flow, wire, **panel):
    """A session whose report and summary are due at the same time, when both their models lose their keys.

    `panel` is what the participants have of their own.
    """

    def agent(model):
        return {"provider": "openai_compatible", "model": model, "base_url": wire.base_url}

    config = {
        "agents": [{**agent("good"), "count": 2, **panel}],
        "summarizer": agent("refuses-key"),
        "report_writer": agent("out-of-quota"),
        "session": {"seed": 1, "min_rounds": 1},
    }
    flow = make_flow(Config.model_validate(config))
    session = flow.create_session(THEME, topics=TOPICS)
    wire.mend()
    for name, _ in checked_updates(flow, session):
        if name == "vote_evaluation":
            break
    wire.spoil()
    return flow, session


@pytest.mark.parametrize(
    "order",
    [
        [["report_outline", "topic_summary"]],
        [["report_outline"], ["topic_summary"]],
        [["topic_summary"], ["report_outline"]],
    ],
    ids=["both at once", "the report's first", "the summary's first"],
)
def test_two_questions_side_by_side_are_answered_by_their_ids(make_flow, wire, order):
    flow, session = both_writers_refused(make_flow, wire)
    pending = pause(flow, session)
    asked = {question.value["step"]: question.id for question in pending.interrupts}
    assert set(asked) == {"report_outline", "topic_summary"}
    new = {
        "report_outline": {"action": "replace_model", "provider": "offline", "model": "scripted"},
        "topic_summary": "retry",
    }
    wire.mend()
    steps = []
    for answered in order:
        resume = {asked.pop(step): new[step] for step in answered}
        waiting = []
        try:
            for update in flow.stream(where(session), resume=resume):
                steps += update
                values = flow.graph.get_state(where(session)).values
                assert flow.state_manager.get_snapshot() == values
        except GraphInterrupt as still:
            waiting = [question.id for question in still.interrupts]
        assert waiting == list(asked.values())
    assert sorted(steps[:2]) == ["topic_report_generation", "topic_summary_generation"]
    assert steps[2:] == ["file_output", "final_report_generation", "multi_file_output"]
    by_id = {agent["id"]: agent for agent in flow.state_manager.state["agents"]}
    assert by_id["report_writer"]["provider"] == "offline"
    assert by_id["summarizer"]["model"] == "refuses-key"
    assert max(Counter(line["sha256"] for line in wire.answered()).values()) == 1


def test_the_coordinator_asks_two_questions_side_by_side(make_flow, wire):
    flow, session = both_writers_refused(make_flow, wire)
    asked = []

    def answer(question):
        asked.append(question["step"])
        wire.mend()
        return "retry"

    steps = [name for name, _ in checked_updates(flow, session, answer)]
    assert sorted(asked) == ["report_outline", "topic_summary"]
    assert steps.count("topic_report_generation") == steps.count("topic_summary_generation") == 1
    assert steps[-1] == "multi_file_output"


@pytest.mark.parametrize("earlier", [[], ["report_outline"], ["topic_summary"]])
def test_the_projection_adds_up_as_the_checkpoint_does(make_flow, wire, monkeypatch, earlier):
    """Sums of prices and the order of notices depend on which of two steps side by side comes first.

    `earlier` has the question that is answered in a run of its own; what is left is answered in the next.
    """
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-test")
    priced = {"provider": "openai", "model": "gpt-4o"}
    new = {"action": "replace_model", **priced, "base_url": wire.base_url}
    flow, session = both_writers_refused(make_flow, wire, **priced)
    asked = {question.value["step"]: question.id for question in pause(flow, session).interrupts}
    for step in earlier:
        pause(flow, session, resume={asked.pop(step): new})
        assert flow.state_manager.get_snapshot() == flow.graph.get_state(where(session)).values
    for _ in flow.stream(where(session), resume=dict.fromkeys(asked.values(), new)):
        assert flow.state_manager.get_snapshot() == flow.graph.get_state(where(session)).values
    state = flow.state_manager.get_snapshot()
    assert state["usage"]["openai/gpt-4o"]["cost"] > 0
    assert [notice["kind"] for notice in state["notices"]].count("replaced") == 2


def test_a_bug_in_a_step_names_the_step_and_loses_nothing(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME, topics=TOPICS)
    original = flow.nodes.round_summarization_node
    flow.nodes.round_summarization_node = lambda state: {"no_such_field": 1}
    with pytest.raises(NodeExecutionError, match="no_such_field") as failed:
        list(checked_updates(flow, session))
    assert failed.value.node == "round_summarization"
    assert "no_such_field" in flow.error_recovery_manager.last_error(where(session))
    flow.nodes.round_summarization_node = original
    assert (
        next(name for name, _ in checked_updates(flow, session, answers())) == "round_summarization"
    )
    assert flow.error_recovery_manager.last_error(where(session)) is None
