"""The plugin as a user meets it: a conftest, a test file, and what pytest prints."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

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
            return shop.target(variants={"lax": {"durability": "async"}})
        """
    )
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "src"))
    return pytester


def test_a_clean_test_passes_on_each_saver(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from langgraph_parity import mock_user_input, validate_state_consistency

        @pytest.mark.parametrize("_", range(3))
        def test_memory(parity, _):
            with mock_user_input("approve", type="approval") as human:
                run = parity.run({"topic": " bread "})
            assert run.outcome == "done"
            assert human.questions[0].node == "approve"
            assert validate_state_consistency(run.values)["is_valid"]

        @pytest.mark.parity_saver("sqlite")
        def test_sqlite(parity):
            waiting = parity.run({"topic": "x"})
            assert parity.resume(waiting, answers={"approval": "approve"}).outcome == "done"
            assert parity.saver.conn

        def test_without_the_kit():
            pass
        """
    )
    project.runpytest_subprocess(*ON).assert_outcomes(passed=5)


def test_findings_fail_a_test_one_a_line_without_a_traceback(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import shop

        def test_invoke(parity):
            parity.app.graph.invoke({"topic": "x"}, {"configurable": {"thread_id": "1"}})

        def test_round(parity):
            try:
                list(parity.app.stream({"topic": "x"}, {"configurable": {"thread_id": "1"}}))
            except shop.GraphInterrupt:
                pass

        def test_failure_nobody_saw(parity):
            parity.run({"topic": 5}, answers={"approval": "approve"})
        """
    )
    result = project.runpytest_inprocess(*ON)
    result.assert_outcomes(failed=3)
    result.stdout.re_match_lines(
        [
            r"_+ test_invoke _+",
            r"P101 root-invoke  \S+/test_findings\S+:4: the root graph .* Enter where .*",
            r"_+ test_round _+",
            r"P103 round-the-coordinator  \S+/test_findings\S+:8 by \S+/shop.py:\d+: .*",
            r"_+ test_failure_nobody_saw _+",
            r"P607 unseen-failure  \S+: .*AttributeError.*",
        ],
        consecutive=False,
    )
    result.stdout.no_fnmatch_line("*langgraph_parity/*.py*")
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_failing_test_shows_its_own_lines_and_the_findings(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_wrong(parity):
            run = parity.run({"topic": "x", "notes": []}, answers={"approval": "approve"})
            assert run.outcome == "waiting"

        def test_answers(parity):
            parity.run({"topic": "x"}, answers=5)

        def test_block(parity):
            from langgraph_parity import mock_user_input
            with mock_user_input("yes", type="other"):
                parity.run({"topic": "x"})
        """
    )
    result = project.runpytest_inprocess(*ON)
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "E       AssertionError: assert [']done['] == [']waiting[']",
            "*Captured parity findings*",
            "P202 reducer-initialised  input: *",
            "E       *ParityUsageError: answers=5 cannot answer a question. Give a mapping *",
            "E       *ParityError: P304 unused-answer  other: *",
            "E       P305 missing-answer  approve: *",
        ]
    )
    result.stdout.no_fnmatch_line("*langgraph_parity/*.py*")


def test_a_failing_test_shows_where_the_application_failed(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest, shop
        from shop import target

        def broken(state):
            return {"votes": state["nope"]}

        @pytest.fixture
        def parity_target():
            return target({"outline": shop.wrapping(broken)})

        def test_looked_at(parity):
            assert parity.run({"topic": "x"}).outcome == "done"

        def test_not_looked_at(parity):
            parity.run({"topic": "x"})

        def test_seen_and_right(parity):
            assert parity.run({"topic": "x"}).outcome == "failed"
        """
    )
    result = project.runpytest_inprocess(*ON)
    result.assert_outcomes(failed=2, passed=1)
    shown = [
        "*Captured parity traceback*",
        '*test_a_failing_test_shows_where_the_application_failed.py", line 5, in broken',
        '    return {"votes": state["nope"]}',
        "KeyError: 'nope'",
        '*shop.py", line *, in shell',
        "RuntimeError: node failed",
    ]
    result.stdout.fnmatch_lines([*shown, *shown])
    result.stdout.no_fnmatch_line("*langgraph/*")


def test_the_test_itself_is_blamed_when_the_graph_is_in_it(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="""
        import pytest
        from langgraph.graph import START, StateGraph
        from langgraph_parity import Target
        from typing_extensions import TypedDict

        class State(TypedDict):
            x: str

        def build(checkpointer):
            graph = StateGraph(State).add_node("n", lambda state: {"x": "a"}).add_edge(START, "n")
            return graph.compile(checkpointer=checkpointer)

        @pytest.fixture
        def parity_target():
            return Target(name="it", build=build)

        def test_invoke(parity):
            parity.app.invoke({"x": "1"}, {"configurable": {"thread_id": "1"}})
        """
    )
    result = project.run(sys.executable, "-m", "pytest", *ON)
    result.stdout.re_match_lines([r"^P101 root-invoke  [^ ]*/test_it\.py:18: "])


def test_rules_can_be_allowed_with_a_reason(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from langgraph_parity import mock_user_input

        @pytest.mark.parity_allow("P101", "P602", reason="a script of the customer's")
        def test_invoke(parity):
            parity.app.graph.invoke({"topic": "x"}, {"configurable": {"thread_id": "1"}})

        @pytest.mark.parity_allow("P304", reason="asked only on Sundays")
        def test_block(parity):
            with mock_user_input("yes", type="other"):
                parity.run({"topic": "x"}, answers={"approval": "approve"})
        """
    )
    project.runpytest_inprocess(*ON).assert_outcomes(passed=2)


def test_names_replaced_by_fixtures_are_seen(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from unittest.mock import patch

        @pytest.fixture
        def replaced(monkeypatch):
            monkeypatch.setattr("shop.look_up", lambda state: {})

        def test_fixture(replaced, parity):
            pass

        @patch("shop.model")
        def test_decorator(model, parity):
            pass

        def test_other(monkeypatch, parity, tmp_path):
            monkeypatch.chdir(tmp_path)
            monkeypatch.setattr("os.getcwd", lambda: "/")
        """
    )
    result = project.runpytest_inprocess(*ON)
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["P105 patched-internals  *(shop.look_up)*", "P105 *(shop.model)*"])


def test_variants_and_what_is_left_in_threads(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest, shop

        @pytest.mark.parity_variant("lax")
        def test_variant(parity):
            parity.run({"topic": "x"}, answers={"approval": "approve"})

        @pytest.mark.parity_variant("strict")
        def test_unknown(parity):
            parity.app

        @pytest.mark.parity_allow("P103", reason="looks at the stream itself")
        def test_thread(parity):
            def no(question):
                return "approve"
            config = {"configurable": {"thread_id": "1"}}
            for update in parity.app.coordinate({"topic": "x", "last_error": "boom"}, config, no):
                pass
        """
    )
    result = project.runpytest_inprocess(*ON)
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "P104 not-durable *",
            "*has no variant “strict”. It has: lax.*",
            "P601 stale-error  thread 1: *",
        ]
    )


@pytest.mark.parametrize(
    ("conftest", "ini", "said"),
    [
        ("", "", "*There is no target. Define a fixture parity_target in conftest.py*"),
        ("", "parity_target = shop:no_such", "*parity_target = shop:no_such names no target*"),
        (
            "",
            "parity_target = shop:target",
            "*parity_target = shop:target is a function, not a Target. Describe the application with*",
        ),
    ],
)
def test_a_missing_or_wrong_target_is_one_sentence(
    project: pytest.Pytester, conftest: str, ini: str, said: str
) -> None:
    project.makeconftest(conftest)
    project.makeini(f"[pytest]\n{ini}\n")
    project.makepyfile("def test_it(parity): pass")
    result = project.runpytest_inprocess(*ON, "-o", "pythonpath=.")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])
    result.stdout.no_fnmatch_line("*langgraph_parity/*.py*")


def test_the_target_by_ini(project: pytest.Pytester) -> None:
    project.makeconftest("")
    project.makepyfile(described="import shop\nTARGET = shop.target()")
    project.makeini("[pytest]\nparity_target = described:TARGET\npythonpath = .\n")
    project.makepyfile(
        test_it="""
        def test_it(parity):
            assert parity.run({"topic": "x"}, answers={"approval": "approve"}).outcome == "done"
        """
    )
    project.runpytest_inprocess(*ON).assert_outcomes(passed=1)


def test_the_table_of_rules(project: pytest.Pytester) -> None:
    result = project.run(sys.executable, "-m", "langgraph_parity.cli", "rules")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["P101 root-invoke", "     the root graph is run by invoke()*"])
