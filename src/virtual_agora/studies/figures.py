"""What sessions of a study have in common, and in what they differ: plain means and differences of pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from virtual_agora.studies.columns import Column
from virtual_agora.studies.grid import FACTORS
from virtual_agora.studies.rows import Row

__all__ = ["Difference", "Summary", "differences", "of_session", "summaries", "summary"]


ALIKE = 9
"""Decimal places to which a pair is compared, so that what differs by the machine's rounding counts as equal."""


@dataclass(frozen=True, slots=True)
class Summary:
    """`n` values in a few numbers. `deviation` is the standard deviation of a sample, None for a single value."""

    n: int
    mean: float
    deviation: float | None
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Difference:
    """How sessions of `level` differ from those of `base` that are like them in everything else.

    `by` sums up level minus base over the pairs; `higher`, `lower` and `equal` count them.
    """

    base: str
    level: str
    by: Summary
    higher: int
    lower: int
    equal: int


def summary(values: Sequence[float]) -> Summary | None:
    """The values summed up; None if there are none."""
    if not values:
        return None
    deviation = stdev(values) if len(values) > 1 else None
    return Summary(len(values), fmean(values), deviation, min(values), max(values))


def of_session(rows: Sequence[Row], column: Column) -> float | None:
    """A session's value in a column: the mean over its topics; yes counts 1, and no 0."""
    values = [float(value) for row in rows if isinstance(value := row[column.name], int | float)]
    return fmean(values) if values else None


def summaries(
    sessions: Iterable[Sequence[Row]], factor: str, levels: Iterable[str], column: Column
) -> dict[str, Summary]:
    """For each level of a factor, the sessions' values summed up; a level without any is left out."""
    values: dict[str, list[float]] = {level: [] for level in levels}
    for rows in sessions:
        if (value := of_session(rows, column)) is not None:
            values[str(rows[0][factor])].append(value)
    found = {level: summary(these) for level, these in values.items()}
    return {level: summed for level, summed in found.items() if summed is not None}


def differences(
    sessions: Iterable[Sequence[Row]], factor: str, levels: Sequence[str], column: Column
) -> Iterator[Difference]:
    """Each later level compared with the first, over the pairs of sessions that are alike in all other factors."""
    values: dict[str, dict[tuple[object, ...], float]] = {level: {} for level in levels}
    for rows in sessions:
        if (value := of_session(rows, column)) is not None:
            values[str(rows[0][factor])][_others(rows[0], factor)] = value
    base, *rest = levels
    for level in rest:
        pairs = [
            round(value - values[base][others], ALIKE)
            for others, value in values[level].items()
            if others in values[base]
        ]
        if by := summary(pairs):
            signs = [(pair > 0) - (pair < 0) for pair in pairs]
            yield Difference(base, level, by, signs.count(1), signs.count(-1), signs.count(0))


def _others(row: Mapping[str, object], factor: str) -> tuple[object, ...]:
    return tuple(row[name] for name in FACTORS if name != factor)
