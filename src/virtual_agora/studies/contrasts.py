"""The tables of the comparison: for a factor, each measure as a group of lines, and in words what does not differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, log10

from virtual_agora.studies.columns import COLUMNS, Column
from virtual_agora.studies.figures import Summary, differences, summaries
from virtual_agora.studies.plots import Bar, bars
from virtual_agora.studies.rows import Row

__all__ = ["Block", "Contrast", "Line", "by_level", "by_pair", "figure"]

DIGITS = 3
"""The most digits that count in a number."""

NOTHING = "–"

Sessions = Sequence[Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Line:
    """A level in a measure: its numbers as they are shown, and their picture. `signs` counts pairs: more, less, equal."""

    level: str
    mean: str
    deviation: str
    span: str
    n: str
    bar: Bar | None
    signs: tuple[int, int, int] | None = None

    @property
    def numbers(self) -> tuple[str, ...]:
        """What two lines have in common if nothing differs."""
        return self.mean, self.deviation, self.span, self.n if self.short else ""

    @property
    def short(self) -> bool:
        """Whether sessions, or pairs, have no value and are left out."""
        return " of " in self.n


@dataclass(frozen=True, slots=True)
class Block:
    """A measure and its lines."""

    column: Column
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Contrast:
    """A factor's table. `alike` has the measures in which nothing differs, and what they are; `short`: some have no value in some sessions."""

    factor: str
    base: str
    blocks: list[Block]
    alike: list[tuple[Column, str]]
    short: bool


def by_level(sessions: Sessions, factor: str, levels: Sequence[str]) -> Contrast:
    """Every level of a factor, measure by measure. What only one level has comes last."""
    held = {level: sum(rows[0][factor] == level for rows in sessions) for level in levels}
    blocks = []
    for column in _measured():
        found = summaries(sessions, factor, levels, column)
        if found:
            places = _places(found.values())
            pictures = dict(zip(found, bars(list(found.values())), strict=True))
            lines = [
                _line(level, found.get(level), held[level], places, pictures.get(level))
                for level in levels
            ]
            blocks.append(Block(column, lines))
    same = [
        block
        for block in blocks
        if len(levels) > 1 and len({line.numbers for line in block.lines}) == 1
    ]
    said = [(block.column, _said(block.lines[0])) for block in same]
    blocks = sorted(
        (block for block in blocks if block not in same),
        key=lambda block: len(levels) > 1 and [line.bar for line in block.lines].count(None) > 0,
    )
    return _contrast(factor, levels, blocks, said)


def by_pair(sessions: Sessions, factor: str, levels: Sequence[str]) -> Contrast:
    """Every later level of a factor less the first, measure by measure."""
    pairs = {
        found.level: found.by.n for found in differences(sessions, factor, levels, _always_there())
    }
    blocks: list[Block] = []
    alike: list[tuple[Column, str]] = []
    for column in _measured():
        found = list(differences(sessions, factor, levels, column))
        if not found:
            continue
        if not any(difference.by.least or difference.by.most for difference in found):
            alike.append((column, ""))
            continue
        by = [difference.by for difference in found]
        places, pictures = _places(by), bars(by, with_zero=True)
        lines = [
            _line(
                each.level,
                each.by,
                pairs[each.level],
                places,
                picture,
                (each.higher, each.lower, each.equal),
            )
            for each, picture in zip(found, pictures, strict=True)
        ]
        blocks.append(Block(column, lines))
    return _contrast(factor, levels, blocks, alike)


def figure(value: float | None, places: int) -> str:
    """A number to so many decimal places (below zero: tens, hundreds), without zeros at its end; a dash for none."""
    if value is None:
        return NOTHING
    shown = f"{round(value, places) + 0.0:,.{max(places, 0)}f}"
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown.replace("-", "−")


def _contrast(
    factor: str, levels: Sequence[str], blocks: list[Block], alike: list[tuple[Column, str]]
) -> Contrast:
    short = any(line.short for block in blocks for line in block.lines)
    return Contrast(factor, levels[0], blocks, alike, short)


def _line(
    level: str,
    found: Summary | None,
    possible: int,
    places: int,
    bar: Bar | None,
    signs: tuple[int, int, int] | None = None,
) -> Line:
    if found is None:
        return Line(level, NOTHING, NOTHING, NOTHING, f"0 of {possible:,}", None)
    least, most = figure(found.least, places), figure(found.most, places)
    return Line(
        level=level,
        mean=figure(found.mean, places),
        deviation=figure(found.deviation, places),
        span=least if least == most else f"{least} to {most}",
        n=f"{found.n:,}" if found.n == possible else f"{found.n:,} of {possible:,}",
        bar=bar,
        signs=signs,
    )


def _said(line: Line) -> str:
    spread = "" if line.span == line.mean else f", from {line.span}"
    return f"{line.mean}{spread}{f', in {line.n} sessions each' if line.short else ''}"


def _places(found: Iterable[Summary]) -> int:
    """Decimal places that give the largest number of a measure as many digits as count; never more than those."""
    largest = max(max(abs(each.least), abs(each.most)) for each in found)
    largest = float(f"{largest:.{DIGITS}g}")  # 0.9999 is shown as 1
    return min(DIGITS, DIGITS - 1 - floor(log10(largest))) if largest else 0


def _always_there() -> Column:
    return next(column for column in COLUMNS if column.name == "calls")


def _measured() -> list[Column]:
    """What is compared: who was right, then what became of the topics, then what the sessions took."""
    names = [column.name for column in COLUMNS]
    first = names.index("topic")
    compared = [column for column in COLUMNS if column.heading]
    return sorted(compared, key=lambda c: (c.kind != "yes/no", names.index(c.name) < first))
