"""The scoreboard in a short form: two bugs of the order desk, and one of them with its rule switched off."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from langgraph_parity import RULES

sys.path.insert(0, str(Path(__file__).parent.parent))

from scoreboard.board import ablation, ablation_table, clean, patch, rows, table
from scoreboard.bugs import BUGS, ELSEWHERE, Bug

CHOSEN = {"log-begun": False, "nameless-error": True}
"""Bug -> does plain pytest notice it?"""
TESTS = "shipped or draft-call"
"""Those of the desk's suite that are enough for them."""


def chosen(*names: str) -> list[Bug]:
    return [bug for bug in BUGS if bug.app == "desk" and bug.name in names]


def test_each_bug_is_caught_by_its_rule() -> None:
    made = rows(chosen(*CHOSEN), tests=TESTS)
    assert {row.bug.name: row.plain for row in made} == CHOSEN
    assert all(row.caught for row in made), table(made)
    assert table(made).count("| yes") >= 2


def test_a_rule_that_is_switched_off_catches_nothing() -> None:
    made = ablation(chosen("log-begun"), tests=TESTS)
    assert list(made) == ["P202"]
    assert not made["P202"].failed, made["P202"].output
    assert "| desk log-begun | yes | nothing |" in ablation_table(made)


def test_the_unpatched_application_is_clean() -> None:
    assert clean("desk", 1) == []


def test_a_patch_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "desk.py").write_text("nothing\n")
    with pytest.raises(ValueError, match=r"desk.py has 0 times 'something'"):
        patch(tmp_path, Bug("desk", "b", "P101", "", (("desk.py", "something", ""),)))


def test_the_table_is_large_enough() -> None:
    apps = [bug.app for bug in BUGS]
    assert apps.count("desk") >= 16
    assert apps.count("agora") >= 8
    assert len({(bug.app, bug.name) for bug in BUGS}) == len(BUGS)


def test_every_rule_has_a_row_or_a_test_that_seeds_it() -> None:
    rules = {bug.rule for bug in BUGS}
    assert rules | ELSEWHERE.keys() == RULES.keys()
    assert not rules & ELSEWHERE.keys()
    for rule, place in ELSEWHERE.items():
        file, _, test = place.partition("::")
        text = (Path(__file__).parent.parent / file).read_text()
        assert rule.lower() in test
        assert f"def {test}(" in text
