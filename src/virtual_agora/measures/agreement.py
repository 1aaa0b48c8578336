"""How far the participants agreed, round by round, and when they ceased to disagree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, median

from virtual_agora.measures.discussion import Discussion, text_of
from virtual_agora.measures.model import Agreement
from virtual_agora.measures.text import mean_similarity
from virtual_agora.state.schema import Position, Vote

__all__ = ["agreement", "collapse", "consensus", "diversity"]

EXTREME = 3
"""The largest stance, either way."""


def agreement(discussion: Discussion) -> list[Agreement]:
    """The agreement before the first round, if positions were taken then, and after each round."""
    rounds = []
    positions = discussion.by_round()
    if opening := discussion.opening():
        before = consensus(_stances(opening.values()))
        rounds.append(Agreement(round=0, stances=before, words=None, poll=None))
    for number, said in enumerate(discussion.statements(), start=1):
        rounds.append(
            Agreement(
                round=number,
                stances=consensus(_stances(positions.get(number, {}).values())),
                words=mean_similarity(message["content"] for message in said),
                poll=_larger_side([v for v in discussion.votes if v["round"] == number]),
            )
        )
    return rounds


def consensus(stances: Sequence[int]) -> float | None:
    """1 less the mean distance from the median, in units of the largest there can be; None with fewer than two.

    Ordinal consensus, 1 − D: Leik, “A measure of ordinal consensus”, 1966. His sum over the cumulative frequencies is,
    on a scale of whole numbers, the mean distance from the median.
    """
    if len(stances) < 2:
        return None
    middle = median(stances)
    return 1 - fmean(abs(stance - middle) for stance in stances) / EXTREME


def collapse(discussion: Discussion) -> int | None:
    """The round from which on nobody was against what another was for; 0: nobody ever was.

    None while somebody is, and where stances are known at fewer than two moments.
    """
    moments = {0: discussion.opening(), **discussion.by_round()}
    stances = [(number, _stances(moments[number].values())) for number in sorted(moments)]
    known = [(number, said) for number, said in stances if len(said) > 1]
    opposed = [number for number, said in known if min(said) < 0 < max(said)]
    since = [number for number, _ in known if not opposed or number > opposed[-1]]
    return since[0] if since and len(known) > 1 else None


def diversity(discussion: Discussion) -> float | None:
    """The mean distance in words between the opening positions, 0 to 1."""
    alike = mean_similarity(text_of(position) for position in discussion.opening().values())
    return None if alike is None else 1 - alike


def _stances(positions: Iterable[Position]) -> list[int]:
    return [p["stance"] for p in positions if p["stance"] is not None]


def _larger_side(votes: Sequence[Vote]) -> float | None:
    choices = [vote["choice"] for vote in votes]
    yes, no = choices.count(["yes"]), choices.count(["no"])
    return max(yes, no) / (yes + no) if yes + no else None
