"""Where everybody stood on a topic: the slope plot, its numbers, and the positions in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from virtual_agora.measures.model import TopicMeasures
from virtual_agora.reports.facts import State, participants
from virtual_agora.reports.html.figures import figure, percentage
from virtual_agora.reports.html.prose import Turns, citable, cite, inline, plain
from virtual_agora.reports.html.slope import Course, shows_alone, signed, slope, stance_words
from virtual_agora.state.schema import Position

__all__ = ["Positions", "positions_on"]


@dataclass(frozen=True, slots=True)
class Stand:
    """One participant: a cell for each column, and its latest position with reasons and what moved it."""

    name: str
    cells: Sequence[str]
    stance: str
    position: Markup
    reasons: Sequence[Markup]
    moved_by: Markup | None


@dataclass(frozen=True, slots=True)
class Positions:
    """All positions on a topic. `plot` is None where nobody has a stance; `said` are sentences on the shift.

    `hollow`: the plot shows where some would stand after thinking alone.
    """

    columns: Sequence[str]
    stands: Sequence[Stand]
    plot: Markup | None
    hollow: bool
    said: Sequence[str | Markup]


def positions_on(
    state: State, measured: TopicMeasures | None, turns: Turns, number: int, topic: str
) -> Positions | None:
    """The positions on a topic; None where none was taken down."""
    taken: list[Position] = [p for p in state.get("positions", []) if p["topic"] == topic]
    by_place = {(p["agent"], *_column(p)): p for p in taken if p["moment"] != "single_model"}
    columns = sorted({place[1:] for place in by_place}, key=_order)
    people = [agent for agent in participants(state) if any(agent["id"] == p[0] for p in by_place)]
    if not people:
        return None
    there = citable(turns, topic)
    stands, courses = [], []
    through = [column for column in columns if column[0] != "control"]
    for agent in people:
        own = {column: by_place.get((agent["id"], *column)) for column in columns}
        stands.append(_stand(plain(agent["name"]), list(own.values()), own, there))
        alone = own.get(("control", 0))
        courses.append(
            Course(
                plain(agent["name"]),
                [p["stance"] if (p := own[column]) else None for column in through],
                alone["stance"] if alone else None,
            )
        )
    drawn = any(stance is not None for course in courses for stance in course.stances)
    heads = [_head(*column) for column in through]
    return Positions(
        columns=[_head(*column) for column in columns],
        stands=stands,
        plot=slope(f"positions-{number}", "Positions before and after", heads, courses)
        if drawn
        else None,
        hollow=shows_alone(courses),
        said=_said(measured, taken, there),
    )


def _column(position: Position) -> tuple[str, int]:
    return (position["moment"], position["round"] if position["moment"] == "round" else 0)


def _order(column: tuple[str, int]) -> tuple[int, int]:
    return (["before", "round", "after", "control"].index(column[0]), column[1])


def _head(moment: str, round_number: int) -> str:
    return {"round": str(round_number), "control": "alone"}.get(moment, moment)


def _stand(
    name: str,
    held: Sequence[Position | None],
    own: dict[tuple[str, int], Position | None],
    turns: Turns,
) -> Stand:
    spoken = [p for column, p in own.items() if p and column[0] != "control"]
    latest = spoken[-1] if spoken else None
    moved_by = list(dict.fromkeys(id_ for p in spoken for id_ in p["moved_by"]))
    return Stand(
        name=name,
        cells=[f"{signed(p['stance'])} · {p['confidence']}%" if p else "–" for p in held],
        stance=stance_words(latest["stance"]) if latest else "",
        position=inline(latest["position"], turns) if latest else Markup(""),
        reasons=[inline(reason, turns) for reason in latest["reasons"]] if latest else (),
        moved_by=cite(moved_by, turns) if moved_by else None,
    )


def _said(
    measured: TopicMeasures | None, taken: Sequence[Position], turns: Turns
) -> list[str | Markup]:
    found: Any = measured or {}
    said: list[str | Markup] = []
    gross, balance = found.get("gross_shift"), found.get("opinion_shift")
    if gross is not None:
        said.append(
            f"A stance moved by {figure(gross, 1)} points of the scale on average, wherever to."
        )
    if balance is not None:
        said.append(f"On balance the participants moved by {figure(balance, 1, plus=True)}.")
    if (alone := found.get("control_shift")) is not None:
        said.append(f"Thinking alone they would have moved by {figure(alone, 1, plus=True)}.")
    if (net := found.get("net_shift")) is not None:
        said.append(f"That leaves {figure(net, 1, plus=True)} to the discussion.")
    if (toward := found.get("toward_majority")) is not None:
        said.append(
            f"Of those who moved, {percentage(toward)} went toward the mean of the others' opening stances."
        )
    alone = [position for position in taken if position["moment"] == "single_model"]
    return said + [
        Markup("One model asked alone, without an assembly: {} ({}). {}").format(
            stance_words(position["stance"]),
            signed(position["stance"]),
            inline(position["position"], turns),
        )
        for position in alone
    ]
