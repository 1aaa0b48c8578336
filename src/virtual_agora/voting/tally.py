"""The count: an order of groups, each of options that the ballots leave tied."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from virtual_agora.state.schema import Tally
from virtual_agora.voting.ballots import Ranking
from virtual_agora.voting.rules import RULES

__all__ = ["order_with", "tally"]


def tally(
    rule: str, options: Sequence[str], rankings: Sequence[Ranking], *, abstained: int = 0
) -> Tally:
    """Count complete `rankings` of `options` by `rule`. Without any, all options are tied.

    Raises ValueError where an option is there twice, or a ranking does not name every option once.
    """
    scores = RULES[rule](options, rankings)
    by_score = sorted(options, key=lambda option: -scores[option])
    order = [list(group) for _, group in groupby(by_score, key=lambda option: scores[option])]
    return Tally(
        rule=rule,
        scores=dict(scores),
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
