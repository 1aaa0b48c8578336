"""What the voting rules that were not chosen make of the ballots on the agenda."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from virtual_agora.reports.words import short

__all__ = ["other_rules", "rule_name"]

LONGEST_TITLE = 80
MOST_TITLES = 3


def rule_name(rule: str) -> str:
    """A rule as it is called in a sentence."""
    return rule.replace("_", " ")


def other_rules(tally: Mapping[str, Any]) -> list[str]:
    """A line on what the other rules put first, and whether all agree; none where that was not counted."""
    counted = tally.get("all_rules")
    if not counted:
        return []
    chosen = tally["rule"]
    said = [
        f"{_titles(verdict['first'])} ({', '.join(others)}"
        f"{f', like {rule_name(chosen)}' if chosen in verdict['rules'] else ''})"
        for verdict in counted["verdicts"]
        if (others := [rule_name(rule) for rule in verdict["rules"] if rule != chosen])
    ]
    agree = "All rules agree on that." if counted["agree"] else "**The rules disagree.**"
    return [f"Other rules put first: {'; '.join(said)}. {agree}"]


def _titles(tied: Sequence[str]) -> str:
    if len(tied) > MOST_TITLES:
        return f"{len(tied)} topics, tied"
    named = " and ".join(f"“{short(title, LONGEST_TITLE)}”" for title in tied)
    return named if len(tied) == 1 else f"{named}, tied"
