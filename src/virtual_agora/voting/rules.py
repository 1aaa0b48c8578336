"""Voting rules: from complete rankings to scores, higher is better. Ties stay ties."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

__all__ = ["RULES", "Ranking", "borda", "copeland", "plurality"]

Ranking = Sequence[str]
"""One voter's options, best first, each once."""


def borda(options: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, float]:
    """Points by position: of m options the first gets m − 1, the last 0 (Borda 1781)."""
    last = len(options) - 1
    return {option: float(sum(last - r.index(option) for r in rankings)) for option in options}


def plurality(options: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, float]:
    """The number of voters who rank the option first."""
    return {option: float(sum(r[0] == option for r in rankings)) for option in options}


def copeland(options: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, float]:
    """Pairwise majorities won, half a point for a draw (Copeland 1951; ½ as in Saari & Merlin 1996)."""

    def duel(one: str, other: str) -> float:
        ahead = sum(r.index(one) < r.index(other) for r in rankings)
        return 1.0 if 2 * ahead > len(rankings) else 0.5 if 2 * ahead == len(rankings) else 0.0

    return {one: sum(duel(one, other) for other in options if other != one) for one in options}


RULES: Mapping[str, Callable[[Sequence[str], Sequence[Ranking]], dict[str, float]]] = {
    "borda": borda,
    "copeland": copeland,
    "plurality": plurality,
}
"""The rules by the name that the configuration gives them."""
