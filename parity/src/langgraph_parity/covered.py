"""What was gone through of one application, beside what there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from langgraph_parity.answered import label_of, options_of
from langgraph_parity.declared import Shape
from langgraph_parity.target import Target

__all__ = ["KINDS", "UNNAMED", "Cell", "Covered"]

KINDS = ("nodes", "edges", "answers", "faults", "crashes", "variants")
UNNAMED = "default"
"""The configuration without a variant."""
ANY = "any answer"
"""The one possible answer to a question without options that nobody has answered."""

Cell = tuple[str, ...]


@dataclass
class Covered:
    """What was gone through of one target, by kind.

    Cells: nodes `(node)`, edges `(source, target)`, answers `(question type, answer)`, faults `(node, error, call)`,
    crashes `(node, before or after)`, variants `(variant)`.
    """

    runs: int = 0
    shape: Shape = field(default_factory=Shape)
    seen: dict[str, Counter[Cell]] = field(default_factory=lambda: {k: Counter() for k in KINDS})
    """How often each cell was gone through."""
    listed: dict[str, set[Cell]] = field(default_factory=lambda: {k: set() for k in KINDS})
    """Answers and variants that the application lists."""
    results: dict[str, dict[Cell, Counter[str]]] = field(
        default_factory=lambda: {"faults": {}, "crashes": {}}
    )
    """How each cell of these kinds ended."""

    def possible(self, kind: str) -> set[Cell]:
        """The cells there are."""
        shape, seen = self.shape, set(self.seen[kind])
        roots = sorted(name for name in shape.nodes if ":" not in name)
        if kind == "nodes":
            return seen | {(name,) for name in shape.nodes}
        if kind == "edges":
            return shape.edges | {way for way in seen if not shape.undeclared(*way)}
        if kind == "answers":
            answered = {type_ for type_, _ in seen}
            return {c for c in self.listed[kind] if c[1] != ANY or c[0] not in answered}
        if kind == "variants":
            return self.listed[kind] | seen
        tried = self.results[kind]
        columns = {cell[1:] for cell in tried}
        if kind == "crashes" and tried:
            columns = {("before",), ("after",)}
        return set(tried) | {(node, *column) for node, column in product(roots, columns)}

    def missing(self, kind: str) -> list[Cell]:
        """The possible cells that were not gone through."""
        return sorted(self.possible(kind) - set(self.seen[kind]))

    def beyond(self, kind: str) -> list[Cell]:
        """What was gone through and is not possible: undeclared ways, answers that are no option."""
        return sorted(set(self.seen[kind]) - self.possible(kind))

    def share(self, kind: str) -> tuple[int, int]:
        """Covered and possible."""
        possible = self.possible(kind)
        return len(possible & set(self.seen[kind])), len(possible)

    def percent(self, kind: str) -> float:
        """Covered of possible, in per cent; 100 where nothing is possible."""
        covered, possible = self.share(kind)
        return 100.0 * covered / possible if possible else 100.0

    def tried(self, kind: str, cell: Cell, result: str | None, count: int = 1) -> None:
        """A fault or a crash; without a result it was not reached."""
        ended = self.results[kind].setdefault(cell, Counter())
        if result:
            ended[result] += count
            self.seen[kind][cell] += count

    def declare(self, target: Target, shape: Shape) -> None:
        """What the target and its graph say there is."""
        self.shape.nodes |= shape.nodes
        self.shape.edges |= shape.edges
        self.shape.open |= shape.open
        for type_, answers in target.answers.items():
            self.listed["answers"] |= {(type_, answer) for answer in answers}
        if target.variants:
            self.listed["variants"] |= {(name,) for name in (UNNAMED, *target.variants)}

    def question(self, target: Target | None, type_: str, value: Any, answer: Any) -> None:
        """A question, and its answer or None."""
        options = (target.answers.get(type_) if target else None) or options_of(value)
        label = label_of(answer, options)
        self.listed["answers"] |= {(type_, option) for option in options}
        if not options:
            self.listed["answers"].add((type_, label or ANY))
        if label:
            self.seen["answers"][type_, label] += 1

    # As JSON, and back.

    def to_json(self) -> dict[str, Any]:
        """Plain data: for each kind how much is covered, and every cell."""
        kinds = {}
        for kind in KINDS:
            possible, seen = self.possible(kind), self.seen[kind]
            ended = self.results.get(kind, {})
            cells = [
                {"cell": list(cell), "count": seen[cell], "possible": cell in possible}
                | ({"results": dict(sorted(ended[cell].items()))} if cell in ended else {})
                for cell in sorted(possible | set(seen))
            ]
            done, there = self.share(kind)
            percent = round(self.percent(kind), 1)
            kinds[kind] = {"covered": done, "possible": there, "percent": percent, "cells": cells}
        return {"runs": self.runs, "open": sorted(self.shape.open), "kinds": kinds}

    def add(self, given: Mapping[str, Any]) -> None:
        """Add what `to_json` gave elsewhere."""
        self.runs += given["runs"]
        self.shape.open |= set(given["open"])
        for kind in KINDS:
            for row in given["kinds"][kind]["cells"]:
                cell = tuple(row["cell"])
                if kind not in self.results:
                    self._add(kind, cell, row["count"], row["possible"])
                elif "results" in row:
                    self.tried(kind, cell, None)
                    for result, count in row["results"].items():
                        self.tried(kind, cell, result, count)

    def _add(self, kind: str, cell: Cell, count: int, possible: bool) -> None:
        if count:
            self.seen[kind][cell] += count
        if kind == "nodes":
            self.shape.nodes.add(cell[0])
        elif kind == "edges" and possible:
            self.shape.edges.add((cell[0], cell[1]))
        elif possible:
            self.listed[kind].add(cell)
