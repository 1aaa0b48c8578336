"""Two sessions side by side: where they parted, in what they were set up differently, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypeVar

from langgraph.checkpoint.base import CheckpointTuple

from virtual_agora.config.differences import differences
from virtual_agora.config.models import Config
from virtual_agora.execution.standing import SessionInfo, next_nodes, outcome
from virtual_agora.reports.facts import last_poll, poll_words, summary_of, topics
from virtual_agora.state.schema import Change
from virtual_agora.state.usage import cost_of, spent

__all__ = ["Comparison", "Parting", "Spent", "Topic", "Whole", "compare"]

State = Mapping[str, Any]
T = TypeVar("T")
Pair = tuple[T, T]

OWN = {"usage", "task_usage", "budget", "estimate", "phase_history", "current_phase"}
"""Fields in which a step's outcome is not compared: what it cost, and what follows from the others."""


class Whole(NamedTuple):
    """A session with all its checkpoints, in order."""

    info: SessionInfo
    state: State
    history: Sequence[CheckpointTuple]


@dataclass(frozen=True, slots=True)
class Parting:
    """The first step that came out differently: its number, what ran in each session, and the fields that differ, with their values.

    What ran is empty for a session that has come to its end, or has not made that step.
    """

    step: int
    ran: Pair[str]
    fields: dict[str, Pair[Any]]


@dataclass(frozen=True, slots=True)
class Topic:
    """What became of a topic in one session. `standing` is `closed`, `under way`, `open`, or empty where it is not known there.

    `concluded_by` and `poll`, the last on concluding it, are empty while there is nothing to say.
    """

    standing: str = ""
    rounds: int = 0
    concluded_by: str = ""
    statements: int = 0
    poll: str = ""


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls, tokens, and US dollars (None: a price is unknown)."""

    calls: int
    tokens: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of each pair the first belongs to the first session.

    `shared` counts the steps of the history that both have in common, one being forked from the other or both from a
    third; `shared_node` is what runs after them. `parted` is None where nothing came out differently.
    `first` is what the latest ballot put first on the agenda, by the rule `rule`. `paid_together` is part of both `spent`.
    """

    sessions: Pair[str]
    status: Pair[str]
    theme: Pair[str]
    seed: Pair[int]
    shared: int
    shared_node: str
    parted: Parting | None
    configuration: list[Change]
    agenda: Pair[list[str]]
    rule: Pair[str]
    first: Pair[list[str]]
    topics: dict[str, Pair[Topic]]
    spent: Pair[Spent]
    paid_together: Spent

    def plain(self) -> dict[str, Any]:
        """The comparison as plain data, for programs."""
        return asdict(self)


def compare(one: Whole, other: Whole) -> Comparison:
    """Compare two sessions; one with itself shares everything and differs in nothing."""
    shared = _shared(one.history, other.history)
    last = one.history[shared - 1] if shared else None
    values = last.checkpoint["channel_values"] if last else {}
    known = dict.fromkeys([*_agenda(one.state), *_agenda(other.state)])
    both = (one.state, other.state)
    return Comparison(
        sessions=(one.info.session_id, other.info.session_id),
        status=(one.info.status, other.info.status),
        theme=(one.info.theme, other.info.theme),
        seed=(one.state["seed"], other.state["seed"]),
        shared=max(shared - 1, 0),
        shared_node=" + ".join(next_nodes(last)) if last else "",
        parted=_parting(one.history, other.history, max(shared - 1, 0)),
        configuration=differences(*(Config.model_validate(state["config"]) for state in both)),
        agenda=(_agenda(one.state), _agenda(other.state)),
        rule=(_rule(one.state), _rule(other.state)),
        first=(_first(one.state), _first(other.state)),
        topics={title: (_topic(one.state, title), _topic(other.state, title)) for title in known},
        spent=(_spent(one.state), _spent(other.state)),
        paid_together=_spent(values),
    )


def _shared(one: Sequence[CheckpointTuple], other: Sequence[CheckpointTuple]) -> int:
    """How many checkpoints both histories begin with: a fork keeps the ids of those that it copies."""
    pairs = zip(one, other, strict=False)
    alike = [a.checkpoint["id"] == b.checkpoint["id"] for a, b in pairs]
    return alike.index(False) if False in alike else len(alike)


def _parting(
    one: Sequence[CheckpointTuple], other: Sequence[CheckpointTuple], begin: int
) -> Parting | None:
    """The first step from `begin` on that did not come out alike; None if there is none, as far as both have come."""
    for number in range(begin, max(len(one), len(other))):
        a, b = (history[number] if number < len(history) else None for history in (one, other))
        ran = (_ran(a), _ran(b))
        given = (outcome(a) if a else {}, outcome(b) if b else {})
        names = sorted({*given[0], *given[1]} - OWN)
        fields = {
            name: (given[0].get(name), given[1].get(name))
            for name in names
            if _timeless(given[0].get(name)) != _timeless(given[1].get(name))
        }
        if ran[0] != ran[1] or fields:
            return Parting(number, ran, fields)
    return None


def _ran(found: CheckpointTuple | None) -> str:
    return " + ".join(next_nodes(found)) if found and outcome(found) else ""


def _timeless(value: Any) -> Any:
    """A value without the times at which its entries were made."""
    if isinstance(value, list):
        return [_timeless(entry) for entry in value]
    if isinstance(value, dict):
        return {key: entry for key, entry in value.items() if key != "at"}
    return value


def _agenda(state: State) -> list[str]:
    """All topics, in the order they were or are to be taken up."""
    return list(dict.fromkeys([*topics(state), *state.get("agenda", [])]))


def _rule(state: State) -> str:
    return str((state.get("tally") or {}).get("rule", ""))


def _first(state: State) -> list[str]:
    order = (state.get("tally") or {}).get("order", [])
    return list(order[0]) if order else []


def _topic(state: State, title: str) -> Topic:
    if title not in _agenda(state):
        return Topic()
    if title not in topics(state):
        return Topic("open")
    said = [
        m for m in state.get("messages", []) if m["topic"] == title and m["kind"] == "statement"
    ]
    summary, votes = summary_of(state, title), last_poll(state, "conclude_topic", title)
    closed = title in state.get("completed_topics", [])
    return Topic(
        standing="closed" if closed else "under way",
        rounds=summary["rounds"] if summary else max((m["round"] for m in said), default=0),
        concluded_by=summary["concluded_by"] if summary else "",
        statements=len(said),
        poll=poll_words(votes) if votes else "",
    )


def _spent(state: State) -> Spent:
    usage = state.get("usage", {})
    used = spent(usage)
    return Spent(calls=used["calls"], tokens=used["tokens"], cost=cost_of(usage))
