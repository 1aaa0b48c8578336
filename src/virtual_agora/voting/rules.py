"""The rules that count complete rankings, by name, and what each makes of the same ballots.

A rule gives every option a score, higher is better; what scores the same is tied, and the winners are all that
score highest. How a tie is broken is no rule's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from virtual_agora.state.schema import Verdict, Verdicts
from virtual_agora.voting.ballots import Ranking, Unsettled
from virtual_agora.voting.pairwise import copeland, schulze
from virtual_agora.voting.positional import borda, plurality
from virtual_agora.voting.ranked_pairs import ranked_pairs
from virtual_agora.voting.runoff import instant_runoff

__all__ = ["RULES", "Rule", "verdicts", "winners"]

Rule = Callable[[Sequence[str], Sequence[Ranking]], dict[str, float]]

RULES: Mapping[str, Rule] = {
    "borda": borda,
    "copeland": copeland,
    "instant_runoff": instant_runoff,
    "plurality": plurality,
    "ranked_pairs": ranked_pairs,
    "schulze": schulze,
}
"""The rules by the name that the configuration gives them."""


def winners(scores: Mapping[str, float]) -> list[str]:
    """All options with the highest score; more than one: a tie."""
    best = max(scores.values(), default=0.0)
    return [option for option, score in scores.items() if score == best]


def verdicts(options: Sequence[str], rankings: Sequence[Ranking]) -> Verdicts:
    """What each rule puts first on the same ballots. They agree if all name the same options, ties included."""
    settled: dict[tuple[str, ...], list[str]] = {}
    unsettled: dict[tuple[str, ...], list[str]] = {}
    for name, rule in RULES.items():
        scores = rule(options, rankings)
        first = tuple(winners(scores))
        open_ = isinstance(scores, Unsettled) and len(first) > 1
        (unsettled if open_ else settled).setdefault(first, []).append(name)
    said = Verdicts(verdicts=_verdicts(settled), agree=len(settled) == 1 and not unsettled)
    if unsettled:
        said["unsettled"] = _verdicts(unsettled)
    return said


def _verdicts(rules_by_first: Mapping[tuple[str, ...], list[str]]) -> list[Verdict]:
    return [Verdict(first=list(first), rules=rules) for first, rules in rules_by_first.items()]
