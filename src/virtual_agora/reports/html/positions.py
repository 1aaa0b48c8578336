"""Where everybody stood on a topic: the slope plot, its numbers, and the positions in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from virtual_agora.measures.model import TopicMeasures
from virtual_agora.reports.facts import State, participants
from virtual_agora.reports.html.figures import figure, percentage
from virtual_agora.reports.html.prose import Turns, cite, plain
from virtual_agora.reports.html.slope import Course, signed, slope, stance_words
from virtual_agora.state.schema import Position

__all__ = ["Positions", "positions_on"]


@dataclass(frozen=True, slots=True)
class Stand:
    """One participant: a cell for each column, and its latest position with reasons and what moved it."""

    name: str
    cells: Sequence[str]
    stance: str
    position: str
    reasons: Sequence[str]
    moved_by: Markup | None


@dataclass(frozen=True, slots=True)
class Positions:
    """All positions on a topic. `plot` is None where nobody has a stance; `said` are sentences on the shift."""

    columns: Sequence[str]
    stands: Sequence[Stand]
    plot: Markup | None
    said: Sequence[str]


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
    stands, courses = [], []
    through = [column for column in columns if column[0] != "control"]
    for agent in people:
        own = {column: by_place.get((agent["id"], *column)) for column in columns}
        stands.append(_stand(plain(agent["name"]), list(own.values()), own, turns))
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
        said=_said(measured, taken),
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
        position=plain(latest["position"]) if latest else "",
        reasons=[plain(reason) for reason in latest["reasons"]] if latest else (),
        moved_by=cite(moved_by, turns) if moved_by else None,
    )


def _said(measured: TopicMeasures | None, taken: Sequence[Position]) -> list[str]:
    found: Any = measured or {}
    said = []
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
        said.append(f"Of those who moved, {percentage(toward)} moved toward the majority.")
    alone = [position for position in taken if position["moment"] == "single_model"]
    return said + [
        f"One model asked alone, without an assembly: {stance_words(position['stance'])} "
        f"({signed(position['stance'])}). {plain(position['position'])}"
        for position in alone
    ]
