"""The ballot box: what voters are shown, and what a yes/no poll needs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["needed", "shuffled"]

T = TypeVar("T")


def shuffled(options: Sequence[T], *seed: object) -> list[T]:
    """The options in an order that depends on nothing but `seed` (each voter has another)."""
    order = list(options)
    random.Random("/".join(map(str, seed))).shuffle(order)
    return order


def needed(threshold: str, voters: int) -> int:
    """How many of `voters` must say yes. Abstentions count as not saying yes.

    `majority` is ⌊N/2⌋ + 1, `two_thirds` ⌈2N/3⌉, `unanimous` N; never fewer than one.
    """
    match threshold:
        case "majority":
            return voters // 2 + 1
        case "two_thirds":
            return max(1, -(-2 * voters // 3))
        case "unanimous":
            return max(1, voters)
    raise ValueError(f"no such threshold: {threshold}")
