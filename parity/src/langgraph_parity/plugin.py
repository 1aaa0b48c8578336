"""The pytest plugin: fixtures, markers, options, and what is checked after each test."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parity import rules, suite
from langgraph_parity.allocations import Allocations
from langgraph_parity.checks import SessionChecks
from langgraph_parity.guard import Guard
from langgraph_parity.outside import effects, forward_clock, real_files, scripted_model, wire
from langgraph_parity.refusals import allowed_by, refuse
from langgraph_parity.rules import ParityUsageError
from langgraph_parity.running import Parity
from langgraph_parity.stack import trace
from langgraph_parity.suite import PARITY
from langgraph_parity.target import Target, active, load_target

# Fixtures are found by pytest as names of this module.
__all__ = ["effects", "forward_clock", "real_files", "scripted_model", "wire"]

pytest_plugins = ["langgraph_parity.marks", "langgraph_parity.refusals"]

GUARD = pytest.StashKey[Guard]()

MARKERS = (
    'parity_saver(kind): the checkpointer of the parity fixture, "memory" or "sqlite"',
    "parity_variant(name): the variant of the target that the parity fixture builds",
    "parity_allow(rule, ..., reason): rules this test may break, and why",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the kit."""
    group = parser.getgroup("parity", "production parity of a LangGraph application")
    group.addoption(
        "--parity-seed", type=int, default=0, metavar="N", help="seed of faults and exploration"
    )
    group.addoption(
        "--parity-memray",
        action="store_true",
        help="a finding about memory names the places that allocated most; needs memray",
    )
    suite.add_options(parser, group)
    parser.addini("parity_target", "the application under test, as module:attribute")


def pytest_configure(config: pytest.Config) -> None:
    """Markers of the kit, and what it does for the whole suite."""
    for marker in (*MARKERS, *suite.MARKERS):
        config.addinivalue_line("markers", marker)
    config.pluginmanager.register(suite.Suite(config), "parity-suite")
    if config.getoption("parity_memray"):
        config.pluginmanager.register(Allocations(), "parity-allocations")


@pytest.fixture
def parity_target(request: pytest.FixtureRequest) -> Target:
    """The application under test; override it in conftest.py, or set the ini option `parity_target`."""
    path = str(request.config.getini("parity_target"))
    if not path:
        refuse(
            "There is no target. Define a fixture parity_target in conftest.py that returns "
            "langgraph_parity.Target(name=..., build=...), or set parity_target = module:attribute."
        )
    try:
        return load_target(path, "parity_target =")
    except ParityUsageError as error:
        refuse(str(error))


@pytest.fixture
def parity_saver(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[BaseCheckpointSaver[Any]]:
    """The checkpointer of the parity fixture: of the marker `parity_saver`, else in memory."""
    marker = request.node.get_closest_marker("parity_saver")
    kind = "memory" if marker is None else (*marker.args, None)[0]
    if kind == "memory":
        yield InMemorySaver()
    elif kind == "sqlite":
        try:
            from langgraph.checkpoint.sqlite import SqliteSaver
        except ImportError:
            refuse('parity_saver("sqlite") needs the package langgraph-checkpoint-sqlite.')
        connection = sqlite3.connect(tmp_path / "checkpoints.sqlite3", check_same_thread=False)
        yield SqliteSaver(connection)
        connection.close()
    else:
        refuse(
            f"parity_saver({kind!r}) is none of memory, sqlite. For another, override the fixture parity_saver."
        )


@pytest.fixture
def parity(
    request: pytest.FixtureRequest, parity_target: Target, parity_saver: BaseCheckpointSaver[Any]
) -> Iterator[Parity]:
    """The application under test, over a checkpointer of this test's own."""
    marker = request.node.get_closest_marker("parity_variant")
    try:
        made = Parity(
            parity_target,
            parity_saver,
            guard=request.node.stash.get(GUARD, None),
            variant=marker.args[0] if marker else None,
            seed=request.config.getoption("parity_seed"),
        )
    except ParityUsageError as error:
        refuse(str(error))
    request.node.stash[PARITY] = made
    active.append(parity_target)
    yield made
    active.remove(parity_target)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Watch a test that uses the kit from before its fixtures to after them."""
    if "parity" not in getattr(item, "fixturenames", ()):
        return (yield)
    rules.allowed.update(_allowed(item))
    try:
        with Guard() as guard:
            item.stash[GUARD] = guard
            return (yield)
    finally:
        rules.allowed.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Run the test, then fail it with what was found, or add that to its failure."""
    parity = item.stash.get(PARITY, None)
    if parity is None:
        return (yield)
    clock, rss = time.perf_counter(), psutil.Process().memory_info().rss
    try:
        result = yield
    except BaseException:
        if text := _found(item, parity):
            item.add_report_section("findings", "parity", text)
        if unfinished := [run.told for run in parity.runs if run.told]:
            item.add_report_section("runs", "parity", "\n".join(unfinished))
        _add_traces(item, parity)
        raise
    growth = psutil.Process().memory_info().rss - rss
    _after(parity, time.perf_counter() - clock, growth)
    if text := _found(item, parity):
        _add_traces(item, parity)
        pytest.fail(text, pytrace=False)
    return result


def _add_traces(item: pytest.Item, parity: Parity) -> None:
    """Show where the application failed: a grid of faults fails often, and the latest few tell enough."""
    failed = [run.raised for run in parity.runs if isinstance(run.raised, Exception)]
    traces = [text for text in dict.fromkeys(map(trace, failed)) if text]
    if traces:
        item.add_report_section("traceback", "parity", "\n".join(traces[-3:]))


def _after(parity: Parity, seconds: float, growth: int) -> None:
    """What must hold after a test: time and memory, and the threads that the test drove by itself."""
    checks = SessionChecks(parity.target)
    if not any(finding.rule in ("P603", "P604") for finding in parity.findings):
        parity.add(*checks.resources("the test", seconds, growth))
    parity.check_threads()


def _found(item: pytest.Item, parity: Parity) -> str:
    allowed = _allowed(item)
    return "\n".join(str(finding) for finding in parity.findings if finding.rule not in allowed)


def _allowed(item: pytest.Item) -> set[str]:
    return allowed_by(item) | rules.switched_off()
