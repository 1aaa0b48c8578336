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

__all__ = ["BEYOND", "MISSING", "TITLES", "Report", "many", "named", "read"]

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
            said.append(
                f"{name}, {many(covered.runs, 'run')} in {many(self.coverage.tests, 'test')}"
            )
            said += [_row(kind, covered) for kind in KINDS]
            for kind in KINDS:
                said += _list(MISSING[kind], kind, covered.missing(kind), None if all else FEW)
            for kind, title in BEYOND.items():
                said += _list(title, kind, covered.beyond(kind), None)
            if covered.shape.open:
                routers = ", ".join(sorted(covered.shape.open))
                said.append(
                    f"  targets unknown: {routers} – what their routers or error handlers never took cannot be told; "
                    "give a router a path map or a Literal as return type"
                )
        for rule, row in sorted(self.coverage.findings.items()):
            allowed = f", {row['allowed']} of them allowed" if row["allowed"] else ""
            said.append(f"{rule} {RULES[rule].title}: {row['count']}{allowed}")
        if self.lost:
            said.append(f"Without what {', '.join(self.lost)} went through: the worker died.")
        return said

    def too_few_edges(self, least: float) -> str | None:
        """One sentence that names the missing edges, if fewer than `least` per cent were taken."""
        if not self.coverage.targets:
            return "No edges are known: no test ran an application with the fixture parity."
        for name, covered in sorted(self.coverage.targets.items()):
            if covered.percent("edges") < least:
                done, there = covered.share("edges")
                missing = ", ".join(named("edges", cell) for cell in covered.missing("edges"))
                return (
                    f"Only {done} of {there} edges of {name} were taken, fewer than {least:g} %; "
                    f"never taken: {missing}."
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


def _list(title: str, kind: str, cells: Sequence[Cell], most: int | None) -> list[str]:
    if not cells:
        return []
    more = len(cells) - most if most and len(cells) > most else 0
    names = ", ".join(named(kind, cell) for cell in cells[: most if more else None])
    return [f"  {title}: {names}" + (f", and {more} more (-v names them)" if more else "")]
