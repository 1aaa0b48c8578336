"""The markers `parity_crash` and `parity_faults`: they turn `parity.run(...)` in a test into what they say.

    @pytest.mark.parity_crash
    def test_session(parity, effects):
        run = parity.run({"topic": "bread"}, answers={"approval": "approve"})
        assert run.outcome == "done"

The test sees the run without a crash. Then the kit does it again for every checkpoint write, dies before and after it,
and resumes in a new application with the same answers; a failure shows the grid. Fixtures of the test that are called
`effects` and `calls` are counted (name others in the marker). `every=3` takes each third write, `limit=20` so many cells
drawn by `seed` (default: `--parity-seed`).

    @pytest.mark.parity_faults(nodes="*", errors=["exception", "timeout", "call", "malformed"], calls=[1, 2])
    def test_session(parity):
        run = parity.run({"topic": "bread"}, answers={"approval": "approve"})
        assert run.outcome == "done"

The test runs once for each node, fault and execution of the node, with ids like `outline-timeout-1`. `parity.run` returns the
faulty run and, unless that was done, its resumption without the fault as one; `run.legs` has them apart. The fixture
`parity_fault` is the case. A case that does not come to pass in this run is skipped, with the reason.

Both perform `run` and `arun`; `resume` is as always.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from langgraph_parity.cases import Case, cases
from langgraph_parity.crashes import chosen, crash_steps
from langgraph_parity.faults import NotStruck, fault_steps
from langgraph_parity.grid import Grid
from langgraph_parity.performing import Performer, Steps
from langgraph_parity.refusals import counted_by, refuse
from langgraph_parity.rules import ParityUsageError
from langgraph_parity.running import Parity
from langgraph_parity.runs import Run
from langgraph_parity.target import Target, blueprint, checked, load_target

__all__: list[str] = []

MARKERS = (
    "parity_crash(every=1, limit=None, seed=None, effects='effects', calls='calls'): each parity.run of the test is "
    "done again, dying before and after every checkpoint write; effects and calls name fixtures that count them",
    "parity_faults(nodes='*', errors=('exception', 'timeout'), calls=(1,), limit=None, seed=None, target=None): "
    "the test runs once for each node, fault and execution of the node",
)


def pytest_configure(config: pytest.Config) -> None:
    """Markers of the kit."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each case of `parity_faults`; where it has none, one that says why, and fails (see `refusals`)."""
    marker = metafunc.definition.get_closest_marker("parity_faults")
    crash = metafunc.definition.get_closest_marker("parity_crash")
    if marker is None or crash is not None or "parity" not in metafunc.fixturenames:
        return
    made: list[Any]
    try:
        made = _cases(metafunc, marker)
        ids = [str(case) for case in made]
    except Exception as error:  # from the application, too, which is built here
        kind = "" if isinstance(error, ParityUsageError) else f"{type(error).__name__}: "
        made, ids = [f"parity_faults: {kind}{error}"], ["refused"]
    metafunc.fixturenames.append("parity_fault")
    metafunc.parametrize("parity_fault", made, ids=ids, indirect=True)


def _cases(metafunc: pytest.Metafunc, marker: pytest.Mark) -> list[Case]:
    given = {"nodes": "*", **marker.kwargs, **dict(zip(("nodes", "errors", "calls"), marker.args, strict=False))}  # fmt: skip
    target = given.pop("target", None)
    nodes = [given["nodes"]] if isinstance(given["nodes"], str) else given["nodes"]
    if target is None:
        target = _target(metafunc, any(set("*?[") & set(name) for name in nodes))
    else:
        target = checked(target)
    if given.get("seed") is None:
        given["seed"] = metafunc.config.getoption("--parity-seed")
    variant = metafunc.definition.get_closest_marker("parity_variant")
    return cases(target, **given, variant=variant.args[0] if variant and variant.args else None)


@pytest.fixture
def parity_fault(request: pytest.FixtureRequest) -> Case:
    """The case of `parity_faults` that this test runs."""
    case: Case = request.param
    return case


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Perform the runs of the test as its marker says; say how to do a failure again."""
    parity = getattr(item, "funcargs", {}).get("parity")
    if not isinstance(parity, Parity):
        return (yield)
    grids: list[Grid] = []
    crash = item.get_closest_marker("parity_crash")
    case = getattr(getattr(item, "callspec", None), "params", {}).get("parity_fault")
    if isinstance(case, Case):
        parity.performer = performer = _Counting(functools.partial(_faulty, case))
    elif crash is not None:
        parity.performer = performer = _Counting(functools.partial(_as_grid, item, grids, crash))
    else:
        return (yield)
    try:
        result = yield
        if not performer.times:
            name = "parity_crash" if crash else "parity_faults"
            refuse(
                f"{name}: the test never calls parity.run or parity.arun, so nothing was tested."
            )
        return result
    except BaseException as error:
        for grid in grids:
            item.add_report_section("call", "parity crash grid", str(grid))
        if not isinstance(error, pytest.skip.Exception):
            seed = item.config.getoption("--parity-seed")
            line = f"pytest '{item.nodeid}' --parity-seed={seed}"
            item.add_report_section("call", "parity: to do it again", line)
        raise
    finally:
        parity.performer = None


class _Counting:
    """A performer, and how often it was asked."""

    def __init__(self, performer: Performer) -> None:
        self.times = 0
        self._performer = performer

    def __call__(self, *given: Any) -> Steps[Run]:
        self.times += 1
        return self._performer(*given)


def _as_grid(
    item: Any, grids: list[Grid], marker: pytest.Mark,
    parity: Parity, input: Any, answers: Any, thread_id: str, limit: int | None,
) -> Steps[Run]:  # fmt: skip
    """`parity.run` as a crash grid; the test sees the run without a crash."""
    records = {name: item.funcargs.get(fixture) for name, fixture in counted_by(marker).items()}
    options = {k: v for k, v in marker.kwargs.items() if k not in records}
    if options.get("seed") is None:
        options["seed"] = item.config.getoption("--parity-seed")
    grid = yield from crash_steps(
        parity, input, answers=answers, points=chosen(*marker.args, **options), thread_id=thread_id, limit=limit, **records
    )  # fmt: skip
    grids.append(grid)
    parity.add(*grid.findings)
    return grid.run


def _faulty(
    case: Case, parity: Parity, input: Any, answers: Any, thread_id: str, limit: int | None
) -> Steps[Run]:
    """`parity.run` with a fault, and on without it."""
    if case.node not in blueprint(parity.target, parity.variant).nodes:
        refuse(f"parity_faults: no node is called {case.node}.")
    try:
        return (yield from fault_steps(parity, input, answers, thread_id, limit, case))
    except NotStruck as error:
        pytest.skip(str(error))


def _target(metafunc: pytest.Metafunc, needed: bool) -> Target | None:
    """The application under test, at a time when no fixture runs yet; None if it cannot be had and is not needed."""
    fixtures = metafunc._arg2fixturedefs.get("parity_target", ())
    function = fixtures[-1].func if fixtures else None
    path = str(metafunc.config.getini("parity_target"))
    if function is not None and function.__module__ != "langgraph_parity.plugin":
        asked = [n for n in inspect.signature(function).parameters if n != "self"]
        if not asked:
            made = function(metafunc.cls()) if _method(function) else function()
            return checked(next(made) if inspect.isgenerator(made) else made)
    if not path and not needed:
        return None
    if not path:
        raise ParityUsageError(
            "The names of the nodes are needed before fixtures run, and parity_target "
            "asks for other fixtures. Give parity_faults(nodes=[...]) without wildcards, or target=..., or set the "
            "ini option parity_target = module:attribute."
        )
    return load_target(path, "parity_target =")


def _method(function: Any) -> bool:
    return "self" in inspect.signature(function).parameters
