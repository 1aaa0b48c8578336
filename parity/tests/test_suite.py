"""What a whole suite went through: the report, the edges that must be taken, workers, several runs."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from langgraph_parity.cli import main

TOY = Path(__file__).parent / "toy.py"
ON = ("-p", "no:cacheprovider")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A user's folder with the toy application, its target, and warnings as errors."""
    pytester.makepyfile(shop=TOY.read_text())
    pytester.makeini("[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n")
    pytester.makeconftest(
        """
        import pytest, shop

        @pytest.fixture
        def parity_target():
            return shop.target(variants={"lax": {"durability": "sync"}})
        """
    )
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "src"))
    return pytester


APPROVED = """
def test_approved(parity):
    assert parity.run({"topic": " x "}, answers={"approval": "approve"}).outcome == "done"
"""
WHOLE = f"""
import pytest
{APPROVED}
def test_rejected(parity):
    run = parity.run({{"topic": "x"}}, answers={{"approval": ["reject", "approve"]}})
    assert run.outcome == "done"

@pytest.mark.parity_variant("lax")
def test_lax(parity):
    assert parity.run({{"topic": "x"}}, answers={{"approval": "approve"}}).outcome == "done"
"""


def cells(report: dict[str, Any], kind: str) -> dict[tuple[str, ...], int]:
    rows = report["targets"]["toy"]["kinds"][kind]["cells"]
    return {tuple(row["cell"]): row["count"] for row in rows}


def test_a_missing_edge_is_named_and_fails_the_session(project: pytest.Pytester) -> None:
    project.makepyfile(APPROVED)
    result = project.runpytest_inprocess(
        *ON,
        "--parity-fail-under-edges=100",
        "--parity-fail-under-answers=50",
        "--parity-fail-under-variants=51",
        "--parity-seed=7",
    )
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "parity: --parity-seed=7",
            "toy, 1 run in 1 test",
            "  edges                7 of 8     87 %",
            "  question × answer    1 of 2     50 %",
            "  node × fault        none",
            "  variants             1 of 2     50 %",
            "  never taken: approve → outline",
            "  never answered: approval: reject",
            "  never run: lax",
            "Only 7 of 8 edges of toy were taken, fewer than 100 %; never taken: approve → outline.",
            "Only 1 of 2 variants of toy were run, fewer than 51 %; never run: lax.",
        ]
    )
    result.stdout.no_fnmatch_line("Only * answers *")


def test_a_terminal_with_colours_gets_a_table(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    project.makepyfile(APPROVED)
    asked = (*ON, "--color=yes", "--parity-fail-under-edges=100")
    result = project.runpytest_inprocess(*asked)
    text = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout.str())
    assert "toy, 1 run in 1 test" in text
    assert re.search(r"│ edges +│ 7 of 8 │ +87 │ never taken: approve → outline +│", text)
    assert re.search(r"│ node × fault +│ +none │ +│ +│", text)
    assert "Only 7 of 8 edges of toy were taken" in text
    monkeypatch.setitem(sys.modules, "rich.console", None)
    result = project.runpytest_inprocess(*asked)
    result.stdout.fnmatch_lines(["  edges                7 of 8     87 %"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_suite_that_takes_every_way(project: pytest.Pytester, workers: tuple[str, ...]) -> None:
    project.makepyfile(WHOLE)
    result = project.runpytest_inprocess(
        *ON, *workers, "--parity-fail-under-edges=100", "--parity-report=out/report.json"
    )
    result.assert_outcomes(passed=3)
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*never*")
    report = json.loads((project.path / "out/report.json").read_text())
    toy = report["targets"]["toy"]
    assert (report["format"], report["tests"], toy["runs"]) == ("langgraph-parity/coverage/1", 3, 3)
    assert cells(report, "edges") == {
        ("__start__", "outline"): 3,
        ("outline", "look_up"): 8,
        ("look_up", "approve"): 8,
        ("approve", "outline"): 1,
        ("approve", "polish"): 3,
        ("polish", "__end__"): 3,
        ("polish:__start__", "polish:trim"): 3,
        ("polish:trim", "polish:__end__"): 3,
    }
    assert cells(report, "nodes") == {
        ("outline",): 4,
        ("look_up",): 8,
        ("approve",): 4,
        ("polish",): 3,
        ("polish:trim",): 3,
    }
    assert cells(report, "answers") == {("approval", "approve"): 3, ("approval", "reject"): 1}
    assert cells(report, "variants") == {("default",): 2, ("lax",): 1}


def test_ways_that_the_graph_does_not_declare_are_named(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from langgraph.types import Command
        from langgraph_parity import Target
        from langgraph.graph import StateGraph
        from typing_extensions import TypedDict

        class S(TypedDict):
            x: str

        def build(saver):
            graph = StateGraph(S)
            graph.add_node("first", lambda state: Command(goto="last", update={"x": "a"}))
            graph.add_node("middle", lambda state: {})
            graph.add_node("last", lambda state: {"x": "b"})
            graph.set_entry_point("first")
            graph.add_conditional_edges("middle", lambda state: "last")
            return graph.compile(checkpointer=saver)

        @pytest.fixture
        def parity_target():
            return Target(name="jumps", build=build)

        def test_jump(parity):
            assert parity.run({"x": "0"}).values == {"x": "b"}
        """
    )
    result = project.runpytest_inprocess(*ON, "-v")
    result.stdout.fnmatch_lines(
        [
            "  nodes                2 of 3     66 %",
            "  edges                2 of 3     66 %",
            "  never ran: middle",
            "  never taken: first → END",
            "  not declared, but taken: first → last",
            "  targets unknown: middle – *",
        ]
    )


def test_answers_that_a_test_gives_by_itself(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest, shop
        from langgraph.types import Command
        from langgraph_parity import mock_user_input

        @pytest.mark.parity_allow("P103", "P201", reason="drives the stream itself, and answers by a mapping")
        def test_by_hand(parity):
            config = {"configurable": {"thread_id": "1"}}
            for given in ({"topic": "x"}, Command(resume="reject"), Command(resume={"decision": "approve"})):
                try:
                    for update in parity.app.stream(given, config):
                        pass
                except shop.GraphInterrupt:
                    pass

        def test_inside_the_node(parity):
            with mock_user_input("approve", patch="shop.interrupt"):
                assert parity.run({"topic": "x"}).outcome == "done"
        """
    )
    project.runpytest_inprocess(*ON, "--parity-report=report.json")
    report = json.loads((project.path / "report.json").read_text())
    assert cells(report, "answers") == {("approval", "approve"): 2, ("approval", "reject"): 1}
    assert report["findings"]["P103"] == {
        "count": 1,
        "allowed": 1,
        "tests": ["test_answers_that_a_test_gives_by_itself.py::test_by_hand"],
    }


def test_answers_that_the_target_lists_and_grids_that_are_handed_in(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(
        """
        import pytest, shop
        from langgraph_parity import coverage

        @pytest.fixture
        def parity_target():
            return shop.target(answers={"approval": ["approve", "later"], "mood": ["good"]})

        def test_grids(parity):
            assert parity.seed == 3
            parity.run({"topic": "x"}, answers={"approval": "approve"})
            coverage.fault("outline", "timeout", 1, "recovered")
            coverage.fault("outline", "timeout", 1, "failed")
            coverage.fault("approve", "timeout", 1, None)
            coverage.crash(1, "before", "outline", "same")
        """
    )
    result = project.runpytest_inprocess(
        *ON, "--parity-report=report.json", "--parity-seed=3", "-v"
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "  question × answer    1 of 3     33 %",
            "  node × fault         1 of 4     25 %",
            "  node × crash         1 of 8     12 %",
            "  never answered: approval: later, mood: good",
            "  fault not tried: approve timeout at call 1, look_up timeout at call 1, polish timeout at call 1",
            "  crash not tried: approve after, approve before, *",
        ]
    )
    read = json.loads((project.path / "report.json").read_text())["targets"]["toy"]["kinds"]
    (row,) = [row for row in read["faults"]["cells"] if row["count"]]
    assert row["results"] == {"failed": 1, "recovered": 1}


def test_several_runs_are_combined(
    project: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    project.makepyfile(WHOLE)
    for number, chosen in enumerate(("approved", "rejected")):
        project.runpytest_inprocess(*ON, "-k", chosen, f"--parity-report={number}.json")
    capsys.readouterr()
    combine = ["combine", "0.json", "1.json", "--out", "all.json", "--html", "all.html"]
    assert main(combine) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "toy, 2 runs in 2 tests"
    assert "  edges                8 of 8    100 %" in said
    assert cells(json.loads((project.path / "all.json").read_text()), "nodes")["outline",] == 3
    assert main(["combine", "0.json", "--fail-under-edges", "100"]) == 1
    assert main(["combine", "all.html"]) == 2
    assert "all.html cannot be combined: it is no report " in capsys.readouterr().err


def test_a_worker_that_dies_is_told(project: pytest.Pytester) -> None:
    project.makepyfile(
        APPROVED
        + """
def test_dies(parity):
    import os
    os._exit(1)
"""
    )
    result = project.runpytest_inprocess(
        *ON, "-n", "1", "--max-worker-restart=0", "--parity-report=report.json"
    )
    result.stdout.fnmatch_lines(["Without what gw0 went through: the worker died."])


def test_a_suite_without_the_kit_is_told_nothing(project: pytest.Pytester) -> None:
    project.makepyfile("def test_plain(): pass")
    result = project.runpytest_inprocess(*ON)
    result.stdout.no_fnmatch_line("=* parity =*")
    result = project.runpytest_inprocess(*ON, "--parity-fail-under-edges=100")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["No edges are known: no test ran an application *"])
    result = project.runpytest_inprocess(*ON, "--parity-report=report.txt")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_the_page_stands_alone_and_names_what_is_missing(project: pytest.Pytester) -> None:
    project.makepyfile(APPROVED)
    project.runpytest_inprocess(*ON, "--parity-report=report.html")
    page = (project.path / "report.html").read_text()
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in page
    assert "approve → outline" in page
    assert "7 of 8" in page
