"""Rules on ballots of their own kind: sets of approved options, and points or votes given out.

A ranking holds less than these ballots say, so they cannot be had from one. A ranking of m options fits
m − 1 sincere approval ballots, and by where the lines are drawn nearly any option may win
(Saari and Van Newenhizen, “The problem of indeterminacy in approval, multiple, and truncated voting systems”, 1988);
how many points somebody would give is not in it at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

__all__ = ["approval", "cumulative", "quadratic"]


def approval(options: Sequence[str], ballots: Sequence[Collection[str]]) -> dict[str, float]:
    """The number of voters who approve of the option. A ballot is the set of options its voter approves of.

    Brams and Fishburn, “Approval voting”, 1978. Raises ValueError for a ballot with other options.
    """
    for ballot in ballots:
        _check(ballot, options)
    return {option: float(sum(option in ballot for ballot in ballots)) for option in options}


def cumulative(
    options: Sequence[str], ballots: Sequence[Mapping[str, int]], *, points: int
) -> dict[str, float]:
    """The points an option is given. Every voter spreads at most `points` over the options, as unevenly as it likes.

    Marshall, “Minorities and Majorities: Their Relative Rights”, 1853; Sawyer and MacRae, “Game theory and
    cumulative voting in Illinois: 1902–1954”, 1962. Raises ValueError for a ballot with more points, negative ones,
    or other options.
    """
    for ballot in ballots:
        _check(ballot, options)
        if min(ballot.values(), default=0) < 0 or sum(ballot.values()) > points:
            raise ValueError(f"not at most {points} points spread over options: {dict(ballot)}")
    return _total(options, ballots)


def quadratic(
    options: Sequence[str], ballots: Sequence[Mapping[str, int]], *, credits: int
) -> dict[str, float]:
    """The votes for an option less those against it. Casting v votes on one option costs v² of a voter's `credits`.

    A ballot says how many votes its voter casts on an option, negative for votes against. Lalley and Weyl,
    “Quadratic voting: how mechanism design can radicalize democracy”, 2018; Posner and Weyl, “Voting squared”, 2015.
    Raises ValueError for a ballot that costs more, or has other options.
    """
    for ballot in ballots:
        _check(ballot, options)
        if sum(votes**2 for votes in ballot.values()) > credits:
            raise ValueError(f"these votes cost more than {credits} credits: {dict(ballot)}")
    return _total(options, ballots)


def _check(ballot: Collection[str], options: Sequence[str]) -> None:
    if strangers := set(ballot) - set(options):
        raise ValueError(f"no such options: {', '.join(sorted(strangers))}")


def _total(options: Sequence[str], ballots: Sequence[Mapping[str, int]]) -> dict[str, float]:
    return {option: float(sum(ballot.get(option, 0) for ballot in ballots)) for option in options}
