"""Is a session's state whole? Asked after every failure, and by the tests after every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from virtual_agora.state.schema import VirtualAgoraState

__all__ = ["ValidationResult", "validate_state_consistency"]

PHASES = range(6)


class ValidationResult(TypedDict):
    """`errors` has one sentence for each thing that is wrong; none when `is_valid`."""

    is_valid: bool
    errors: list[str]


def validate_state_consistency(snapshot: Mapping[str, Any]) -> ValidationResult:
    """Check a session's values against the schema's types and the protocol's invariants."""
    errors = list(_type_errors(snapshot))
    if not errors:
        for check in (_check_session, _check_agenda, _check_members, _check_messages):
            errors.extend(check(snapshot))
    return {"is_valid": not errors, "errors": errors}


@cache
def _adapter() -> TypeAdapter[Any]:
    strict = with_config(ConfigDict(extra="forbid", strict=True))
    return TypeAdapter(strict(VirtualAgoraState))


def _type_errors(snapshot: Mapping[str, Any]) -> Iterator[str]:
    try:
        _adapter().validate_python(dict(snapshot))
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            where = ".".join(str(part) for part in problem["loc"])
            yield f"{where}: {problem['msg']}"


def _check_session(state: Mapping[str, Any]) -> Iterator[str]:
    if not state.get("session_id"):
        yield "session_id is missing"
    if state.get("current_phase", 0) not in PHASES:
        yield f"current_phase is {state['current_phase']}, the phases are 0 to 5"
    history = state.get("phase_history", [])
    if history and history[-1]["phase"] != state.get("current_phase"):
        yield "the last entry of phase_history is not the current phase"
    if state.get("current_round", 0) < 0:
        yield f"current_round is {state['current_round']}"
    if state.get("status") == "complete" and not state.get("reports"):
        yield "the session is complete but has no report"


def _check_agenda(state: Mapping[str, Any]) -> Iterator[str]:
    agenda, completed = state.get("agenda", []), state.get("completed_topics", [])
    for name, titles in (("agenda", agenda), ("completed_topics", completed)):
        if len(set(titles)) != len(titles):
            yield f"{name} lists a topic twice"
    if both := set(agenda) & set(completed):
        yield f"both open and completed: {', '.join(sorted(both))}"
    summarized = [summary["topic"] for summary in state.get("topic_summaries", [])]
    if missing := [title for title in completed if title not in summarized]:
        yield f"completed without a summary: {', '.join(missing)}"


def _check_members(state: Mapping[str, Any]) -> Iterator[str]:
    ids = [agent["id"] for agent in state.get("agents", [])]
    if len(set(ids)) != len(ids):
        yield "two agents share an id"
    named = {
        "excluded": state.get("excluded", []),
        "failures": state.get("failures", {}),
        "speaking_order": state.get("speaking_order", []),
        "vote_history": [vote["agent"] for vote in state.get("vote_history", [])],
        "messages": [m["agent"] for m in state.get("messages", []) if m["agent"] != "user"],
    }
    for field, agents in named.items():
        if unknown := sorted(set(agents) - set(ids)):
            yield f"{field} names agents that do not exist: {', '.join(unknown)}"


def _check_messages(state: Mapping[str, Any]) -> Iterator[str]:
    ids = [message["id"] for message in state.get("messages", [])]
    if len(set(ids)) != len(ids):
        yield "two messages share an id"
    rounds = [(summary["topic"], summary["round"]) for summary in state.get("round_summaries", [])]
    if len(set(rounds)) != len(rounds):
        yield "a round is summarized twice"
