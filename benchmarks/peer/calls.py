"""What a server's log says of a deliberation: its calls, how many were in hand at once, how many followed one another."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

Line = dict[str, Any]


def shape(answered: Sequence[Line]) -> dict[str, float]:
    """The shape of a deliberation, from the log's lines of what was answered.

    `span` is from the first call's arrival to the last one's answer, and `latency` how long one was in hand, in seconds.
    """
    return {
        "calls": len(answered),
        "at_once": at_once(answered),
        "in_sequence": in_sequence(answered),
        "span": max(line["until"] for line in answered) - min(line["at"] for line in answered),
        "latency": median(line["until"] - line["at"] for line in answered),
    }


def at_once(answered: Sequence[Line]) -> int:
    """The most calls that were in hand at any time."""
    changes = sorted(
        [(line["at"], 1) for line in answered] + [(line["until"], -1) for line in answered]
    )
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def in_sequence(answered: Sequence[Line]) -> int:
    """The longest chain of calls of which each came when the one before it had been answered."""
    chain, free = 0, 0.0
    for line in sorted(answered, key=lambda line: line["until"]):
        if line["at"] >= free:
            chain, free = chain + 1, line["until"]
    return chain
