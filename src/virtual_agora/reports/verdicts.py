"""What the voting rules that were not chosen make of the ballots on the agenda."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from virtual_agora.reports.words import short

__all__ = ["agreement", "other_rules", "rule_name", "unsettled"]

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
    agree = agreement(tally)
    agree = f"{agree[0].upper()}{agree[1:]}."
    if len(counted["verdicts"]) > 1:
        agree = f"**{agree}**"
    return [
        f"Other rules put first: {'; '.join(said)}. {agree}",
        *(f"> **Note.** {note}" for note in unsettled(tally)),
    ]


def agreement(tally: Mapping[str, Any]) -> str:
    """Whether the rules put the same first, in the middle of a sentence; empty where that was not counted.

    Rules that cannot be followed to the end are no rules that disagree: `unsettled` says which they are.
    """
    counted = tally.get("all_rules")
    if not counted:
        return ""
    if len(counted["verdicts"]) > 1:
        return "the rules disagree"
    if counted.get("unsettled"):
        return "so far as it can be told, the rules agree"
    return "all rules agree on that"


def unsettled(tally: Mapping[str, Any]) -> list[str]:
    """Which rules cannot be followed to the end, and what is left open, as sentences."""
    notes = []
    for verdict in (tally.get("all_rules") or {}).get("unsettled", []):
        rules = " and ".join(rule_name(rule) for rule in verdict["rules"])
        counted = " They counted as tied." if tally["rule"] in verdict["rules"] else ""
        notes.append(
            f"The ballots hold too many ties to follow {rules} to the end: "
            f"what comes first is among {_named(verdict['first'])}.{counted}"
        )
    return notes


def _titles(tied: Sequence[str]) -> str:
    return _named(tied) if len(tied) == 1 else f"{_named(tied)}, tied"


def _named(titles: Sequence[str]) -> str:
    if len(titles) > MOST_TITLES:
        return f"{len(titles)} topics"
    return " and ".join(f"“{short(title, LONGEST_TITLE)}”" for title in titles)
