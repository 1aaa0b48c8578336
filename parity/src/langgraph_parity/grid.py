"""The crash grid: its cells, what was found in each, and how it prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from langgraph_parity.rules import Finding, ParityError
from langgraph_parity.runs import Run

__all__ = ["Cell", "Grid"]

__tracebackhide__ = True

When = Literal["before", "after"]


@dataclass(frozen=True)
class Cell:
    """One death: before or after write `number` (from 1), and what was wrong when the session had gone on."""

    number: int
    when: When
    write: str = ""
    """What was written there: node and channels, or the checkpoint. Empty: the run did not come so far."""
    findings: tuple[Finding, ...] = ()

    def __str__(self) -> str:
        """`write 5 before, look_up: votes`."""
        return f"write {self.number} {self.when}, {self.write or 'never reached'}"

    @property
    def mark(self) -> str:
        """One character: `.` good, `x` something was found, `-` never reached."""
        return "x" if self.findings else "." if self.write else "-"


@dataclass
class Grid:
    """A run, and what became of it at every death. Prints as a table."""

    target: str
    run: Run
    """The run without a crash."""
    cells: list[Cell] = field(default_factory=list)
    before: list[Finding] = field(default_factory=list)
    """What is wrong without any crash: nothing can be compared then, and there are no cells."""

    @property
    def findings(self) -> list[Finding]:
        """What was found, each thing once, at the first cell where it was; the others are counted."""
        first: dict[tuple[str, str], list[Cell]] = {}
        for cell in self.cells:
            for finding in cell.findings:
                first.setdefault((finding.rule, finding.detail), []).append(cell)
        found = list(self.before)
        for (rule, detail), cells in first.items():
            more = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
            found.append(Finding(rule, f"{cells[0]}{more}", detail))
        return found

    @property
    def ok(self) -> bool:
        """Was every cell good?"""
        return not self.findings

    def check(self) -> None:
        """Raise ParityError, with the findings and the table, if anything was found."""
        if findings := self.findings:
            error = ParityError(findings)
            error.args = (f"{error}\n{self}",)
            raise error

    def __str__(self) -> str:
        """One line for each write."""
        bad = sum(cell.mark == "x" for cell in self.cells)
        lines = [f"crash grid of {self.target}: {len(self.cells)} cells, {bad} failed"]
        marks = {(cell.number, cell.when): cell for cell in self.cells}
        for number in sorted({cell.number for cell in self.cells}):
            row: Sequence[Cell | None] = [marks.get((number, w)) for w in ("before", "after")]
            name = next((cell.write for cell in row if cell and cell.write), "never reached")
            before, after = (cell.mark if cell else " " for cell in row)
            lines.append(f"{number:>4}  {before} {after}  {name}")
        return "\n".join(lines)


def at(cell: Cell, rule: str, detail: str = "") -> Finding:
    """A finding of this cell."""
    return Finding(rule, str(cell), detail)


def with_findings(cell: Cell, findings: Sequence[Finding]) -> Cell:
    """The cell with what was found in it, each thing once."""
    return replace(cell, findings=tuple(dict.fromkeys(findings)))
