"""The coverage of the graph, as text, JSON and HTML.

The JSON has these keys, which stay as they are:

`format` (`langgraph-parity/coverage/1`), `tests` (that used the kit), `seed`, `lost` (workers whose part is missing),
`findings`: rule -> `count`, `allowed`, `tests`; and `targets`: name -> `runs`, `open` (nodes whose router declares no
targets) and `kinds`: `nodes`, `edges`, `answers`, `faults`, `crashes`, `variants`, each with `covered`, `possible`,
`percent` and `cells`, a list of `cell` (what it is: source and target, question type and answer, …), `count`,
`possible` (false: an undeclared way, an answer that is no option) and, of faults and crashes, `results`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph.constants import END, START

from langgraph_parity.coverage import Coverage
from langgraph_parity.covered import KINDS, Cell, Covered
from langgraph_parity.rules import RULES, ParityUsageError

__all__ = [
    "BEYOND",
    "FEW",
    "MISSING",
    "TITLES",
    "Report",
    "beyond",
    "listed",
    "many",
    "named",
    "read",
]

TITLES = {
    "nodes": "nodes",
    "edges": "edges",
    "answers": "question × answer",
    "faults": "node × fault",
    "crashes": "node × crash",
    "variants": "variants",
}
MISSING = {
    "nodes": "never ran",
    "edges": "never taken",
    "answers": "never answered",
    "faults": "fault not tried",
    "crashes": "crash not tried",
    "variants": "never run",
}
DONE = {"edges": "taken", "answers": "given", "variants": "run"}
BEYOND = {"edges": "not declared, but taken", "answers": "answered, but no option"}
ENDS = {START: "START", END: "END"}
FEW = 12


@dataclass
class Report:
    """The coverage of a suite, or of several combined."""

    coverage: Coverage = field(default_factory=Coverage)
    seed: int | None = None
    lost: list[str] = field(default_factory=list)
    """Workers that died, and their part of the coverage with them."""

    def add(self, part: dict[str, Any]) -> None:
        """Add another process's or run's report, as `to_json` gave it."""
        self.coverage.add(part)
        self.lost += part["lost"]

    def to_json(self) -> dict[str, Any]:
        """Plain data; see above for its keys."""
        return {**self.coverage.to_json(), "seed": self.seed, "lost": self.lost}

    def write(self, path: Path) -> None:
        """Write it as JSON or HTML, by the ending of the path.

        Raises:
            ParityUsageError: it is neither.
        """
        if path.suffix == ".json":
            text = json.dumps(self.to_json(), indent=1, ensure_ascii=False)
        elif path.suffix in (".html", ".htm"):
            from langgraph_parity.page import page

            text = page(self)
        else:
            raise ParityUsageError(f"A report is a .json or a .html file; {path} is neither.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")

    def lines(self, *, all: bool = False) -> list[str]:
        """For the terminal; `all` names everything that is missing, else a few of each kind."""
        said: list[str] = []
        for name, covered in sorted(self.coverage.targets.items()):
            said.append(self.title(name))
            said += [_row(kind, covered) for kind in KINDS]
            for kind in KINDS:
                if names := listed(kind, covered.missing(kind), None if all else FEW):
                    said.append(f"  {MISSING[kind]}: {names}")
            said += beyond(covered)
        return said + self.remarks()

    def title(self, name: str) -> str:
        """`toy, 3 runs in 2 tests`."""
        runs = many(self.coverage.targets[name].runs, "run")
        return f"{name}, {runs} in {many(self.coverage.tests, 'test')}"

    def remarks(self) -> list[str]:
        """What is said of all targets together: the findings, and workers that died."""
        said = []
        for rule, row in sorted(self.coverage.findings.items()):
            allowed = f", {row['allowed']} of them allowed" if row["allowed"] else ""
            said.append(f"{rule} {RULES[rule].title}: {row['count']}{allowed}")
        if self.lost:
            said.append(f"Without what {', '.join(self.lost)} went through: the worker died.")
        return said

    def too_few(self, kind: str, least: float) -> str | None:
        """One sentence that names what of a kind is missing, if fewer than `least` per cent were gone through."""
        if not self.coverage.targets:
            return f"No {kind} are known: no test ran an application with the fixture parity."
        for name, covered in sorted(self.coverage.targets.items()):
            if covered.percent(kind) < least:
                done, there = covered.share(kind)
                missing = ", ".join(named(kind, cell) for cell in covered.missing(kind))
                gone = DONE.get(kind, "gone through")
                return (
                    f"Only {done} of {there} {kind} of {name} were {gone}, fewer than {least:g} %; "
                    f"{MISSING[kind]}: {missing}."
                )
        return None


def read(paths: Sequence[Path]) -> Report:
    """One report of several.

    Raises:
        ParityUsageError: a path is no report of the kit.
    """
    report = Report()
    seeds = set()
    for path in paths:
        try:
            part = json.loads(path.read_text(encoding="utf-8"))
            report.add(part)
            seeds.add(part["seed"])
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            ParityUsageError,
        ) as error:
            raise ParityUsageError(
                f"{path} cannot be combined: it is no report written by --parity-report=….json ({error})."
            ) from error
    report.seed = seeds.pop() if len(seeds) == 1 else None
    return report


def named(kind: str, cell: Cell) -> str:
    """A cell in words: `approve → outline`, `approval: reject`."""
    parts = [":".join(ENDS.get(name, name) for name in part.split(":")) for part in cell]
    if kind == "edges":
        return " → ".join(parts)
    if kind == "faults":
        return f"{parts[0]} {parts[1]} at call {parts[2]}"
    return ": ".join(parts) if kind == "answers" else " ".join(parts)


def many(number: int, thing: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {thing}" + "s" * (number != 1)


def _row(kind: str, covered: Covered) -> str:
    done, there = covered.share(kind)
    share = f"{done:>4} of {there:<4}{int(covered.percent(kind)):>4} %" if there else "  none"
    return f"  {TITLES[kind]:<18}{share}"


def listed(kind: str, cells: Sequence[Cell], most: int | None) -> str:
    """The names of cells, at most so many; empty if there are none."""
    more = len(cells) - most if most and len(cells) > most else 0
    names = ", ".join(named(kind, cell) for cell in cells[: most if more else None])
    return names + (f", and {more} more (-v names them)" if more else "")


def beyond(covered: Covered) -> list[str]:
    """What was gone through without being declared, and what cannot be told."""
    said = [f"  {t}: {listed(k, covered.beyond(k), None)}" for k, t in BEYOND.items() if covered.beyond(k)]  # fmt: skip
    if covered.shape.open:
        routers = ", ".join(sorted(covered.shape.open))
        said.append(
            f"  targets unknown: {routers} – what their routers or error handlers never took cannot be told; "
            "give a router a path map or a Literal as return type"
        )
    return said
