"""The latest ballot on the agenda: how clear it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from virtual_agora.measures.model import AgendaMeasures
from virtual_agora.voting.ballots import Ranking
from virtual_agora.voting.pairwise import margins
from virtual_agora.voting.rules import RULES, verdicts, winners

__all__ = ["agenda", "kendall_tau", "rule_agreement", "winner_margin"]


def agenda(state: Mapping[str, Any]) -> AgendaMeasures:
    """The measures of the latest ballot; all None where there was none, or nobody ranked anything."""
    votes = [vote for vote in state.get("vote_history", []) if vote["kind"] == "agenda"]
    rankings = [v["choice"] for v in votes if v["ballot"] == votes[-1]["ballot"] and v["choice"]]
    if not rankings or len(rankings[0]) < 2:
        return AgendaMeasures(winner_margin=None, kendall_tau=None, rule_agreement=None)
    options = sorted(rankings[0])
    # A fork may go on under another rule than the one that counted.
    rule = (state.get("tally") or {}).get("rule") or state["config"]["session"]["voting_rule"]
    return AgendaMeasures(
        winner_margin=winner_margin(rule, options, rankings),
        kendall_tau=kendall_tau(options, rankings),
        rule_agreement=rule_agreement(rule, options, rankings),
    )


def winner_margin(rule: str, options: Sequence[str], rankings: Sequence[Ranking]) -> float:
    """By what share of the ballots `rule`'s winner is ahead of its strongest rival; 0 if there are several winners.

    The smallest of an option's pairwise margins is what the minimax rule of Simpson and Kramer elects by.
    """
    first = winners(RULES[rule](options, rankings))
    if len(first) > 1:
        return 0.0
    number = options.index(first[0])
    row = margins(options, rankings)[number]
    return min(margin for other, margin in enumerate(row) if other != number) / len(rankings)


def kendall_tau(options: Sequence[str], rankings: Sequence[Ranking]) -> float | None:
    """The mean of Kendall's tau over all pairs of complete rankings, −1 to 1; None with fewer than two.

    Kendall, “A new measure of rank correlation”, 1938. With n rankings, two options of which one has the margin m are
    in the same order in (m² − n) / 2 more pairs of rankings than not, so no pair of rankings has to be looked at; the
    mean is the coefficient of agreement u of Kendall and Babington Smith, “On the method of paired comparisons”, 1940.
    """
    size, count = len(options), len(rankings)
    if size < 2 or count < 2:
        return None
    squares = sum(margin * margin for row in margins(options, rankings) for margin in row)
    return (squares / (size * (size - 1)) - count) / (count * (count - 1))


def rule_agreement(rule: str, options: Sequence[str], rankings: Sequence[Ranking]) -> float | None:
    """The share of the other rules that put the same options first as `rule`, ties included; 0 to 1.

    Rules with too many ties to follow them to the end are left out; None if `rule` is one of them.
    """
    settled = [verdict["rules"] for verdict in verdicts(options, rankings)["verdicts"]]
    alike = next((rules for rules in settled if rule in rules), None)
    return None if alike is None else (len(alike) - 1) / (sum(map(len, settled)) - 1)
