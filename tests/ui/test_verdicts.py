"""The line on what all voting rules put first, as it stands below the agenda to approve."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ui.script import TALLY, TOPICS, drawn
from virtual_agora import hitl
from virtual_agora.ui.questions import facts
from virtual_agora.voting.rules import verdicts
from virtual_agora.voting.tally import tally

A, B, C = TOPICS
BALLOTS = [[A, B, C]] * 4 + [[B, C, A]] * 3 + [[C, B, A]] * 2
"""Plurality: A; instant runoff and every comparison two by two: B."""


def question(rule: str, all_rules: dict[str, Any]) -> hitl.Question:
    return hitl.agenda_approval([B, A, C], {**TALLY, "rule": rule, "all_rules": all_rules}, 2)


@pytest.mark.parametrize("width", [100, 60])
def test_it_is_drawn_below_the_ballots_and_fits(width: int) -> None:
    count = {**tally("borda", TOPICS, BALLOTS), "all_rules": verdicts(TOPICS, BALLOTS)}
    text = drawn(*facts(hitl.agenda_approval([B, C, A], count, 2)), width=width)
    said = "The rules disagree. First: topic 3 by plurality; topic 1 by the others."
    assert said in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= width
    assert text.index("borda count, 9 ballots") < text.index("The rules disagree.")


def settled(*first_and_rules: tuple[list[str], list[str]]) -> list[dict[str, list[str]]]:
    return [{"first": first, "rules": rules} for first, rules in first_and_rules]


@pytest.mark.parametrize(
    ("rule", "all_rules", "said"),
    [
        (
            "borda",
            {"verdicts": settled(([B], ["borda", "schulze"])), "agree": True},
            "All rules put topic 1 first.",
        ),
        (
            "borda",
            {"verdicts": settled(([A, B], ["borda", "schulze"])), "agree": True},
            "All rules put topics 1 and 2 (tied) first.",
        ),
        (
            "borda",
            {
                "verdicts": settled(([B], ["borda"]), (TOPICS, ["plurality", "schulze"])),
                "agree": False,
            },
            "First: topics 1, 2 and 3 (tied) by plurality and schulze; topic 1 by borda.",
        ),
        (
            "ranked_pairs",
            {
                "verdicts": settled(([B], ["borda", "copeland", "schulze"])),
                "agree": False,
                "unsettled": settled(([B, C], ["ranked_pairs"])),
            },
            "The rules agree, as far as can be told. First: topic 1 by borda, copeland and schulze; "
            "one of topics 1 and 3 by ranked pairs.",
        ),
    ],
)
def test_ties_and_what_could_not_be_settled_are_named(
    rule: str, all_rules: dict[str, Any], said: str
) -> None:
    assert said in " ".join(drawn(*facts(question(rule, all_rules)), width=60).split())


def test_a_tally_of_an_earlier_release_has_no_such_line() -> None:
    text = drawn(*facts(hitl.agenda_approval(TOPICS, TALLY, 2)), width=60)
    assert "rules" not in text
