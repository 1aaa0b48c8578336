"""What the plugin does for a whole suite: collects coverage and counters, combines workers, reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from langgraph_parity.budgets import Budgets, Meter, measured, metering
from langgraph_parity.coverage import collectors
from langgraph_parity.refusals import allowed_by
from langgraph_parity.report import Report
from langgraph_parity.rules import ParityUsageError
from langgraph_parity.running import Parity
from langgraph_parity.table import drawn

__all__ = ["MARKERS", "Suite", "add_options"]

MARKERS = (
    "parity_budget(baseline, tolerance=0.0): fail if a counter of the test grew over the baseline file's by more than this fraction",
)

PARITY = pytest.StashKey[Parity]()
"""A test's fixture `parity`, with what it found."""

HELD_TO = {
    "edges": "edges were taken",
    "answers": "possible answers were given",
    "variants": "variants were run",
}
"""Kinds of coverage that a suite can be held to."""


def add_options(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    """Options of the report and the budgets."""
    group.addoption(
        "--parity-report",
        metavar="PATH",
        action="append",
        default=[],
        help="write the coverage of the graph to PATH (.json or .html); may be given twice",
    )
    for kind, said in HELD_TO.items():
        group.addoption(
            f"--parity-fail-under-{kind}",
            type=float,
            metavar="N",
            help=f"fail if fewer than N %% of the {said}",
        )
    group.addoption(
        "--parity-update-baseline",
        action="store_true",
        help="write the baselines of the budgets anew instead of comparing with them",
    )
    parser.addini("parity_baseline", "baseline file that every test with the fixture parity is compared with")  # fmt: skip


class Suite:
    """The hooks of one session; under pytest-xdist a worker hands its part to the controller."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.paths = [
            config.invocation_params.dir / path for path in config.getoption("parity_report")
        ]
        for path in self.paths:
            if path.suffix not in (".json", ".html", ".htm"):
                raise pytest.UsageError(
                    f"--parity-report={path}: give a path that ends in .json or .html."
                )
        given = {kind: config.getoption(f"parity_fail_under_{kind}") for kind in HELD_TO}
        self.least = {kind: least for kind, least in given.items() if least is not None}
        self.report = Report(seed=config.getoption("parity_seed"))
        self.budgets = Budgets(update=config.getoption("parity_update_baseline"))
        self.said: list[str] = []
        collectors.append(self.report.coverage)

    def pytest_unconfigure(self) -> None:
        """The session is over."""
        collectors.remove(self.report.coverage)

    def pytest_report_header(self) -> str:
        """The seed, to repeat the session with."""
        return f"parity: --parity-seed={self.report.seed}"

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Take in what a test went through."""
        result = yield
        parity = item.stash.get(PARITY, None)
        found = parity.findings if parity else ()
        self.report.coverage.harvest(item.nodeid, found, allowed_by(item))
        return result

    # Inside the plugin's own wrapper, which fails the test with the findings.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Count what a test costs, and compare it with its baseline."""
        marker = item.get_closest_marker("parity_budget")
        parity = getattr(item, "funcargs", {}).get("parity")
        path = str(self.config.getini("parity_baseline"))
        if marker and parity is None:
            pytest.fail(
                "parity_budget needs the fixture parity, whose runs it counts.", pytrace=False
            )
        if marker:
            path = str(marker.kwargs.get("baseline") or (marker.args or [path])[0])
            if not path:
                pytest.fail(
                    'parity_budget needs a file: parity_budget(baseline="parity_baseline.json"), '
                    "or the ini option parity_baseline.",
                    pytrace=False,
                )
        if parity is None or not path:
            return (yield)
        metering.meter = meter = Meter()
        try:
            result = yield
        finally:
            metering.meter = None
        try:
            found = self.budgets.compare(
                self.config.rootpath / path,
                item.nodeid,
                measured(self.report.coverage.fresh, meter),
                tolerance=marker.kwargs.get("tolerance", 0.0) if marker else 0.0,
                must=marker is not None,
            )
        except ParityUsageError as error:
            pytest.fail(str(error), pytrace=False)
        parity.add(*found)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What a failed test counted is no baseline."""
        if report.failed:
            self.budgets.forget(report.nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """A worker of pytest-xdist has ended: combine its part."""
        part = getattr(node, "workeroutput", {}).get("parity")
        if part is None:
            self.report.lost.append(node.gateway.id)
        else:
            coverage, budgets = json.loads(part)
            self.report.add(coverage)
            self.budgets.add(budgets)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand over the worker's part; or write the files, and fail for too few edges."""
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            output["parity"] = json.dumps([self.report.to_json(), self.budgets.to_json()])
            return
        if self.config.getoption("collectonly"):
            return
        self.said += self.budgets.write()
        for path in self.paths:
            self.report.write(Path(path))
            self.said.append(f"wrote {path}")
        sentences = [self.report.too_few(kind, least) for kind, least in self.least.items()]
        if any(sentences):
            self.said += filter(None, sentences)
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The coverage and what the budgets say; with -q only if something was asked for."""
        verbosity = self.config.get_verbosity()
        asked_for = bool(self.paths or self.least)
        lines, text = [], None
        if asked_for or (self.report.coverage.targets and verbosity >= 0):
            if terminalreporter.hasmarkup:
                text = drawn(self.report, all=verbosity > 0)
            if text is None:
                lines = self.report.lines(all=verbosity > 0)
        lines += [*self.budgets.lines(), *self.said]
        if lines or text:
            terminalreporter.section("parity")
            if text:
                terminalreporter.write(text)
            for line in lines:
                terminalreporter.line(line)
