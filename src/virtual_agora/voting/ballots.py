"""The ballot box: what voters are shown, what a ballot is, and what a yes/no poll needs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Ranking", "Unsettled", "needed", "numbered", "shuffled"]

T = TypeVar("T")

Ranking = Sequence[str]
"""One voter's options, best first, each once."""


class Unsettled(dict[str, float]):
    """Scores of a rule with too many ties on the way to follow them all.

    All winners are among the options that score highest, and maybe others. If that is one, it has won.
    """


def shuffled(options: Sequence[T], *seed: object) -> list[T]:
    """The options in an order that depends on nothing but `seed` (each voter has another)."""
    order = list(options)
    random.Random("/".join(map(str, seed))).shuffle(order)
    return order


def numbered(options: Sequence[str], rankings: Sequence[Ranking]) -> list[list[int]]:
    """The rankings with each option as its place in `options`.

    Raises ValueError where an option is there twice, or a ranking does not name every option once.
    """
    number = {option: at for at, option in enumerate(options)}
    if len(number) != len(options):
        raise ValueError("an option is there twice")
    for ranking in rankings:
        if len(ranking) != len(number) or set(ranking) != number.keys():
            raise ValueError(f"not a ranking of all {len(number)} options: {list(ranking)}")
    return [[number[option] for option in ranking] for ranking in rankings]


def needed(threshold: str, voters: int) -> int:
    """How many of `voters` must say yes. All who may vote count, so whoever abstains does not say yes.

    That is a share of the entire membership, not of the votes cast, which is the usual basis elsewhere (Robert's
    Rules of Order Newly Revised, 12th edition, 2020, section 44, has both).

    - `majority`: ⌊N/2⌋ + 1, more than half. Between two options majority is the only rule that treats voters
      alike and options alike, and that more support can only help (May, “A set of independent necessary and
      sufficient conditions for simple majority decision”, 1952). May counts those who vote and leaves a draw a
      draw; here a draw is a no.
    - `two_thirds`: ⌈2N/3⌉, the qualified majority of parliamentary procedure (Robert's Rules of Order, 1876):
      what stands is favoured, so that a bare majority cannot close a debate over the rest.
    - `unanimous`: N. Anybody can prevent a yes (Buchanan and Tullock, “The Calculus of Consent”, 1962, after
      Wicksell, 1896).

    Never fewer than one. Raises ValueError for another threshold.
    """
    match threshold:
        case "majority":
            return voters // 2 + 1
        case "two_thirds":
            return max(1, -(-2 * voters // 3))
        case "unanimous":
            return max(1, voters)
    raise ValueError(f"no such threshold: {threshold}")
