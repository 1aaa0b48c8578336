"""A topic as the report shows it: its conclusion, the report on it, who disagreed, and what moved whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from virtual_agora.measures.model import Measures, Sides, TopicMeasures
from virtual_agora.reports.facts import (
    State,
    conclusion,
    names,
    report_on,
    summary_of,
)
from virtual_agora.reports.facts import topics as taken_up
from virtual_agora.reports.html.dissent import Dissent, dissent_on
from virtual_agora.reports.html.figures import percentage
from virtual_agora.reports.html.knowing import Remark, remarks
from virtual_agora.reports.html.positions import Positions, positions_on
from virtual_agora.reports.html.prose import Turns, citable, cite, plain, prose
from virtual_agora.reports.html.trend import Series, trend

__all__ = ["Agreement", "Influence", "Section", "Topic", "sections", "sides_said", "topics_of"]

LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report, with the anchor that leads to it."""

    anchor: str
    title: str
    text: Markup


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the participants agreed by round: the plot, and its numbers in rows of round and three shares."""

    plot: Markup
    rows: Sequence[tuple[str, Sequence[str]]]
    said: str


@dataclass(frozen=True, slots=True)
class Influence:
    """Who moved whom: columns are those who spoke, rows those who name their turns."""

    speakers: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Markup | None]]]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic, ready to be shown."""

    number: int
    title: str
    rounds: int
    closed: str
    summary: Markup | None
    sections: Sequence[Section]
    sides: str
    positions: Positions | None
    agreement: Agreement | None
    influence: Influence | None
    dissent: Dissent
    remarks: Sequence[Remark]


def topics_of(state: State, measures: Measures, turns: Turns) -> list[Topic]:
    """The topics in the order in which they were taken up."""
    measured = {topic["topic"]: topic for topic in measures["topics"]}
    return [
        _topic(state, measured.get(title), turns, number, title)
        for number, title in enumerate(taken_up(state), start=1)
    ]


def sections(state: State, topic: str, turns: Turns, prefix: str, *, under: int) -> list[Section]:
    """The sections of the report on `topic`, or of the final one for `""`."""
    report, turns = report_on(state, topic), citable(turns, topic)
    unwritten = Markup("<p><em>This section could not be written.</em></p>")
    return [
        Section(
            anchor=f"{prefix}-{at}",
            title=plain(section["title"], LONGEST_TITLE) or f"Part {at}",
            text=prose(section["text"], turns, under=under, flag=True) or unwritten,
        )
        for at, section in enumerate(report["sections"] if report else (), start=1)
    ]


def sides_said(sides: Sides | None) -> str:
    """`3 for, 1 against, 1 undecided`."""
    if not sides:
        return ""
    said = f"{sides['support']} for, {sides['oppose']} against"
    return said + (f", {sides['undecided']} undecided" if sides["undecided"] else "")


def _topic(
    state: State, measured: TopicMeasures | None, turns: Turns, number: int, title: str
) -> Topic:
    summary = summary_of(state, title)
    found: Any = measured or {}
    before, after = sides_said(found.get("vote_only")), sides_said(found.get("decided"))
    return Topic(
        number=number,
        title=plain(title, LONGEST_TITLE),
        rounds=summary["rounds"] if summary else state.get("current_round", 0),
        closed=conclusion(state, title),
        summary=prose(summary["text"], citable(turns, title), under=3, flag=True)
        if summary
        else None,
        sections=sections(state, title, turns, f"topic-{number}-part", under=3),
        sides=f"{before} before; {after} after" if before and after else after,
        positions=positions_on(state, measured, turns, number, title),
        agreement=_agreement(found, number),
        influence=_influence(state, found, turns),
        dissent=dissent_on(state, found, turns, title),
        remarks=remarks(state, title),
    )


def _agreement(found: Any, number: int) -> Agreement | None:
    rounds = found.get("agreement") or []
    kinds = {
        "stances": "Stances",
        "words": "Common words",
        "poll": "Poll",
    }
    series = [Series(said, [one.get(kind) for one in rounds]) for kind, said in kinds.items()]
    if not any(value is not None for one in series for value in one.values):
        return None
    plot = trend(
        f"agreement-{number}", "Agreement by round", [one["round"] for one in rounds], series
    )
    rows = [
        (
            "before" if one["round"] == 0 else str(one["round"]),
            [_share(each.values[at]) for each in series],
        )
        for at, one in enumerate(rounds)
    ]
    collapse = found.get("collapse")
    said = (
        f"From round {collapse} on nobody was against what another was for."
        if collapse is not None
        else ""
    )
    return Agreement(plot, rows, said)


def _share(value: float | None) -> str:
    return "–" if value is None else percentage(value)


def _influence(state: State, found: Any, turns: Turns) -> Influence | None:
    moves = found.get("influence") or []
    if not moves:
        return None
    who = {**names(state), "user": "You"}
    order = list(who)
    speakers = sorted({move["speaker"] for move in moves}, key=order.index)
    moved = sorted({move["agent"] for move in moves}, key=order.index)
    cells = {(m["agent"], m["speaker"]): cite(m["turns"], turns) for m in moves}
    return Influence(
        speakers=[plain(who[speaker]) for speaker in speakers],
        rows=[(plain(who[a]), [cells.get((a, speaker)) for speaker in speakers]) for a in moved],
    )
