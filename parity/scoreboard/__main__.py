"""`python -m scoreboard`, in the folder parity/: seeds the bugs and prints what caught them."""

from __future__ import annotations

import argparse
import fnmatch
import sys
from pathlib import Path

from scoreboard.board import Row, clean, rows, table
from scoreboard.bugs import BUGS, Bug

RESULTS = Path(__file__).with_name("RESULTS.md")


def options() -> argparse.Namespace:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m scoreboard", description=__doc__)
    made.add_argument("--only", metavar="GLOB", action="append", help="bugs, applications or rules by name")  # fmt: skip
    made.add_argument("--seeds", type=int, default=0, metavar="N", help="run the unpatched applications with so many seeds")  # fmt: skip
    made.add_argument("--without", default="", metavar="RULE", help="switch a rule of the kit off")
    made.add_argument("--ablation", action="store_true", help="switch each rule of the table off in turn")  # fmt: skip
    made.add_argument("--show", action="store_true", help="print the output of the kit's suites")
    return made.parse_args()


def main() -> int:
    """0: every bug is caught by its rule, and the unpatched applications are clean."""
    given = options()
    bugs = [bug for bug in BUGS if _chosen(bug, given.only)]
    if given.ablation:
        return _ablation(bugs)
    made = rows(bugs, without=given.without)
    if given.show:
        print("\n".join(f"== {row.bug.name}\n{row.output}" for row in made))
    missed = [row for row in made if not row.caught]
    found = [line for app in dict.fromkeys(b.app for b in bugs) for line in clean(app, given.seeds)]
    plain = sum(row.plain for row in made)
    said = [
        f"{len(made)} bugs: {len(made) - len(missed)} caught by the kit, each by its rule; {plain} caught by plain pytest.",
        *(f"Missed: {row.bug.app} {row.bug.name} ({row.bug.rule})." for row in missed),
    ]
    if given.seeds:
        said += found or [f"The unpatched applications are clean for {given.seeds} seeds."]
    text = "\n\n".join([table(made), *said])
    print(text)
    if not given.only and not given.without:
        RESULTS.write_text(f"# Scoreboard of seeded bugs\n\n{text}\n", encoding="utf-8")
    return 1 if missed or found else 0


def _ablation(bugs: list[Bug]) -> int:
    """Without its rule, each rule's rows are tried again: at least one must turn red."""
    idle = []
    for rule in sorted({bug.rule for bug in bugs}):
        made: list[Row] = rows([bug for bug in bugs if bug.rule == rule], without=rule, plain=False)
        red = [row.bug.name for row in made if not row.caught]
        unseen = [row.bug.name for row in made if not row.failed]
        tail = f"; nothing else notices {', '.join(unseen)}" if unseen else ""
        print(f"without {rule}: red {', '.join(red) or 'nothing'}{tail}", flush=True)
        idle += [] if red else [rule]
    return 1 if idle else 0


def _chosen(bug: Bug, only: list[str] | None) -> bool:
    names = (bug.name, bug.app, bug.rule)
    return not only or any(fnmatch.fnmatch(name, glob) for name in names for glob in only)


if __name__ == "__main__":
    sys.exit(main())
