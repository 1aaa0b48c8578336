"""Small pictures for the rows of a table, on one scale. The numbers beside them say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from virtual_agora.studies.figures import Summary

__all__ = ["Bar", "bars"]

EDGE = 3.0
"""Percent of the width left free on either side."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Places across the picture in percent: the least and the most, one deviation about the mean as far as values go, the mean, zero."""

    least: float
    most: float
    low: float
    high: float
    mean: float
    zero: float | None


def bars(rows: Sequence[Summary], *, with_zero: bool = False) -> list[Bar]:
    """A bar for each row; the scale goes from the least to the most of all rows, and over zero if that is wanted."""
    ends = [0.0] if with_zero else []
    ends += [end for row in rows for end in (row.least, row.most)]
    low, high = min(ends), max(ends)

    def place(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(EDGE + min(max(share, 0.0), 1.0) * (100 - 2 * EDGE), 2)

    return [
        Bar(
            least=place(row.least),
            most=place(row.most),
            low=place(max(row.mean - (row.deviation or 0.0), row.least)),
            high=place(min(row.mean + (row.deviation or 0.0), row.most)),
            mean=place(row.mean),
            zero=place(0.0) if with_zero else None,
        )
        for row in rows
    ]
