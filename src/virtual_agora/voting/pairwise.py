"""Rules that compare the options two by two, and what they compute with.

An option that beats each other by a majority is the *Condorcet winner* (Condorcet, “Essai sur l'application de
l'analyse à la probabilité des décisions rendues à la pluralité des voix”, 1785). These rules elect it, alone, if
there is one; they differ where majorities run in a circle.

Within, an option is its number, and a set of options is a whole number whose bits say who is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from virtual_agora.voting.ballots import Ranking, numbered

__all__ = ["Relation", "copeland", "heads_of", "majorities", "margins", "reach", "schulze"]

Relation = Sequence[int]
"""For each option the set of those it is ahead of."""


def margins(options: Sequence[str], rankings: Sequence[Ranking]) -> list[list[int]]:
    """How many more voters prefer the option of the row to that of the column than the other way round."""
    size = len(options)
    prefer = [[0] * size for _ in range(size)]
    for order in numbered(options, rankings):
        for place, one in enumerate(order):
            row = prefer[one]
            for other in order[place + 1 :]:
                row[other] += 1
    against = zip(*prefer, strict=True)
    return [
        [ahead - behind for ahead, behind in zip(row, column, strict=True)]
        for row, column in zip(prefer, against, strict=True)
    ]


def majorities(margin: Sequence[Sequence[int]]) -> Iterator[list[tuple[int, int]]]:
    """The pairs of which more voters prefer the first: the strongest majorities first, equal ones together."""
    by_strength: dict[int, list[tuple[int, int]]] = {}
    for one, row in enumerate(margin):
        for other, strength in enumerate(row):
            if strength > 0:
                by_strength.setdefault(strength, []).append((one, other))
    for strength in sorted(by_strength, reverse=True):
        yield by_strength[strength]


def reach(ahead: Relation) -> list[int]:
    """The transitive closure: whom one gets to over any number of steps (Warshall 1962)."""
    rows = list(ahead)
    for via in range(len(rows)):
        rows = [row | rows[via] if row >> via & 1 else row for row in rows]
    return rows


def heads_of(ahead: Relation) -> list[int]:
    """For each option, how many are ahead of it."""
    return [sum(row >> option & 1 for row in ahead) for option in range(len(ahead))]


def copeland(options: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, float]:
    """Pairwise majorities won, half a point for a draw.

    Copeland, “A ‘reasonable’ social welfare function”, 1951; ½ as in Saari and Merlin, “The Copeland
    method I”, 1996.
    """
    return {
        option: sum(1.0 if m > 0 else 0.5 if m == 0 else 0.0 for m in row) - 0.5  # itself
        for option, row in zip(options, margins(options, rankings), strict=True)
    }


def schulze(options: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, float]:
    """The number of other options that do not beat it, where beating is over strongest paths; all of them: it wins.

    A path is a chain of majorities, as strong as the weakest of them. One option beats another if its strongest
    path to it is stronger than the one back. Nobody beats the winners; they are several where paths are equally
    strong. Schulze, “A new monotonic, clone-independent, reversal symmetric, and Condorcet-consistent
    single-winner election method”, 2011. With complete rankings it is one whether a majority's strength is its
    margin or its size.
    """
    size = len(options)
    ahead, beats = [0] * size, [0] * size
    for equal in majorities(margins(options, rankings)):
        for one, other in equal:
            ahead[one] |= 1 << other
        ahead = reach(ahead)
        for one in range(size):
            back = sum(1 << other for other in range(size) if ahead[other] >> one & 1)
            beats[one] |= ahead[one] & ~back
    return {
        option: float(size - 1 - count)
        for option, count in zip(options, heads_of(beats), strict=True)
    }
