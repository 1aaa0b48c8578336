"""Is a session's state whole? Asked after every failure, and by the tests after every step.

Types are checked against the schema, then what the protocol keeps true after every step: for the parts of the
state one function each, whose rows pair what must hold with the sentence that is said when it does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from virtual_agora.state.schema import VirtualAgoraState
from virtual_agora.state.usage import concluding

__all__ = ["ValidationResult", "validate_state_consistency"]

State = Mapping[str, Any]
Rows = Iterator[tuple[bool, str]]

PRESENT: Mapping[int, str] = {
    0: "schema_version start_time config config_hash seed reports_dir user_defines_topics "
    "agenda current_round current_phase status",
    1: "agenda_rejections failures excluded",
    2: "speaking_order poll decision concluded_by",
}
"""Fields that exist from a phase on."""

FILLED: Mapping[int, str] = {0: "session_id", 1: "main_topic agents", 4: "completed_topics"}
"""Fields that exist and are not empty from a phase on."""


class ValidationResult(TypedDict):
    """`errors` has one sentence for each thing that is wrong; none when `is_valid`."""

    is_valid: bool
    errors: list[str]


def validate_state_consistency(snapshot: State) -> ValidationResult:
    """Check a session's values against the schema's types and the protocol's invariants."""
    errors = (
        list(_type_errors(snapshot))
        or list(_missing(snapshot))
        or [
            sentence
            for check in (_session, _topics, _writings, _members, _votes, _positions)
            for holds, sentence in check(snapshot)
            if not holds
        ]
    )
    return {"is_valid": not errors, "errors": errors}


@cache
def _adapter() -> TypeAdapter[Any]:
    strict = with_config(ConfigDict(extra="forbid", strict=True))
    return TypeAdapter(strict(VirtualAgoraState))


def _type_errors(state: State) -> Iterator[str]:
    try:
        _adapter().validate_python(dict(state))
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            where = ".".join(str(part) for part in problem["loc"])
            yield f"{where}: {problem['msg']}"


def _missing(state: State) -> Iterator[str]:
    # With its budget used up before its first topic, a session goes straight to its end.
    phase = min(state.get("current_phase", 0), 1 if _without_topics(state) else 5)
    absent = [name for name in _until(phase, PRESENT) if name not in state]
    empty = [name for name in _until(phase, FILLED) if not state.get(name)]
    yield from (f"{name} is missing in phase {phase}" for name in [*absent, *empty])


def _without_topics(state: State) -> bool:
    taken_up = state.get("current_topic") or state.get("completed_topics")
    return concluding(state) == "session" and not taken_up


def _until(phase: int, fields: Mapping[int, str]) -> Iterator[str]:
    for begin, names in fields.items():
        if begin <= phase:
            yield from names.split()


def _session(state: State) -> Rows:
    phase, rounds = state["current_phase"], state["current_round"]
    history = [record["phase"] for record in state.get("phase_history", [])]
    most = state["config"].get("session", {}).get("max_rounds")
    yield (
        phase == (history[-1] if history else 0),
        "the last entry of phase_history is not the current phase",
    )
    yield most is not None, "config has no max_rounds"
    # Between topics it is still that of the latest one, which a fork may have held under other rules.
    held = not state.get("current_topic") or most is None or rounds <= most
    yield held, f"current_round is {rounds}, the last round is {most}"


def _topics(state: State) -> Rows:
    phase, current = state["current_phase"], state.get("current_topic", "")
    agenda, completed = state["agenda"], state.get("completed_topics", [])
    both = set(agenda) & set(completed)
    yield len(set(agenda)) == len(agenda), "agenda lists a topic twice"
    yield len(set(completed)) == len(completed), "completed_topics lists a topic twice"
    yield not both, f"both open and completed: {_names(both)}"
    yield current not in agenda, "the current topic is still on the agenda"
    yield current not in completed, "the current topic is already completed"
    concluded = concluding(state) == "session"
    yield bool(current) or phase != 2 or concluded, "there is no current topic in phase 2"
    yield not current or phase in (2, 3), f"there is a current topic in phase {phase}"
    yield (
        phase != 3 or bool(state["concluded_by"]),
        "a topic is being closed, but nothing concluded it",
    )


def _writings(state: State) -> Rows:
    phase, current = state["current_phase"], state.get("current_topic", "")
    completed = state.get("completed_topics", [])
    discussed = {*completed, current} - {""}
    closed = discussed if phase == 3 else set(completed)
    reports = [report["topic"] for report in state.get("reports", [])]
    final = bool(reports) and reports[-1] == ""
    summaries = [summary["topic"] for summary in state.get("topic_summaries", [])]
    for field, topics in (
        ("topic_summaries", summaries),
        ("reports", reports[:-1] if final else reports),
    ):
        missing, early = set(completed) - set(topics), set(topics) - closed
        yield not missing, f"completed without an entry in {field}: {_names(missing)}"
        yield not early, f"{field} on topics that were not closed: {_names(early)}"
        yield len(set(topics)) == len(topics), f"{field} has a topic twice"
    yield not final or phase == 5, f"there is a final report in phase {phase}"
    yield (
        final or state["status"] == "running",
        "the session is complete but has no final report",
    )

    for field, free in (
        ("messages", set()),
        ("round_summaries", set()),
        ("digests", set()),
        ("positions", set()),
        ("vote_history", {""}),
    ):
        unknown = {entry["topic"] for entry in state.get(field, [])} - discussed - free
        yield not unknown, f"{field} on topics that were not discussed: {_names(unknown)}"
    ids = [message["id"] for message in state.get("messages", [])]
    rounds = [(summary["topic"], summary["round"]) for summary in state.get("round_summaries", [])]
    digests = state.get("digests", [])
    made = [(digest["topic"], digest["round"]) for digest in digests]
    ahead = any(digest["condensed"] >= digest["round"] for digest in digests)
    yield len(set(ids)) == len(ids), "two messages share an id"
    yield len(set(rounds)) == len(rounds), "a round is summarized twice"
    yield len(set(made)) == len(made), "two digests were made after one round"
    yield not ahead, "a digest stands for rounds that were not over"


def _members(state: State) -> Rows:
    agents, phase = state.get("agents", []), state["current_phase"]
    ids = [agent["id"] for agent in agents]
    roles = Counter(agent["role"] for agent in agents)
    participants = {agent["id"] for agent in agents if agent["role"] == "participant"}
    yield len(set(ids)) == len(ids), "two agents share an id"
    for role in ("moderator", "summarizer", "report_writer"):
        yield phase == 0 or roles[role] == 1, f"the assembly has {roles[role]} in the role {role}"
    for field, named, others in (
        ("excluded", state.get("excluded", []), set()),
        ("failures", state.get("failures", {}), set()),
        ("speaking_order", state.get("speaking_order", []), set()),
        ("proposals", _agents(state, "proposals"), {"moderator"}),
        ("ballots", _agents(state, "ballots"), set()),
        ("vote_history", _agents(state, "vote_history"), set()),
        ("messages", _agents(state, "messages"), {"user"}),
        ("positions", _agents(state, "positions"), {"moderator"}),
    ):
        strangers = set(named) - participants - others
        yield not strangers, f"{field} names who is no participant: {_names(strangers)}"
    left = participants - set(state.get("excluded", []))
    yield phase == 0 or bool(left), "no participant is left"


def _votes(state: State) -> Rows:
    votes, poll = state.get("vote_history", []), state.get("poll", {})
    ballots = [vote["ballot"] for vote in votes]
    occasions = {(vote["ballot"], vote["kind"], vote["topic"], vote["round"]) for vote in votes}
    cast = {(vote["ballot"], vote["agent"]) for vote in votes}
    yield ballots == sorted(ballots), "the ballots in vote_history are not in order"
    yield len(occasions) == len(set(ballots)), "votes of one ballot are not on the same question"
    yield len(cast) == len(votes), "somebody voted twice in one ballot"

    counted = sum(poll.get(answer, 0) for answer in ("yes", "no", "abstained"))
    panel = sum(agent["role"] == "participant" for agent in state.get("agents", []))
    yield len(poll) in (0, 4), "the poll is not whole"
    yield counted <= panel, f"the poll counts {counted} answers of {panel} participants"


def _positions(state: State) -> Rows:
    taken = state.get("positions", [])
    allowed = {moment for rules in _rules_so_far(state) for moment in _moments(rules)}
    occasions = [(p["agent"], p["topic"], p["moment"], p["round"]) for p in taken]
    wrong = {p["moment"] for p in taken} - allowed
    alone = {p["agent"] == "moderator" for p in taken if p["moment"] == "single_model"}
    others = {p["agent"] for p in taken if p["moment"] != "single_model"}
    moved = {p["moment"] for p in taken if p["moved_by"]} - {"round", "after"}
    named = {id_ for p in taken for id_ in p["moved_by"]}
    strangers = named - {message["id"] for message in state.get("messages", [])}
    yield not wrong, f"positions of moments that config does not have: {_names(wrong)}"
    yield len(set(occasions)) == len(taken), "somebody took a position twice at one moment"
    yield False not in alone, "the position of a single model is not the moderator's model's"
    yield "moderator" not in others, "the moderator took a position"
    yield not moved, f"positions that cannot have been moved name turns: {_names(moved)}"
    yield not strangers, f"positions moved by turns that do not exist: {_names(strangers)}"


def _rules_so_far(state: State) -> Iterator[State]:
    """The rules in force, and those before each fork that changed them, the latest first."""
    rules = dict(state["config"].get("session", {}))
    yield rules
    for fork in reversed(state.get("forked_from", [])):
        rules = rules | {
            change["key"].removeprefix("session."): change["before"] for change in fork["changes"]
        }
        yield rules


def _moments(rules: State) -> set[str]:
    """When positions are taken under these rules."""
    when = rules.get("positions", "before_and_after")
    if when == "off":
        return set()
    optional = {
        "round": when == "every_round",
        "control": rules.get("control", False),
        "single_model": rules.get("single_model", False),
    }
    return {"before", "after", *(moment for moment, taken in optional.items() if taken)}


def _agents(state: State, field: str) -> list[str]:
    return [entry["agent"] for entry in state.get(field, [])]


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
