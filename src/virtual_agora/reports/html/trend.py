"""Lines over the rounds: how far the participants agreed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from virtual_agora.reports.html.figures import percentage
from virtual_agora.reports.html.svg import circle, drawing, label, line

__all__ = ["Series", "trend"]

LEFT, RIGHT = 0.13, 0.7
TOP, HEIGHT, FOOT, APART = 12, 168, 26, 15

LOOKS: Sequence[tuple[str, str, bool]] = (
    ("accent", "", False),
    ("warm", "6 4", False),
    ("third", "2 3", True),
)
"""Colour, dashes and hollow dots of each line: two of the three are enough to tell them apart."""


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name, and a value from 0 to 1 for each round, None where there is none."""

    name: str
    values: Sequence[float | None]


def trend(name: str, title: str, rounds: Sequence[int], series: Sequence[Series]) -> Markup:
    """Lines over `rounds`, at most three, named at their ends."""
    steps = max(1, len(rounds) - 1)
    xs = [LEFT + (RIGHT - LEFT) * at / steps for at in range(len(rounds))]
    parts = []
    for share in (0.0, 0.5, 1.0):
        parts.append(line(LEFT, _y(share), RIGHT, _y(share), "rule"))
        parts.append(label(0, _y(share), percentage(share), colour="soft"))
    every = -(-len(rounds) // 8)
    parts += [
        label(
            x,
            TOP + HEIGHT + 16,
            "before" if number == 0 else str(number),
            colour="soft",
            anchor="middle",
        )
        for at, (x, number) in enumerate(zip(xs, rounds, strict=True))
        if at % every == 0
    ]
    ends = []
    for (colour, dashes, hollow), one in zip(LOOKS, series, strict=False):
        points = [(x, _y(v)) for x, v in zip(xs, one.values, strict=True) if v is not None]
        parts += [line(*a, *b, colour, width=2.2, dashes=dashes) for a, b in pairwise(points)]
        parts += [circle(*point, 4, colour, hollow=hollow) for point in points]
        if points:
            ends.append((points[-1][1], one.name, colour))
    parts += _names(sorted(ends))
    said = "; ".join(
        f"{one.name}: {', '.join('–' if v is None else percentage(v) for v in one.values)}"
        for one in series
    )
    height = TOP + HEIGHT + FOOT
    return drawing(name, parts, height=height, title=title, description=f"By round: {said}.")


def _y(share: float) -> float:
    return TOP + HEIGHT * (1 - share)


def _names(ends: Sequence[tuple[float, str, str]]) -> list[Markup]:
    """The names beside the ends of their lines, moved apart where they would overlap."""
    ys = [y for y, _, _ in ends]
    for at in range(1, len(ys)):
        ys[at] = max(ys[at], ys[at - 1] + APART)
    over = max(0.0, ys[-1] - (TOP + HEIGHT)) if ys else 0.0
    return [
        label(RIGHT, y - over, text, colour=colour, move=12)
        for y, (_, text, colour) in zip(ys, ends, strict=True)
    ]
