"""Every rule against the results of `pref_voting`, which `reference.py` keeps in `reference.json.gz`."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from virtual_agora.voting.points import approval, cumulative, quadratic
from virtual_agora.voting.rules import RULES, winners


@cache
def reference() -> dict[str, Any]:
    return json.loads(gzip.decompress(Path(__file__).with_name("reference.json.gz").read_bytes()))


def options_of(size: int) -> list[str]:
    return [str(number) for number in range(size)]


def test_the_reference_has_all_rules_sizes_and_enough_ties():
    data = reference()
    assert set(data["rules"]) == set(RULES)
    assert data["made_by"].startswith("pref_voting ")
    assert {size for size, _, _ in data["ranked"]} == set(range(2, 8))
    assert {len(ballots.split()) for _, ballots, _ in data["ranked"]} == set(range(1, 26))
    results = [dict(zip(data["rules"], won.split(), strict=True)) for _, _, won in data["ranked"]]
    for rule in RULES:
        assert sum(len(won[rule]) > 1 for won in results) >= 500
    assert sum(len(set(won.values())) > 1 for won in results) >= 1000


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_on_rankings_elects_whom_the_reference_elects(rule):
    data = reference()
    at = data["rules"].index(rule)
    wrong = [
        (ballots, won.split()[at], elected)
        for size, ballots, won in data["ranked"]
        if "".join(elected := winners(RULES[rule](options_of(size), ballots.split())))
        != won.split()[at]
    ]
    assert wrong == []


@pytest.mark.parametrize("rule", ["approval", "cumulative", "quadratic"])
def test_a_rule_on_ballots_of_its_own_elects_whom_the_reference_elects(rule):
    for size, most, ballots, won in reference()[rule]:
        options = options_of(size)
        given = [dict(zip(options, ballot, strict=True)) for ballot in ballots]
        scores = {
            "approval": lambda options, given, _: approval(
                options, [{option for option, yes in ballot.items() if yes} for ballot in given]
            ),
            "cumulative": lambda options, given, most: cumulative(options, given, points=most),
            "quadratic": lambda options, given, most: quadratic(options, given, credits=most),
        }[rule](options, given, most)
        assert "".join(winners(scores)) == won, ballots
