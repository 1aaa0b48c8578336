"""What the runs of a suite went through: nodes, edges, answers, faults, crashes, variants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from langgraph.constants import START

from langgraph_parity.answered import resumed
from langgraph_parity.covered import UNNAMED, Covered
from langgraph_parity.declared import name_in, shape_of
from langgraph_parity.rules import Finding, ParityUsageError
from langgraph_parity.target import Target, active, question_type
from langgraph_parity.writes import Writes

if TYPE_CHECKING:
    from langgraph_parity.running import Parity

__all__ = ["FORMAT", "Coverage", "asked", "collectors", "crash", "fault", "made"]

FORMAT = "langgraph-parity/coverage/1"


class Coverage:
    """What every `Parity` of a suite went through, by the name of its target."""

    def __init__(self) -> None:
        self.targets: dict[str, Covered] = {}
        self.tests = 0
        self.findings: dict[str, dict[str, Any]] = {}
        """Rule -> how many findings, how many of them allowed, and in which tests."""
        self.fresh: list[Parity] = []
        """Made since the last harvest."""
        self._known: WeakKeyDictionary[Parity, int] = WeakKeyDictionary()
        self._marks: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

    def of(self, target: Target | str | None) -> Covered:
        """The coverage of a target."""
        name = target.name if isinstance(target, Target) else target
        return self.targets.setdefault(name or "?", Covered())

    def harvest(
        self, test: str, findings: Iterable[Finding] = (), allowed: Iterable[str] = ()
    ) -> None:
        """Take in what happened in a test that has ended, and its findings."""
        parities = list(dict.fromkeys([*self.fresh, *self._known]))
        self.tests += bool(self.fresh)
        self.fresh.clear()
        driven = {run.thread_id for parity in parities for run in parity.runs}
        for parity in parities:
            written = parity.saver.written[self._marks.get(parity.saver, 0) :]
            runs = self._known.get(parity, -1)
            if not parity.graphs or (not written and runs == len(parity.runs)):
                continue
            self._marks[parity.saver] = len(parity.saver.written)
            covered = self.of(parity.target)
            covered.declare(parity.target, shape_of(parity.graphs[-1]))
            covered.runs += len(parity.runs) - max(runs, 0)
            if written and parity.target.variants:
                covered.seen["variants"][(parity.variant or UNNAMED,)] += 1
            _observe(covered, parity.target, written, driven)
            self._known[parity] = len(parity.runs)
        self._count(findings, test, set(allowed))

    def _count(self, findings: Iterable[Finding], test: str, allowed: set[str]) -> None:
        for finding in findings:
            rule = finding.rule
            self._tally(rule, {"count": 1, "allowed": int(rule in allowed), "tests": [test]})

    def _tally(self, rule: str, more: Mapping[str, Any]) -> None:
        row = self.findings.setdefault(rule, {"count": 0, "allowed": 0, "tests": []})
        row["count"] += more["count"]
        row["allowed"] += more["allowed"]
        row["tests"] = sorted({*row["tests"], *more["tests"]})

    # As JSON, and back.

    def to_json(self) -> dict[str, Any]:
        """The report as plain data; its keys are described in `report`."""
        return {
            "format": FORMAT,
            "tests": self.tests,
            "targets": {name: one.to_json() for name, one in sorted(self.targets.items())},
            "findings": dict(sorted(self.findings.items())),
        }

    def add(self, report: Mapping[str, Any]) -> None:
        """Add what another process or run went through, as `to_json` gave it.

        Raises:
            ParityUsageError: it is no such report.
        """
        if report.get("format") != FORMAT:
            raise ParityUsageError(f"This is no report of the kit: its format is not {FORMAT}.")
        self.tests += report["tests"]
        for name, given in report["targets"].items():
            self.of(name).add(given)
        for rule, row in report["findings"].items():
            self._tally(rule, row)


def _observe(covered: Covered, target: Target, written: list[Writes], driven: set[str]) -> None:
    """Count nodes and ways, and the questions of threads that no `run` drove: it counts its own as they are asked."""
    for w in written:
        if w.finished and not w.call and w.node != "?":
            source = name_in(w, w.node)
            for _, way in w.ways():
                covered.seen["edges"][source, name_in(w, way)] += 1
            if w.node != START:
                covered.seen["nodes"][(source,)] += 1
    for node, value, answer in resumed(w for w in written if w.thread_id not in driven):
        type_ = target.question_type(value)
        named = type_ != "question" or target.question_type is not question_type
        covered.question(target, type_ if named else node, value, answer)


collectors: list[Coverage] = []
"""The suite's coverage; the innermost suite's is last."""


def made(parity: Parity) -> None:
    """A Parity was made."""
    if collectors:
        collectors[-1].fresh.append(parity)


def asked(type: str, value: Any, answer: Any) -> None:
    """A question of the target in use was asked; `answer` None: nobody answered."""
    if collectors and active:
        collectors[-1].of(active[-1]).question(active[-1], type, value, answer)


def fault(
    node: str, error: str, call: int | str, result: str | None, *, target: str | None = None
) -> None:
    """A fault was to happen in a node at a call: how did it end (`recovered`, …)? None: it was not reached."""
    if collectors:
        covered = collectors[-1].of(target or (active[-1] if active else None))
        covered.tried("faults", (node, str(error), str(call)), result)


def crash(
    write: int, when: str, node: str, result: str | None, *, target: str | None = None
) -> None:
    """The application died before or after a write of a node: how did it end? None: it was not reached."""
    if collectors:
        covered = collectors[-1].of(target or (active[-1] if active else None))
        covered.tried("crashes", (node or f"write {write}", when), result)
