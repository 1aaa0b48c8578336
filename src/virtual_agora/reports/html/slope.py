"""The slope plot: where everybody stood before and after, and in the rounds between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from markupsafe import Markup

from virtual_agora.reports import words
from virtual_agora.reports.html.svg import circle, drawing, label, line

__all__ = ["Course", "shows_alone", "signed", "slope", "stance_words"]

LEFT, RIGHT, NAMES = 0.22, 0.66, 0.69
TOP, BAND, LINE = 28, 26, 15
"""Pixels: above the bands, the least height of a band, and what a participant takes in it."""

LONGEST_NAME = 16
MOST_HEADS = 6
"""The most columns that are named; of more, some are."""

MOST_ALONE = 8
"""The most participants for whom it is drawn where each would stand alone."""

WORDS = {
    3: "firmly for",
    2: "for",
    1: "rather for",
    0: "undecided",
    -1: "rather against",
    -2: "against",
    -3: "firmly against",
}

Bands = Mapping[int, tuple[float, float]]
"""For each stance where its band begins and ends, in pixels from the top."""


@dataclass(frozen=True, slots=True)
class Course:
    """One participant's stances from −3 to 3, a column each, and the one it would have come to alone."""

    name: str
    stances: Sequence[int | None]
    alone: int | None = None


def signed(stance: int | None) -> str:
    """`+2`, `0`, `−3`; a dash where there is none."""
    return "–" if stance is None else words.stance_words(stance)


def stance_words(stance: int | None) -> str:
    """A stance in words."""
    return "no stance" if stance is None else WORDS[stance]


def shows_alone(courses: Sequence[Course]) -> bool:
    """Whether the plot has hollow dots: somebody in it was asked alone, and the participants are few."""
    return len(courses) <= MOST_ALONE and any(
        course.alone is not None and any(stance is not None for stance in course.stances)
        for course in courses
    )


def slope(name: str, title: str, columns: Sequence[str], courses: Sequence[Course]) -> Markup:
    """A line for each participant over the columns; nobody's dot or name lies on another's.

    Blue moved toward what is proposed, orange away from it, grey stayed. Hollow dots, where
    the participants are few: alone.
    """
    bands = _bands(courses)
    steps = max(1, len(columns) - 1)
    xs = [LEFT + (RIGHT - LEFT) * at / steps for at in range(len(columns))]
    heights = [_heights([course.stances[at] for course in courses], bands) for at in range(len(xs))]
    parts = [_level(stance, (start + end) / 2) for stance, (start, end) in bands.items()]
    every = -(-len(columns) // MOST_HEADS)
    parts += [
        label(x, 8, text, colour="soft", anchor="middle")
        for at, (x, text) in enumerate(zip(xs, columns, strict=True))
        if every == 1 or at in (0, steps) or (at % every == 0 and at < steps - 1)
    ]
    if not shows_alone(courses):
        courses = [replace(course, alone=None) for course in courses]
    for who, course in enumerate(courses):
        points = [(x, y) for x, column in zip(xs, heights, strict=True) if (y := column[who])]
        parts += _course(course, points, bands)
    said = "; ".join(f"{c.name} {', '.join(map(signed, c.stances))}" for c in courses)
    told = f"Stances from −3, firmly against, to +3, firmly for: {said}."
    return drawing(name, parts, height=bands[-3][1], title=title, description=told)


def _bands(courses: Sequence[Course]) -> dict[int, tuple[float, float]]:
    """A band is as high as those need who stand there at the same time."""
    crowd = Counter((stance, at) for c in courses for at, stance in enumerate(c.stances))
    bands, y = {}, float(TOP)
    for stance in range(3, -4, -1):
        most = max((count for (here, _), count in crowd.items() if here == stance), default=0)
        bands[stance] = (y, y + max(BAND, LINE * most + 8))
        y = bands[stance][1]
    return bands


def _heights(stances: Sequence[int | None], bands: Bands) -> list[float | None]:
    """How far down each participant stands in a column; None: it has no stance there."""
    crowd = Counter(stances)
    placed: Counter[int] = Counter()
    heights: list[float | None] = []
    for stance in stances:
        if stance is None:
            heights.append(None)
            continue
        middle = sum(bands[stance]) / 2
        heights.append(middle + LINE * (placed[stance] - (crowd[stance] - 1) / 2))
        placed[stance] += 1
    return heights


def _level(stance: int, y: float) -> Markup:
    said = {3: "+3 for", -3: "−3 against"}.get(stance, signed(stance))
    dashes = "" if stance == 0 else "1 4"
    return line(LEFT - 0.02, y, RIGHT + 0.02, y, "rule", dashes=dashes) + label(
        0, y, said, colour="soft"
    )


def _course(course: Course, points: Sequence[tuple[float, float]], bands: Bands) -> list[Markup]:
    if not points:
        return []
    known = [stance for stance in course.stances if stance is not None]
    moved = known[-1] - known[0]
    colour = "accent" if moved > 0 else "warm" if moved < 0 else "soft"
    parts = []
    if course.alone is not None:
        alone = sum(bands[course.alone]) / 2
        (x, y), end = points[0], points[-1][0] - 0.015
        parts += [
            line(x, y, end, alone, "soft", dashes="2 3"),
            circle(end, alone, 4, "soft", hollow=True),
        ]
    parts += [line(*one, *other, colour, width=2.2) for one, other in pairwise(points)]
    parts += [circle(*point, 4.5, colour) for point in points]
    x, y = points[-1]
    parts.append(label(x, y, _short(course.name), colour=colour, move=11))
    return parts


def _short(name: str) -> str:
    """The name, or its beginning and its end: several of one model differ in the last letters."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 6].rstrip()}…{name[-5:]}"
