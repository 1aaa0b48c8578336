"""The count: an order of groups, each of options that the ballots leave tied."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from typing_extensions import TypedDict

from virtual_agora.voting.rules import RULES, Ranking

__all__ = ["Tally", "order_with", "tally"]


class Tally(TypedDict):
    """`order` has the best group first; a group of more than one is a tie.

    `scores` are those of `rule`, higher is better. `tie_broken_by` is empty, `moderator`, or `seed` where the
    moderator could not be asked.
    """

    rule: str
    scores: dict[str, float]
    order: list[list[str]]
    ballots: int
    abstained: int
    tie_broken_by: str


def tally(
    rule: str, options: Sequence[str], rankings: Sequence[Ranking], *, abstained: int = 0
) -> Tally:
    """Count complete `rankings` of `options` by `rule`. Without any, all options are tied."""
    scores = RULES[rule](options, rankings)
    by_score = sorted(options, key=lambda option: -scores[option])
    order = [list(group) for _, group in groupby(by_score, key=lambda option: scores[option])]
    return Tally(
        rule=rule,
        scores=scores,
        order=order,
        ballots=len(rankings),
        abstained=abstained,
        tie_broken_by="",
    )


def order_with(count: Tally, tie_break: Sequence[str]) -> list[str]:
    """The options in one order: by the count, and within a tied group as `tie_break` has them."""
    return [
        option
        for group in count["order"]
        for option in (sorted(group, key=tie_break.index) if len(group) > 1 else group)
    ]
