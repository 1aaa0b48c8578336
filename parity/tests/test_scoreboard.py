"""The scoreboard in a short form: three bugs of the order desk, and one with its rule switched off."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from scoreboard.board import clean, patch, rows, table
from scoreboard.bugs import BUGS, Bug

CHOSEN = {"copy-overwrites": False, "log-begun": False, "nameless-error": True}
"""Bug -> does plain pytest notice it?"""


def chosen(*names: str) -> list[Bug]:
    return [bug for bug in BUGS if bug.app == "desk" and bug.name in names]


def test_each_bug_is_caught_by_its_rule() -> None:
    made = rows(chosen(*CHOSEN))
    assert {row.bug.name: row.plain for row in made} == CHOSEN
    assert all(row.caught for row in made), table(made)
    assert table(made).count("| yes") >= 3


def test_a_rule_that_is_switched_off_catches_nothing() -> None:
    (row,) = rows(chosen("log-begun"), without="P202", plain=False)
    assert not row.caught
    assert not row.failed, row.output


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
