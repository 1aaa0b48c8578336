"""When things were said: a row for each topic, a dot for each statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from virtual_agora.reports.html.svg import circle, drawing, label, line

__all__ = ["Stretch", "duration", "timeline"]

LEFT, RIGHT, ROW, FOOT = 0.12, 0.97, 30, 26


@dataclass(frozen=True, slots=True)
class Stretch:
    """A topic by its short name, and when its statements were made."""

    name: str
    times: Sequence[datetime]


def duration(seconds: float) -> str:
    """`42 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    whole = round(seconds)
    for size, unit, smaller, rest in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            left = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {left} {rest}" if left else "")
    return f"{whole} s"


def timeline(name: str, title: str, stretches: Sequence[Stretch]) -> Markup:
    """All stretches over the time from the first statement to the last; they differ."""
    times = [time for stretch in stretches for time in stretch.times]
    first, last = min(times), max(times)
    whole = (last - first).total_seconds()

    def x(time: datetime) -> float:
        return LEFT + (RIGHT - LEFT) * (time - first).total_seconds() / whole

    parts = []
    for at, stretch in enumerate(stretches):
        y = ROW * at + ROW / 2
        parts.append(label(0, y, stretch.name, colour="soft"))
        parts.append(line(LEFT, y, RIGHT, y, "rule"))
        parts.append(line(x(min(stretch.times)), y, x(max(stretch.times)), y, "accent", width=2))
        parts += [circle(x(time), y, 3.5, "accent") for time in stretch.times]
    foot = ROW * len(stretches) + 10
    same_day = first.date() == last.date()
    for time, place, anchor in ((first, LEFT, "start"), (last, RIGHT, "end")):
        text = f"{time:%H:%M:%S}" if same_day else f"{time:%Y-%m-%d %H:%M}"
        parts.append(label(place, foot, text, colour="soft", anchor=anchor))
    told = f"{len(times)} statements in {duration(whole)}."
    return drawing(name, parts, height=foot + FOOT - 10, title=title, description=told)
