"""Counters of a test against its baseline file."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel

from langgraph_parity import Parity
from langgraph_parity.budgets import Budgets, Meter, measured, metering

ON = ("-p", "no:cacheprovider")
APP = """
from langchain_core.language_models import FakeListChatModel
from langgraph.graph import StateGraph
from langgraph_parity import Target
from typing_extensions import TypedDict

class S(TypedDict):
    left: int
    said: str

def application(turns=2, prompt="What now?", stored="yes", extra=False, repeat=1):
    def turn(state):
        for _ in range(repeat):
            FakeListChatModel(responses=["x"]).invoke(prompt)
        return {"left": state["left"] - 1, "said": stored}

    def build(saver):
        graph = StateGraph(S)
        graph.add_node("turn", turn)
        graph.set_entry_point("turn")
        if extra:
            graph.add_node("beside", lambda state: {})
            graph.set_entry_point("beside")
        graph.add_conditional_edges("turn", lambda s: "turn" if s["left"] else "__end__", ["turn", "__end__"])
        return graph.compile(checkpointer=saver)

    return Target(name="turns", build=build)
"""
TEST = """
import os, pytest, turns

@pytest.fixture
def parity_target():
    return turns.application(**eval(os.environ.get("CHANGE", "{}")))

@pytest.mark.parity_budget(baseline="base.json")
def test_turns(parity):
    assert parity.run({"left": int(os.environ.get("TURNS", 2)), "said": ""}).outcome == "done"
"""


@pytest.fixture
def folder(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A user's folder with an application and a test with a budget."""
    pytester.makeini("[pytest]\naddopts = --strict-markers\npythonpath = .\n")
    pytester.makepyfile(turns=APP, test_it=TEST)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "src"))
    return pytester


@pytest.fixture
def project(folder: pytest.Pytester) -> pytest.Pytester:
    """That folder, with the test's baseline."""
    result = folder.runpytest_inprocess(*ON, "--parity-update-baseline")
    result.stdout.fnmatch_lines(["wrote 1 of 1 baselines to */base.json"])
    return folder


def baseline(project: pytest.Pytester) -> dict[str, int]:
    counters: dict[str, int] = json.loads((project.path / "base.json").read_text())["tests"][
        "test_it.py::test_turns"
    ]
    return counters


def test_the_same_again_is_within_its_budget(project: pytest.Pytester) -> None:
    counters = baseline(project)
    assert counters["supersteps"] == 2
    assert counters["model_calls"] == 2
    assert counters["prompt_chars"] == 2 * counters["longest_prompt"] == 2 * len("What now?")
    assert counters["checkpoint_writes"] > counters["supersteps"]
    result = project.runpytest_inprocess(*ON)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*was*")


@pytest.mark.parametrize(
    ("turns", "change", "rules"),
    [
        (2, {}, set()),
        (3, {}, {"P801", "P802", "P803", "P804", "P805"}),
        (2, {"extra": True}, {"P802"}),
        (2, {"stored": "yes, at length"}, {"P803"}),
        (2, {"repeat": 2}, {"P804", "P805"}),
        (2, {"prompt": "What now, please?"}, {"P805"}),
    ],
)
def test_what_grows_is_found(
    tmp_path: Path, turns: int, change: dict[str, Any], rules: set[str]
) -> None:
    path = tmp_path / "base.json"
    writing = Budgets(update=True)
    writing.compare(path, "test", counted(2), tolerance=0, must=True)
    writing.write()
    found = Budgets().compare(path, "test", counted(turns, **change), tolerance=0, must=True)
    assert {finding.rule for finding in found} == rules


def counted(turns: int, **change: Any) -> dict[str, int]:
    """The counters of one run of the application."""
    names: dict[str, Any] = {}
    exec(APP, names)
    parity = Parity(names["application"](**change))
    metering.meter = meter = Meter()
    try:
        assert parity.run({"left": turns, "said": ""}).outcome == "done"
    finally:
        metering.meter = None
    return measured([parity], meter)


def test_a_growth_says_what_was_and_what_is(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURNS", "3")
    result = project.runpytest_inprocess(*ON)
    result.stdout.fnmatch_lines(
        [
            "P804 budget-calls  test_it.py::test_turns: * (model calls: was 2, is 3, +50.0 %). *",
            "test_it.py::test_turns  model calls: was 2, is 3, +50.0 %",
        ]
    )
    was = baseline(project)
    project.runpytest_inprocess(*ON, "--parity-update-baseline").assert_outcomes(passed=1)
    assert baseline(project)["supersteps"] == was["supersteps"] + 1


def test_what_shrinks_is_a_hint(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNS", "1")
    result = project.runpytest_inprocess(*ON)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "test_it.py::test_turns  supersteps: was 2, is 1, -50.0 %",
            "Smaller than the baseline: keep it so with --parity-update-baseline.",
        ]
    )


def test_a_growth_within_the_tolerance_passes(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.makepyfile(test_it=TEST.replace('"base.json"', '"base.json", tolerance=0.6'))
    monkeypatch.setenv("TURNS", "3")
    project.runpytest_inprocess(*ON).assert_outcomes(passed=1)


def test_a_failed_test_is_no_baseline(project: pytest.Pytester) -> None:
    was = baseline(project)
    project.makepyfile(test_it=TEST + "    parity.run({'left': 3, 'said': ''})\n")
    project.makeconftest("def pytest_runtest_teardown(): assert 0")
    result = project.runpytest_inprocess(*ON, "--parity-update-baseline")
    result.assert_outcomes(passed=1, errors=1)
    assert baseline(project) == was


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: None, "*base.json has no baseline for test_it.py::test_turns. Write it with*"),
        (lambda p: (p / "base.json").write_text("{}"), "*base.json is no baseline of the kit.*"),
        (
            lambda p: (p / "test_it.py").write_text(TEST.replace("(parity)", "()").split("    assert")[0] + "    pass"),
            "parity_budget needs the fixture parity*",
        ),
        (
            lambda p: (p / "test_it.py").write_text(TEST.replace('baseline="base.json"', "")),
            "parity_budget needs a file:*",
        ),
    ],
)  # fmt: skip
def test_bad_usage_is_one_sentence(folder: pytest.Pytester, change: Any, said: str) -> None:
    change(folder.path)
    result = folder.runpytest_inprocess(*ON)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([said])
    result.stdout.no_fnmatch_line("*langgraph_parity/*.py*")


def test_the_baseline_of_all_tests_under_workers(folder: pytest.Pytester) -> None:
    both = TEST.replace('@pytest.mark.parity_budget(baseline="base.json")\n', "")
    both += "def test_more(parity):\n    parity.run({'left': 5, 'said': ''})\n"
    folder.makepyfile(test_it=both)
    ini = ("-o", "parity_baseline=all.json")
    result = folder.runpytest_inprocess(*ON, *ini)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["2 tests have no baseline: write it with --parity-update-baseline."]
    )
    result = folder.runpytest_inprocess(*ON, *ini, "-n", "2", "--parity-update-baseline")
    result.stdout.fnmatch_lines(["wrote 2 of 2 baselines to */all.json"])
    folder.makepyfile(test_it=both.replace("5", "6"))
    result = folder.runpytest_inprocess(*ON, *ini, "-n", "1")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["test_it.py::test_more  model calls: was 5, is 6, +20.0 %"])


def test_an_applications_own_counter(project: pytest.Pytester) -> None:
    project.makepyfile(
        turns=APP.replace("build=build)", "build=build, calls=lambda v: {'model_calls': 40})")
    )
    result = project.runpytest_inprocess(*ON)
    result.stdout.fnmatch_lines(["P804 budget-calls  *was 2, is 42*"])


def test_calls_in_threads_without_a_config_are_counted() -> None:
    metering.meter = meter = Meter()
    try:
        asking = threading.Thread(
            target=FakeListChatModel(responses=["x"]).invoke, args=("How many?",)
        )
        asking.start()
        asking.join()
    finally:
        metering.meter = None
    FakeListChatModel(responses=["x"]).invoke("Not this one.")
    assert meter.counts == {"model_calls": 1, "prompt_chars": 9, "longest_prompt": 9}
