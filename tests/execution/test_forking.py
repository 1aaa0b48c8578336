"""Forks that go on under another configuration, and what became of the session they left."""

from __future__ import annotations

import pytest
from tests.conftest import THEME, TestClock, answers, in_sqlite, offline_config, where
from tests.support.wire import Wire

from virtual_agora import reports
from virtual_agora.config.models import Config
from virtual_agora.errors import NodeExecutionError, UsageError
from virtual_agora.events import CallStarted, StepFinished
from virtual_agora.execution.session import Agora
from virtual_agora.execution.stream_coordinator import StreamCoordinator
from virtual_agora.flow.graph_v13 import VirtualAgoraV13Flow
from virtual_agora.hitl import default_answer
from virtual_agora.state.validator import validate_state_consistency

TOPICS = ("What does it cost?",)


@pytest.fixture
def agora(tmp_path, database):
    with Agora(tmp_path / "data", database, clock=TestClock()) as agora:
        yield agora


def panel(*names, **session):
    """Some of the scripted panel, by name, and others that speak through the same model."""
    known = {agent["name"]: agent for agent in offline_config().model_dump()["agents"]}
    new = {"provider": "offline", "model": "scripted"}
    agents = [
        known.get(name, new | {"name": name, "persona": f"You are {name}."}) for name in names
    ]
    return Config.model_validate({"agents": agents, "session": {"seed": 7, **session}})


def held(agora, config, *, session_id="s", topics=TOPICS):
    """A session that came to its end."""
    reports_dir = agora.data_dir.parent / "reports"
    agora.create(config, reports_dir=reports_dir, theme=THEME, topics=topics, session_id=session_id)
    assert agora.run_leg(session_id, default_answer).status == "complete"
    return session_id


def step_before(agora, session, node, round_=None):
    return next(
        step.number
        for step in agora.steps(session)
        if step.node == node and round_ in (None, step.round)
    )


def finished(agora, session, answer=default_answer):
    """The calls and steps that a session still takes, and its state at the end; valid before and after."""
    assert validate_state_consistency(agora.snapshot(session))["errors"] == []
    told = []
    assert agora.run_leg(session, answer, listener=told.append).status == "complete"
    state = agora.snapshot(session)
    assert validate_state_consistency(state)["errors"] == []
    return [e for e in told if isinstance(e, CallStarted | StepFinished)], state


def stored(agora, session):
    """All that the database has of a session."""
    return list(agora._saver.list(where(session)))


def test_another_panel_goes_on_in_the_middle_and_the_source_stays(agora):
    config = panel("Ada", "Bruno", "Celia", min_rounds=2, max_rounds=3)
    source = held(agora, config)
    original, rows = agora.snapshot(source), stored(agora, source)
    at = step_before(agora, source, "discussion_round", 2)
    other = panel("Zoe", "Celia", "Ada", min_rounds=2, max_rounds=3, dissenter=True).model_dump()
    other["agents"][2]["persona"] = "You count in years."
    fork = agora.fork(source, at, "other", config=Config.model_validate(other))
    events, state = finished(agora, fork)

    assert {a["id"]: a["name"] for a in state["agents"] if a["role"] == "participant"} == {
        "participant-1": "Ada",
        "participant-2": "Bruno",
        "participant-3": "Celia",
        "participant-4": "Zoe",
    }
    assert (state["excluded"], state["agents"][0]["persona"]) == (
        ["participant-2"],
        "You count in years.",
    )
    before = [m for m in original["messages"] if m["round"] == 1]
    assert state["messages"][: len(before)] == before
    assert {m["speaker"] for m in before} == {"Ada", "Bruno", "Celia"}
    later = [m for m in state["messages"][len(before) :] if m["kind"] == "statement"]
    assert {(m["agent"], m["speaker"]) for m in later} == {
        ("participant-1", "Ada"),
        ("participant-3", "Celia"),
        ("participant-4", "Zoe"),
    }
    assert all(m["round"] > 1 for m in later)
    assert "opening_position" not in {e.task for e in events if isinstance(e, CallStarted)}
    (origin,) = state["forked_from"]
    assert (origin["session"], origin["step"]) == (source, at)
    assert (origin["joined"], origin["left"]) == (["participant-4"], ["participant-2"])
    paid = origin["usage"]["offline/scripted"]["calls"]
    calls = sum(isinstance(event, CallStarted) for event in events)
    assert state["usage"]["offline/scripted"]["calls"] == paid + calls
    index = reports.final_report(state)["index.md"]
    assert "- **Forked**: Up to step" in index
    assert "Bruno is left out; Zoe joins; dissenter on instead of off." in index
    assert "| Bruno | Participant, **left out** |" in index
    assert "Dropped out" not in index
    assert f"Paid for before the fork, in session “s”: {paid} calls" in index
    assert stored(agora, source) == rows


@in_sqlite
def test_another_voting_rule_counts_the_same_ballots_without_any_call(agora):
    rules = {"min_rounds": 1, "max_rounds": 1, "seed": 7}
    source = held(agora, offline_config(voting_rule="borda", **rules), topics=())
    at = step_before(agora, source, "synthesize_agenda")
    ballots = [v for v in agora.snapshot(source)["vote_history"] if v["kind"] == "agenda"]
    counted = {}
    for rule in ("plurality", "instant_runoff"):
        fork = agora.fork(source, at, rule, config=offline_config(voting_rule=rule, **rules))
        told = []
        agora.run_leg(fork, listener=told.append)
        state = agora.snapshot(fork)
        assert agora.question(fork)["type"] == "agenda_approval"
        assert [v for v in state["vote_history"] if v["kind"] == "agenda"] == ballots
        tasks = {event.task for event in told if isinstance(event, CallStarted)}
        assert tasks <= {"tie_break"}
        assert tasks or state["usage"] == state["forked_from"][0]["usage"]
        counted[rule] = state["tally"]
    first = agora.snapshot(source)["tally"]
    assert counted["instant_runoff"]["order"] != first["order"] != counted["plurality"]["order"]
    assert counted["plurality"]["rule"] == "plurality"


@in_sqlite
def test_a_fork_of_a_fork_takes_back_who_was_left_out_and_knows_its_whole_line(agora):
    rules = {"min_rounds": 1, "max_rounds": 2, "positions": "every_round"}
    source = held(agora, panel("Ada", "Bruno", "Celia", **rules))
    at = step_before(agora, source, "round_summarization")
    without = agora.fork(
        source,
        at,
        "without",
        config=panel("Ada", "Celia", "Dan", min_rounds=1, max_rounds=2, positions="off"),
    )
    _, state = finished(agora, without)
    assert {p["moment"] for p in state["positions"]} == {"before"}
    later = step_before(agora, without, "end_topic_poll")
    again = agora.fork(without, later, "again", config=panel("Ada", "Bruno", **rules))
    _, state = finished(agora, again)
    assert state["excluded"] == ["participant-3", "participant-4"]
    last = max(vote["ballot"] for vote in state["vote_history"])
    voted = {v["agent"] for v in state["vote_history"] if v["ballot"] == last}
    assert voted == {"participant-1", "participant-2"}
    assert [fork["session"] for fork in state["forked_from"]] == [source, "without"]
    assert {p["moment"] for p in state["positions"]} >= {"before", "round", "after"}


@in_sqlite
def test_a_fork_can_change_everything_at_any_step(agora):
    short = {"min_rounds": 1, "max_rounds": 2, "checkpoint_interval": 9}
    source = held(agora, panel("Ada", "Bruno", "Celia", **short), topics=())
    config = panel("Zoe", "Ada", **short, conclude="unanimous", attribution="shown", seed=8)
    for node in ("agent_instantiation", "agenda_voting", "file_output"):
        fork = agora.fork(source, step_before(agora, source, node), node, config=config)
        assert agora.snapshot(fork)["seed"] == 8
        _, state = finished(agora, fork, answers(topic_continuation="end_session"))
        participants = [a for a in state["agents"] if a["role"] == "participant"]
        present = [a["name"] for a in participants if a["id"] not in state["excluded"]]
        assert sorted(present) == ["Ada", "Zoe"], node
        assert "attribution shown instead of hidden" in reports.final_report(state)["index.md"]


def test_a_threshold_counts_for_the_poll_that_was_taken(agora):
    source = held(agora, offline_config(max_rounds=4))
    at = step_before(agora, source, "vote_evaluation")
    unanimous = offline_config(max_rounds=4, conclude="unanimous")
    fork = agora.fork(source, at, config=unanimous)
    assert (agora.snapshot(fork)["poll"]["yes"], agora.snapshot(fork)["poll"]["needed"]) == (3, 4)
    agora.run_leg(fork, answers(periodic_stop=None))
    assert agora.snapshot(fork)["current_round"] == 4
    end = step_before(agora, source, "topic_report_generation + topic_summary_generation")
    late = agora.snapshot(agora.fork(source, end, config=unanimous))
    assert "3 yes, 1 no (more than half must be for it)" in reports.final_report(late)["index.md"]


@in_sqlite
def test_who_was_excluded_stays_so_unless_the_configuration_changes_them(agora, tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire:
        good = {"provider": "openai_compatible", "base_url": wire.base_url, "model": "good"}
        names = ("Ada", "Bruno", "Celia")
        members = [{**good, "name": name} for name in names]
        members[1]["model"] = "refuses-key"
        roles = dict.fromkeys(("moderator", "summarizer", "report_writer"), good)
        plain = {"agents": members, **roles, "session": {"seed": 7, "min_rounds": 1}}
        config = Config.model_validate(plain)
        reports_dir = agora.data_dir.parent / "reports"
        source = agora.create(config, reports_dir=reports_dir, theme=THEME, topics=TOPICS)
        agora.run_leg(source, answers(provider_failure="exclude_agent", periodic_stop=None))
        at = agora.steps(source)[-1].number
        plain["session"]["conclude"] = "unanimous"
        same = agora.fork(source, at, config=Config.model_validate(plain))
        assert agora.snapshot(same)["excluded"] == ["participant-2"]
        plain["agents"][1]["model"] = "good"
        mended = agora.snapshot(agora.fork(source, at, config=Config.model_validate(plain)))
        assert (mended["excluded"], mended["forked_from"][0]["joined"]) == ([], ["participant-2"])
        assert mended["forked_from"][0]["one_model"]
        plain["agents"] = [{**members[0]}, {**members[1], "model": "refuses-key"}]
        with pytest.raises(UsageError, match="only Ada could speak"):
            agora.fork(source, at, config=Config.model_validate(plain))


def test_what_cannot_be_changed_in_the_middle_is_refused(agora):
    rules = {"min_rounds": 1, "max_rounds": 2, "participation": "start_of_round"}
    source = held(agora, offline_config(**rules))
    second = step_before(agora, source, "discussion_round", 2)
    with pytest.raises(UsageError, match=r"belongs to round 2, and max_rounds is 1"):
        agora.fork(source, second, config=offline_config(min_rounds=1, max_rounds=1))
    turn = step_before(agora, source, "user_turn", 2)
    with pytest.raises(UsageError, match="it is the user's turn"):
        agora.fork(source, turn, config=offline_config(min_rounds=1, max_rounds=2))
    assert [info.session_id for info in agora.list_sessions()] == [source]
    fork = agora.fork(source, second, config=offline_config(min_rounds=1, max_rounds=2))
    events, _ = finished(agora, fork)
    assert "user_turn" not in {e.node for e in events if isinstance(e, StepFinished)}


def flow_of(agora, session):
    """The flow of a session, for a bug to be put into it."""
    state = agora.snapshot(session)
    config = Config.model_validate(state["config"])
    reports_dir = agora.data_dir.parent / "reports"
    return VirtualAgoraV13Flow(
        config,
        checkpointer=agora._saver,
        clock=TestClock(),
        reports_dir=reports_dir,
        seed=state["seed"],
    )


@in_sqlite
def test_fewer_rounds_hold_from_the_fork_on_even_if_its_first_step_breaks(agora):
    """Between topics the last round of the latest one is no round of the new rules."""
    source = held(agora, offline_config(min_rounds=2), topics=(*TOPICS, "Who pays?"))
    low = offline_config(min_rounds=1, max_rounds=1)
    for step in agora.steps(source):
        if not step.topic:
            state = agora.snapshot(agora.fork(source, step.number, f"at-{step.number}", config=low))
            assert validate_state_consistency(state)["errors"] == [], step

    fork = f"at-{step_before(agora, source, 'agent_poll')}"
    flow, before = flow_of(agora, fork), agora.snapshot(fork)

    def broken(state):
        raise OSError("no space left on device")

    flow.nodes.agent_poll_node = broken
    with pytest.raises(NodeExecutionError, match="no space left"):
        list(StreamCoordinator(flow, default_answer).coordinate_stream_execution(where(fork)))
    assert agora.snapshot(fork) == before
    _, state = finished(agora, fork)
    assert {m["round"] for m in state["messages"] if m["topic"] == "Who pays?"} == {1}


def test_a_fork_is_never_repaired_into_the_session_that_it_left(agora):
    source = held(agora, offline_config(min_rounds=1, max_rounds=1))
    at = step_before(agora, source, "end_topic_poll")
    agora.fork(source, at, "whole")
    left = agora.snapshot("whole")["forked_from"]
    # As if something had spoilt the very first state of the fork.
    point = next(step for step in agora.steps(source) if step.number == at)
    spoilt = {"forked_from": left, "excluded": ["nobody"]}
    agora._saver.copy_history(source, point.checkpoint_id, "spoilt", spoilt)
    flow = flow_of(agora, "spoilt")
    flow.error_recovery_manager.emergency_recovery(ValueError("a bug"), where("spoilt"))
    state = agora.snapshot("spoilt")
    assert (state["forked_from"], agora.steps("spoilt")[-1].node) == (left, "end_topic_poll")
    with pytest.raises(UsageError, match=r"could not go on from step \d+: excluded names who"):
        agora.fork("spoilt", at, "again")
    assert "again" not in [info.session_id for info in agora.list_sessions()]
