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
    """A line on what the other rules put first, and whether all agree; none where that was not counted.

    Another where the ballots hold more ties than some rule, the chosen one perhaps, can follow.
    """
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
    unsettled = counted.get("unsettled", [])
    agree = (
        "So far as it can be told, the rules agree." if unsettled else "All rules agree on that."
    )
    if len(counted["verdicts"]) > 1:
        agree = "**The rules disagree.**"
    return [
        f"Other rules put first: {'; '.join(said)}. {agree}",
        *(_unsettled(verdict, chosen) for verdict in unsettled),
    ]


def _unsettled(verdict: Mapping[str, Any], chosen: str) -> str:
    rules = " and ".join(rule_name(rule) for rule in verdict["rules"])
    counted = " They counted as tied." if chosen in verdict["rules"] else ""
    return (
        f"> **Note.** The ballots hold too many ties to follow {rules} to the end: "
        f"what comes first is among {_named(verdict['first'])}.{counted}"
    )


def _titles(tied: Sequence[str]) -> str:
    return _named(tied) if len(tied) == 1 else f"{_named(tied)}, tied"


def _named(titles: Sequence[str]) -> str:
    if len(titles) > MOST_TITLES:
        return f"{len(titles)} topics"
    return " and ".join(f"“{short(title, LONGEST_TITLE)}”" for title in titles)
