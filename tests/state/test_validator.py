"""Every sentence the validator can say, each about a real session's state that is broken in one way."""

from __future__ import annotations

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from tests.conftest import THEME, TestClock, checked_updates, offline_config

from virtual_agora.flow.graph_v13 import VirtualAgoraV13Flow
from virtual_agora.state.validator import validate_state_consistency

FIRST, SECOND, THIRD = "What does it cost?", "Who gains?", "Who pays?"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One topic is closed, one has just been polled on, one is still on the agenda."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("VIRTUAL_AGORA_OFFLINE_LATENCY", "0")
        flow = VirtualAgoraV13Flow(
            offline_config(min_rounds=1, checkpoint_interval=9),
            checkpointer=InMemorySaver(),
            clock=TestClock(),
            reports_dir=tmp_path_factory.mktemp("reports"),
        )
        session = flow.create_session(THEME, topics=(FIRST, SECOND, THIRD))
        for name, _ in checked_updates(flow, session):
            state = flow.state_manager.get_snapshot()
            if name == "end_topic_poll" and state["current_topic"] == SECOND:
                return state
    raise AssertionError("the session never came so far")


def without(*fields):
    return lambda state: {name: value for name, value in state.items() if name not in fields}


def put(**changes):
    return lambda state: {**state, **changes}


def last(field, **changes):
    """The last entry of a field, changed."""
    return lambda state: {**state, field: [*state[field][:-1], {**state[field][-1], **changes}]}


def first(field, **changes):
    """The first entry of a field, changed."""
    return lambda state: {**state, field: [{**state[field][0], **changes}, *state[field][1:]]}


def more(**entries):
    """One more entry in each of these fields."""
    return lambda state: {
        **state,
        **{field: [*state[field], entry] for field, entry in entries.items()},
    }


def again(field):
    """The last entry of a field, twice."""
    return lambda state: {**state, field: [*state[field], state[field][-1]]}


def poll(**changes):
    return lambda state: {**state, "poll": {**state["poll"], **changes}}


def under(**rules):
    """The session's rules, others than it was held under."""

    def changed(state):
        session = {**state["config"]["session"], **rules}
        return {**state, "config": {**state["config"], "session": session}}

    return changed


def at(phase):
    """The session says that it is in another phase."""
    return lambda state: {
        **more(phase_history={"phase": phase, "node": "x"})(state),
        "current_phase": phase,
    }


PARTICIPANTS = [f"participant-{number}" for number in range(1, 5)]
FINAL = {"topic": "", "title": THEME, "sections": []}
REPORT = {"topic": SECOND, "title": SECOND, "sections": []}
DIGEST = {"topic": FIRST, "round": 2, "condensed": 1, "text": "…"}
SUMMARY = {"topic": SECOND, "text": "…", "rounds": 1, "concluded_by": "vote"}

USED = {
    "calls": 1,
    "failed": 0,
    "repaired": 0,
    "input_tokens": 1,
    "output_tokens": 1,
    "cached_tokens": 0,
    "prompt_chars": 1,
    "cost": None,
}
TALLY = {
    "rule": "borda",
    "scores": {},
    "order": [],
    "ballots": 0,
    "abstained": 0,
    "tie_broken_by": "",
}


def test_a_real_state_is_valid(whole):
    assert validate_state_consistency(whole) == {"is_valid": True, "errors": []}


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        # What the schema's types say.
        (put(agendas=[]), "agendas: Extra inputs are not permitted"),
        (put(current_round="1"), "current_round: Input should be a valid integer"),
        (put(current_round=-1), "current_round: Input should be greater than or equal to 0"),
        (put(current_phase=6), "current_phase: Input should be less than or equal to 5"),
        (put(status="stuck"), "status: Input should be 'running' or 'complete'"),
        (
            put(concluded_by="banana"),
            "concluded_by: Input should be '', 'vote', 'user', 'max_rounds' or 'budget'",
        ),
        (
            put(decision="banana"),
            "decision: Input should be '', 'reject', 'finalize', 'end_topic', "
            "'skip_to_report', 'continue', 'end_session' or 'modify_agenda'",
        ),
        (poll(yes=-3), "poll.yes: Input should be greater than or equal to 0"),
        (
            put(tally={**TALLY, "tie_broken_by": "banana"}),
            "tally.tie_broken_by: Input should be '', 'moderator' or 'seed'",
        ),
        (
            first("messages", role="user"),
            "messages.0.role: Input should be 'participant', 'moderator', 'summarizer', "
            "'report_writer' or 'convener'",
        ),
        (
            first("vote_history", ballot=0),
            "vote_history.0.ballot: Input should be greater than or equal to 1",
        ),
        (
            first("topic_summaries", concluded_by=""),
            "topic_summaries.0.concluded_by: Input should be 'vote', 'user', 'max_rounds' or 'budget'",
        ),
        (
            put(usage={"m": {**USED, "calls": -5}}),
            "usage.m.calls: Input should be greater than or equal to 0",
        ),
        (
            put(usage={"m": {**USED, "cost": -0.5}}),
            "usage.m.cost: Input should be greater than or equal to 0",
        ),
        (
            put(failures={PARTICIPANTS[0]: -1}),
            "failures.participant-1: Input should be greater than or equal to 0",
        ),
        # What must be there.
        (without("seed"), "seed is missing in phase 2"),
        (without("excluded"), "excluded is missing in phase 2"),
        (without("poll"), "poll is missing in phase 2"),
        (put(session_id=""), "session_id is missing in phase 2"),
        (put(main_topic=""), "main_topic is missing in phase 2"),
        (put(agents=[]), "agents is missing in phase 2"),
        # The session.
        (
            put(current_phase=3, concluded_by="vote"),
            "the last entry of phase_history is not the current phase",
        ),
        (put(config={}), "config has no max_rounds"),
        (put(current_round=11), "current_round is 11, the last round is 10"),
        # The topics.
        (put(agenda=[THIRD, THIRD]), "agenda lists a topic twice"),
        (put(completed_topics=[FIRST, FIRST]), "completed_topics lists a topic twice"),
        (put(agenda=[FIRST]), f"both open and completed: {FIRST}"),
        (put(agenda=[SECOND, THIRD]), "the current topic is still on the agenda"),
        (
            more(completed_topics=SECOND, topic_summaries=SUMMARY, reports=REPORT),
            "the current topic is already completed",
        ),
        (
            put(
                current_topic="",
                messages=[],
                positions=[],
                round_summaries=[],
                vote_history=[],
            ),
            "there is no current topic in phase 2",
        ),
        (at(4), "there is a current topic in phase 4"),
        (at(3), "a topic is being closed, but nothing concluded it"),
        # What was written and said.
        (put(topic_summaries=[]), f"completed without an entry in topic_summaries: {FIRST}"),
        (put(reports=[]), f"completed without an entry in reports: {FIRST}"),
        (
            more(topic_summaries=SUMMARY),
            f"topic_summaries on topics that were not closed: {SECOND}",
        ),
        (more(reports=REPORT), f"reports on topics that were not closed: {SECOND}"),
        (again("topic_summaries"), "topic_summaries has a topic twice"),
        (again("reports"), "reports has a topic twice"),
        (more(reports=FINAL), "there is a final report in phase 2"),
        (put(status="complete"), "the session is complete but has no final report"),
        (last("messages", topic="Ghost"), "messages on topics that were not discussed: Ghost"),
        (
            last("round_summaries", topic="Ghost"),
            "round_summaries on topics that were not discussed: Ghost",
        ),
        (
            last("positions", topic="Ghost"),
            "positions on topics that were not discussed: Ghost",
        ),
        (again("messages"), "two messages share an id"),
        (again("round_summaries"), "a round is summarized twice"),
        (
            put(digests=[DIGEST | {"topic": "Ghost"}]),
            "digests on topics that were not discussed: Ghost",
        ),
        (
            put(digests=[DIGEST, DIGEST]),
            "two digests were made after one round",
        ),
        (put(digests=[DIGEST | {"condensed": 2}]), "a digest stands for rounds that were not over"),
        # The members.
        (last("agents", id="moderator"), "two agents share an id"),
        (
            lambda state: {**state, "agents": state["agents"][:-1]},
            "the assembly has 0 in the role report_writer",
        ),
        (put(excluded=["nobody"]), "excluded names who is no participant: nobody"),
        (put(failures={"moderator": 1}), "failures names who is no participant: moderator"),
        (put(speaking_order=["nobody"]), "speaking_order names who is no participant: nobody"),
        (last("messages", agent="nobody"), "messages names who is no participant: nobody"),
        (
            last("vote_history", agent="moderator"),
            "vote_history names who is no participant: moderator",
        ),
        (put(excluded=PARTICIPANTS), "no participant is left"),
        # The positions.
        (last("positions", agent="nobody"), "positions names who is no participant: nobody"),
        (last("positions", agent="moderator"), "the moderator took a position"),
        (
            last("positions", moment="control", moved_by=[]),
            "positions of moments that config does not have: control",
        ),
        (under(positions="off"), "positions of moments that config does not have: after, before"),
        (
            lambda state: under(single_model=True)(last("positions", moment="single_model")(state)),
            "the position of a single model is not the moderator's model's",
        ),
        (again("positions"), "somebody took a position twice at one moment"),
        (
            first("positions", moved_by=["m0001"]),
            "positions that cannot have been moved name turns: before",
        ),
        (
            last("positions", moment="after", moved_by=["m9999"]),
            "positions moved by turns that do not exist: m9999",
        ),
        # The votes.
        (
            lambda state: {**state, "vote_history": state["vote_history"][::-1]},
            "the ballots in vote_history are not in order",
        ),
        (
            last("vote_history", kind="end_session"),
            "votes of one ballot are not on the same question",
        ),
        (again("vote_history"), "somebody voted twice in one ballot"),
        (put(poll={"yes": 1}), "the poll is not whole"),
        (poll(yes=3, no=2, abstained=0), "the poll counts 5 answers of 4 participants"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_else(whole, broken, error):
    result = validate_state_consistency(broken(whole))
    assert result == {"is_valid": False, "errors": [error]}
