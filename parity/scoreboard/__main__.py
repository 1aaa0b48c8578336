"""`python -m scoreboard`, in the folder parity/: seeds the bugs, and writes down what caught them.

A run over everything replaces its part of RESULTS.md: the bugs, with --seeds the unpatched applications, with --ablation
the rules that are switched off. With --only or --without it prints, and writes nothing.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
import time
from pathlib import Path

from scoreboard.board import ablation, ablation_table, clean, rows, table
from scoreboard.bugs import BUGS, ELSEWHERE, Bug

RESULTS = Path(__file__).with_name("RESULTS.md")
TITLE = "# Scoreboard of seeded bugs"
PARTS = ("Bugs", "Unpatched", "Without a rule")


def options() -> argparse.Namespace:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m scoreboard", description=__doc__)
    made.add_argument("--only", metavar="GLOB", action="append", help="bugs, applications or rules by name")  # fmt: skip
    made.add_argument("--without", default="", metavar="RULE", help="switch a rule of the kit off")
    made.add_argument("--show", action="store_true", help="print the output of the kit's suites")
    other = made.add_mutually_exclusive_group()
    other.add_argument("--seeds", type=int, default=0, metavar="N", help="instead of the bugs: run the unpatched applications with so many seeds")  # fmt: skip
    other.add_argument("--ablation", action="store_true", help="instead of the bugs: switch off each rule of the table in turn")  # fmt: skip
    return made.parse_args()


def main() -> int:
    """0: every bug is caught by its rule, and by no other if that is switched off; the unpatched applications are clean."""
    given = options()
    bugs = [bug for bug in BUGS if _chosen(bug, given.only)]
    began = time.monotonic()
    if given.ablation:
        part, (good, text) = "Without a rule", _ablation(bugs)
    elif given.seeds:
        part, (good, text) = "Unpatched", _clean(bugs, given.seeds)
    else:
        part, (good, text) = "Bugs", _bugs(bugs, given)
    text += f"\n\n{_time(time.monotonic() - began)}"
    print(text)
    if not given.only and not given.without:
        _write(part, text)
    return 0 if good else 1


def _bugs(bugs: list[Bug], given: argparse.Namespace) -> tuple[bool, str]:
    made = rows(bugs, without=given.without)
    if given.show:
        print("\n".join(f"== {row.bug.name}\n{row.output}" for row in made))
    missed = [row for row in made if not row.caught]
    tests, agora = sum(bug.in_tests for bug in bugs), sum(bug.app == "agora" for bug in bugs)
    plain = [row for row in made if row.plain]
    said = [
        f"**{len(made)} bugs** ({len(bugs) - agora - tests} in the order desk, {tests} in its tests, {agora} in Virtual "
        f"Agora): **{len(made) - len(missed)} caught by the kit**, each by its rule; **{len(plain)} caught by plain pytest**.",
        *(f"Missed: {row.bug.app} {row.bug.name} ({row.bug.rule})." for row in missed),
    ]
    return not missed, "\n\n".join([*said, table(made)])


def _clean(bugs: list[Bug], seeds: int) -> tuple[bool, str]:
    """Is there nothing to find where nothing is seeded?"""
    apps = list(dict.fromkeys(bug.app for bug in bugs))
    found = {app: clean(app, seeds) for app in apps}
    lines = [
        "\n\n".join([f"{app}: {seeds - len(wrong)} of {seeds} seeds are clean.", *wrong])
        for app, wrong in found.items()
    ]
    return not any(found.values()), "\n\n".join(lines)


def _ablation(bugs: list[Bug]) -> tuple[bool, str]:
    """Without its rule, a bug must be missed: it is that rule that catches it."""
    made = ablation(bugs)
    idle = [rule for rule, row in made.items() if row.caught]
    said = f"{len(made)} rules: {len(made) - len(idle)} turn a row red when they are switched off."
    other = "\n".join(f"- {rule}: seeded by `{test}`" for rule, test in ELSEWHERE.items())
    return not idle, f"{said}\n\n{ablation_table(made)}\n\nNot on the board:\n\n{other}"


def _time(seconds: float) -> str:
    """Beside the time by the clock, the processors' own: other work on the machine does not count in it."""
    spent = os.times()
    cpu = spent.children_user + spent.children_system
    return f"Time: {seconds / 60:.0f} min on {os.cpu_count()} cores; {cpu / 60:.0f} min of processor time."


def _write(part: str, text: str) -> None:
    """Replace one part of the results."""
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    parts = dict(one.split("\n\n", 1) for one in old.split("\n## ")[1:])
    parts[part] = text
    made = [f"## {name}\n\n{parts[name].strip()}" for name in PARTS if name in parts]
    RESULTS.write_text("\n\n".join([TITLE, *made]) + "\n", encoding="utf-8")


def _chosen(bug: Bug, only: list[str] | None) -> bool:
    names = (bug.name, bug.app, bug.rule)
    return not only or any(fnmatch.fnmatch(name, glob) for name in names for glob in only)


if __name__ == "__main__":
    sys.exit(main())
