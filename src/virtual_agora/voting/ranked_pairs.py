"""Ranked pairs: the strongest majorities count first, and none that would close a circle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from virtual_agora.voting.ballots import Ranking, Unsettled
from virtual_agora.voting.pairwise import heads_of, majorities, margins, reach

__all__ = ["ranked_pairs"]

Pair = tuple[int, int]
Locked = tuple[int, ...]
"""For each option those it is locked ahead of, over any number of steps."""

LIMIT = 1_200_000
"""The most ways to lock equal majorities that are followed at once, times options²: 3,000 for 20 options."""


def ranked_pairs(options: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, float]:
    """The number of other options that it does not stand behind, in the best case; all of them: it wins.

    Majorities are locked in one after the other, the largest first; one that would close a circle with those
    locked is left out. Tideman, “Independence of clones as a criterion for voting rules”, 1987. Equal majorities
    are taken in every order, and an option counts as it does in the order that is best for it, so the winners are
    those of all orders: Tideman's own definition, which treats options alike (Brill and Fischer, “The price of
    neutrality for the ranked pairs method”, 2012); Zavist and Tideman (1989) let the ballot of a voter drawn by lot decide
    instead. Which options win in some order is NP-complete to say. Where there are too many ways
    (3,000 at once for 20 options), only the majorities count that every order locks in, which are those of the
    rule Split Cycle (Holliday and Pacuit 2023): the scores are then `Unsettled`.
    """
    margin = margins(options, rankings)
    universes: set[Locked] = {(0,) * len(options)}
    for equal in majorities(margin):
        universes = _locked(universes, equal)
        if not universes:
            return Unsettled(_scores(options, {_always(margin)}))
    return _scores(options, universes)


def _scores(options: Sequence[str], universes: Iterable[Locked]) -> dict[str, float]:
    """Each option as it stands in the universe that is best for it."""
    fewest = [min(heads) for heads in zip(*map(heads_of, universes), strict=True)]
    last = len(options) - 1
    return {option: float(last - heads) for option, heads in zip(options, fewest, strict=True)}


def _locked(universes: Iterable[Locked], equal: Sequence[Pair]) -> set[Locked]:
    """What comes of locking equal majorities in any order; empty when that takes more than LIMIT."""
    todo = list(universes)
    seen, done = set(todo), set()
    most = LIMIT // max(1, len(todo[0])) ** 2
    while todo:
        locked = todo.pop()
        left = [
            (one, other)
            for one, other in equal
            if not locked[one] >> other & 1 and not locked[other] >> one & 1
        ]
        if not left:
            done.add(locked)
            continue
        together = _joined(locked, left)
        certain = [(one, other) for one, other in left if not together[other] >> one & 1]
        if not certain and len(left) > most:
            return set()
        following = (
            {_joined(locked, certain)} if certain else {_with(locked, *pair) for pair in left}
        )
        todo += following - seen
        seen |= following
        if len(seen) > most:
            return set()
    return done


def _joined(locked: Sequence[int], pairs: Sequence[Pair]) -> Locked:
    """With all these pairs, whether they close a circle or not."""
    rows = list(locked)
    for one, other in pairs:
        rows[one] |= 1 << other
    return tuple(reach(rows))


def _with(locked: Locked, one: int, other: int) -> Locked:
    """The same for one pair, quickly."""
    gained = locked[other] | 1 << other
    return tuple(
        row | gained if at == one or row >> one & 1 else row for at, row in enumerate(locked)
    )


def _always(margin: Sequence[Sequence[int]]) -> Locked:
    """What every order of equal majorities locks: those on whose way back there is a weaker one."""
    together: Locked = (0,) * len(margin)
    locked: list[Pair] = []
    for equal in majorities(margin):
        together = _joined(together, equal)
        locked += [(one, other) for one, other in equal if not together[other] >> one & 1]
    return _joined([0] * len(margin), locked)
