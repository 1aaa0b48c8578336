"""Rules that count at which places of the rankings an option stands."""

from __future__ import annotations

from collections.abc import Sequence

from virtual_agora.voting.ballots import Ranking, numbered

__all__ = ["borda", "plurality"]


def plurality(options: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, float]:
    """The number of voters who rank the option first.

    As old as elections; what it overlooks is the subject of Borda, “Mémoire sur les élections au scrutin”, 1781.
    """
    firsts = [order[0] for order in numbered(options, rankings) if order]
    return {option: float(firsts.count(at)) for at, option in enumerate(options)}


def borda(options: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, float]:
    """Points by position: of m options the first gets m − 1, the last 0.

    Borda, “Mémoire sur les élections au scrutin”, 1781 (who gives m to 1, which elects the same).
    """
    last = len(options) - 1
    points = [0] * len(options)
    for order in numbered(options, rankings):
        for place, option in enumerate(order):
            points[option] += last - place
    return {option: float(points[at]) for at, option in enumerate(options)}
