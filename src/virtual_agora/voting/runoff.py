"""Instant runoff: whoever is fewest voters' first goes, and their ballots go to whom they rank next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from virtual_agora.voting.ballots import Ranking, Unsettled, numbered

__all__ = ["elimination", "instant_runoff"]

LIMIT = 60_000
"""The most sets of options still standing that are followed at once, times options: 3,000 for 20 options."""


def instant_runoff(options: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, float]:
    """The number of options it outlasts, in the best case; all others: it wins.

    Round by round, of the options still standing that which the fewest voters rank above the others
    drops out. Ware, “Application of Mr. Hare's system of voting to the nomination of overseers”, 1871, after Hare's
    “Treatise on the Election of Representatives”, 1859. When several are lowest, each of them is taken to drop out, in
    universes parallel to each other, and an option counts as it does in that which is best for it; the winners
    are those of all universes (Conitzer, Rognlie and Xia, “Preference functions that score rankings and
    maximum likelihood estimation”, 2009). To drop all of the lowest at once, as Taylor and Pacelli
    (“Mathematics and Politics”, 2008) do, would let ties decide that nobody reports. Which options win in some
    universe is NP-complete to say. Where too many sets of options may be left in one round (3,000 for
    20 options), all in them are named as tied, and the scores are `Unsettled`.
    """
    ballots = Counter(map(tuple, numbered(options, rankings)))
    size = len(options)
    placed = [1] * size
    firsts = {order[0] for order in ballots if order}
    for option in set(range(size)) - firsts:  # the lowest of all, in whichever order
        placed[option] = len(firsts) + 1
    standing = {frozenset(firsts)}
    for place in range(len(firsts), 0, -1):
        following = set()
        for left in standing:
            for option in _lowest(left, ballots):
                placed[option] = place
                following.add(left - {option})
        standing = following
        if len(standing) * size > LIMIT:
            for option in frozenset().union(*standing):
                placed[option] = 1
            return Unsettled(_scores(options, placed))
    return _scores(options, placed)


def _scores(options: Sequence[str], placed: Sequence[int]) -> dict[str, float]:
    return {option: float(len(options) - placed[at]) for at, option in enumerate(options)}


def elimination(options: Sequence[str], rankings: Sequence[Ranking]) -> list[dict[str, list[int]]]:
    """The rounds of one instant runoff: for each option still standing, the numbers of the ballots that are its.

    It begins with the options that are somebody's first and ends with the round in which one has more than half of the
    ballots. Of several that are lowest, the last in `options` drops out, so that the winner is one of those
    that `instant_runoff` names, and may not be the only one. Empty without ballots.
    """
    ballots = numbered(options, rankings)
    left = frozenset(order[0] for order in ballots if order)
    rounds = []
    while left:
        theirs: dict[str, list[int]] = {options[option]: [] for option in sorted(left)}
        for number, order in enumerate(ballots):
            theirs[options[next(option for option in order if option in left)]].append(number)
        rounds.append(theirs)
        if 2 * max(map(len, theirs.values())) > len(ballots):
            break
        left -= {max(_lowest(left, Counter(map(tuple, ballots))))}
    return rounds


def _lowest(left: frozenset[int], ballots: Counter[tuple[int, ...]]) -> list[int]:
    """Those whom the fewest ballots rank above the others of `left`."""
    votes = dict.fromkeys(left, 0)
    for order, times in ballots.items():
        votes[next(option for option in order if option in left)] += times
    fewest = min(votes.values())
    return [option for option, count in votes.items() if count == fewest]
