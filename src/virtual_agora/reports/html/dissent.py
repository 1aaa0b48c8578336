"""Who disagreed on a topic: by a vote against closing it, by where they ended, and in their last words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from virtual_agora.reports.facts import State, last_poll, last_words, names, summary_of
from virtual_agora.reports.html.figures import percentage
from virtual_agora.reports.html.prose import Turns, citable, cite, inline, plain, prose
from virtual_agora.reports.html.slope import signed, stance_words
from virtual_agora.state.schema import Position

__all__ = ["Dissent", "dissent_on"]

SIDES = ("for it", "against it", "undecided")


@dataclass(frozen=True, slots=True)
class Against:
    """Somebody who voted against closing the topic, and its reason, if it gave one."""

    name: str
    reason: Markup


@dataclass(frozen=True, slots=True)
class Differing:
    """Somebody whose last position is not that of the largest side."""

    name: str
    stance: str
    position: Markup
    reasons: Sequence[Markup]


@dataclass(frozen=True, slots=True)
class LastWords:
    """What somebody said once the topic was closed, and which turn that is."""

    name: str
    turn: Markup
    text: Markup


@dataclass(frozen=True, slots=True)
class Dissent:
    """Who voted to go on and who ended on a smaller side, which are two things; last words; what the reports cite.

    A sentence is empty where there is nothing to tell.
    """

    polled: str
    against: Sequence[Against]
    ended: str
    differing: Sequence[Differing]
    whose_words: str
    words: Sequence[LastWords]
    survival: str


def dissent_on(state: State, found: Any, turns: Turns, topic: str) -> Dissent:
    """Who disagreed on `topic`; `found` are its measures, as far as there are any."""
    there, who = citable(turns, topic), names(state)
    votes = last_poll(state, "conclude_topic", topic)
    no = [vote for vote in votes if vote["choice"] == ["no"]]
    sides = _sides(state, topic)
    words = last_words(state, topic)
    return Dissent(
        polled=_polled(bool(votes), bool(no)),
        against=[Against(plain(who[v["agent"]]), inline(v["reason"], there)) for v in no],
        ended=_ended(sides),
        differing=[
            Differing(
                name=plain(who[held["agent"]]),
                stance=f"{stance_words(held['stance'])} ({signed(held['stance'])})",
                position=inline(held["position"], there),
                reasons=[inline(reason, there) for reason in held["reasons"]],
            )
            for side in _smaller(sides)
            for held in sides[side]
        ],
        whose_words=_whose_words(state, topic) if words else "",
        words=[
            LastWords(
                name=plain(who[message["agent"]]),
                turn=cite([message["id"]], turns),
                text=prose(message["content"], turns, under=5),
            )
            for message in words
        ],
        survival=_survival(found, {vote["agent"] for vote in no}, sides),
    )


def _polled(polled: bool, against: bool) -> str:
    if not polled:
        return "Nobody was asked by vote whether to close the topic."
    return "" if against else "In the last poll nobody voted against closing the topic."


def _sides(state: State, topic: str) -> dict[str, list[Position]]:
    """The closing positions by the side that they are on; none where nobody has a stance."""
    last: list[Position] = [
        p for p in state.get("positions", []) if (p["topic"], p["moment"]) == (topic, "after")
    ]
    sides: dict[str, list[Position]] = {side: [] for side in SIDES}
    for position in last:
        stance = position["stance"] or 0
        sides[SIDES[0 if stance > 0 else 1 if stance < 0 else 2]].append(position)
    if all(position["stance"] is None for position in last):
        return {}
    return {side: held for side, held in sides.items() if held}


def _smaller(sides: dict[str, list[Position]]) -> list[str]:
    """The sides but for the largest; all, if two are the largest; none, if there is one only."""
    sizes = [len(held) for held in sides.values()]
    if len(sides) < 2:
        return []
    alone = sizes.count(max(sizes)) == 1
    return [side for side, held in sides.items() if not alone or len(held) < max(sizes)]


def _ended(sides: dict[str, list[Position]]) -> str:
    if not sides:
        return ""
    if len(sides) == 1:
        return f"In the end all positions were on one side: {next(iter(sides))}."
    counted = ", ".join(f"{len(held)} {side}" for side, held in sides.items())
    smaller = _smaller(sides)
    whose = "all, since no side is the largest"
    if len(smaller) < len(sides):
        whose = f"those of the smaller {'side' if len(smaller) == 1 else 'sides'}"
    return f"The closing positions still differ: {counted}. Here are {whose}."


def _whose_words(state: State, topic: str) -> str:
    summary = summary_of(state, topic)
    if (summary["concluded_by"] if summary else state.get("concluded_by")) == "vote":
        return "From those who voted against closing the topic."
    return "From all participants, because it was not their vote that closed the topic."


def _survival(found: Any, no: set[str], sides: dict[str, list[Position]]) -> str:
    """What the reports cite of the minority as it was measured: the outvoted or, without any, the smaller side."""
    minority = found.get("minority") or {}
    if minority.get("survival") is None or not minority.get("turns"):
        return ""
    agents = set(minority["agents"])
    whose = "those who voted against closing the topic"
    if agents != no:
        ended = [side for side, held in sides.items() if agents & {p["agent"] for p in held}]
        whose = f"those who ended {' or '.join(ended)}"
    return (
        f"Of {len(minority['turns'])} turns of {whose}, the reports cite "
        f"{len(minority['cited'])} ({percentage(minority['survival'])})."
    )
