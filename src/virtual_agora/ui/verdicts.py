"""What every voting rule makes of the ballots on the agenda, in one line: the reports say it at length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from virtual_agora.reports.verdicts import rule_name
from virtual_agora.ui.text import one_line

__all__ = ["first_by_all_rules"]

MOST_NUMBERS = 3


def first_by_all_rules(tally: Mapping[str, Any], order: Sequence[str]) -> str:
    """Which topics, by their numbers in `order`, the rules put first; empty where that was not counted."""
    counted = tally.get("all_rules")
    if not counted:
        return ""
    verdicts, unsettled = counted["verdicts"], counted.get("unsettled", [])
    if counted["agree"]:
        return f"All rules put {_topics(verdicts[0], order)} first."
    like_chosen = [verdict for verdict in verdicts if tally["rule"] in verdict["rules"]]
    said = [
        *(f"{_topics(v, order)} by {_rules(v)}" for v in verdicts if v not in like_chosen),
        *(f"one of {_topics(v, order, tied='')} by {_rules(v)}" for v in unsettled),
        *(f"{_topics(v, order)} by {_rules(v, shared='the others')}" for v in like_chosen),
    ]
    how = "disagree" if len(verdicts) > 1 else "agree, as far as can be told"
    return f"The rules {how}. First: {'; '.join(said)}."


def _topics(verdict: Mapping[str, Any], order: Sequence[str], *, tied: str = " (tied)") -> str:
    numbers = sorted(order.index(title) + 1 for title in verdict["first"] if title in order)
    if len(numbers) == 1:
        return f"topic {numbers[0]}"
    if len(numbers) > MOST_NUMBERS:
        return f"{len(numbers)} topics{tied}"
    *some, last = map(str, numbers)
    return f"topics {', '.join(some)} and {last}{tied}"


def _rules(verdict: Mapping[str, Any], *, shared: str = "") -> str:
    names = [one_line(rule_name(rule)) for rule in verdict["rules"]]
    if len(names) == 1:
        return names[0]
    *some, last = names
    return shared or f"{', '.join(some)} and {last}"
