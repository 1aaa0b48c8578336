"""The markers as a user meets them: one line above an existing test."""

from __future__ import annotations

from pathlib import Path

import pytest

TOY = Path(__file__).parent / "toy.py"
ON = ("-p", "no:cacheprovider")
CONFTEST = """
import collections, pytest, shop

class Mails:
    def __init__(self):
        self.sent = collections.Counter()
    def counts(self):
        return self.sent.copy()

MAILS = Mails()

def careless(state):
    MAILS.sent[state["topic"]] += 1
    return {"votes": {state["topic"]: 1}}

def swallowing(state):
    try:
        return shop.outline(state)
    except ConnectionError:
        return {}

@pytest.fixture
def effects():
    return MAILS

@pytest.fixture
def parity_target():
    nodes = {"careless": {"look_up": careless}, "swallowing": {"outline": swallowing}}
    return shop.target(variants=nodes)
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A user's folder with the toy application, its target, and warnings as errors."""
    pytester.makepyfile(shop=TOY.read_text())
    pytester.makeini("[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n")
    pytester.makeconftest(CONFTEST)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "src"))
    return pytester


def test_one_line_makes_a_crash_test(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from langgraph_parity import mock_user_input

        def check(parity):
            with mock_user_input("approve", type="approval", times=1) as human:
                run = parity.run({"topic": " bread "}, thread_id="t")
            assert run.outcome == "done"
            assert run.values["topic"] == "bread"
            assert len(human.questions) == 1

        @pytest.mark.parity_crash
        def test_every_write(parity):
            check(parity)
            assert len(parity.runs) == 1

        @pytest.mark.parity_crash(every=3)
        @pytest.mark.parity_saver("sqlite")
        def test_sqlite(parity):
            check(parity)

        @pytest.mark.parity_crash(limit=8)
        @pytest.mark.parity_variant("careless")
        def test_effect_nobody_counts(parity):
            check(parity)

        @pytest.mark.parity_crash
        @pytest.mark.parity_variant("careless")
        def test_effect(parity, effects):
            check(parity)

        @pytest.mark.parity_crash(limit=4)
        def test_waits_and_goes_on(parity):
            waiting = parity.run({"topic": "x"})
            assert waiting.outcome == "waiting"
            assert parity.resume(waiting, answers={"approval": "approve"}).outcome == "done"
        """
    )
    result = project.runpytest_inprocess(*ON)
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.re_match_lines(
        [
            r"_+ test_effect _+",
            r"P502 effect-repeated  write 7 before, look_up: votes.*: .*\(.*1 more\)\. Give it a key .*",
            r"-+ Captured parity crash grid call -+",
            r"crash grid of toy: 38 cells, [2-4] failed",
            r"   7  x [.x] +look_up: votes",
            r"pytest 'test_one_line_makes_a_crash_test.py::test_effect' --parity-seed=0",
        ]
    )
    result.stdout.no_fnmatch_line("*langgraph_parity/*.py*")


def collected(project: pytest.Pytester, seed: int) -> list[str]:
    return project.runpytest_inprocess(
        *ON, "--collect-only", "-q", f"--parity-seed={seed}"
    ).outlines


def test_faults_parametrise_a_test(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.parity_faults(errors=["exception", "call"])
        def test_all(parity):
            run = parity.run({"topic": " bread "}, answers={"approval": "approve"})
            assert run.outcome == "done"

        @pytest.mark.parity_faults(nodes="out*", errors=["call"], calls=[1])
        @pytest.mark.parity_variant("swallowing")
        def test_swallowed(parity, parity_fault):
            assert parity_fault.node == "outline"
            parity.run({"topic": " bread "}, answers={"approval": "approve"})

        @pytest.mark.parity_faults(limit=3)
        def test_some(parity):
            parity.run({"topic": " bread "}, answers={"approval": "approve"})
        """
    )
    result = project.runpytest_inprocess(*ON, "-rs")
    result.assert_outcomes(passed=4 + 1 + 3, failed=1, skipped=3)
    result.stdout.re_match_lines(
        [
            r"P403 fault-swallowed  fault outline-call-1: .*\(missing: notes\)\. .*",
            r"pytest '.*::test_swallowed\[outline-call-1\]' --parity-seed=0",
            r"SKIPPED .* run 1 of look_up makes no call",
        ]
    )
    ids = [
        [line for line in collected(project, seed) if "test_some[" in line] for seed in (1, 1, 2)
    ]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("marker", "argument", "said"),
    [
        ("errors=['hang']", "parity", "*'hang' is no fault. There are exception, timeout, *"),
        ("nodes='nobody'", "parity", "*no node is called nobody. toy has outline, *"),
        ("how=1", "parity", "*parity_faults: *unexpected keyword argument 'how'*"),
        ("", "tmp_path", "*parity_faults needs the fixture parity."),
        ("nodes=['outline', 'nope']", "parity", "*no node is called nope. toy has outline, *"),
        ("nodes=['no*', 'out*']", "parity", "*no node is called no[*]. toy has outline, *"),
        ("errors='timeout'", "parity", "*errors='timeout' is no list *Give errors=[[]…[]]."),
        ("errors=ValueError", "parity", "*errors=<class 'ValueError'> is no list *"),
        ("calls=1", "parity", "*calls=1 is no list *"),
        ("calls=[0]", "parity", "*calls=0 would test nothing. Give a whole number from 1."),
        ("calls=[]", "parity", "*calls=[[][]] is no list with something in it*"),
        ("limit=0", "parity", "*limit=0 would test nothing.*"),
        ("", "parity", "parity_faults: the test never calls parity.run or parity.arun, *"),
        ("target=5", "parity", "*The target is a int, not a Target.*"),
    ],
)
def test_bad_markers_are_told(
    project: pytest.Pytester, marker: str, argument: str, said: str
) -> None:
    refused(project, f"parity_faults({marker})", argument, said)


@pytest.mark.parametrize(
    ("marker", "argument", "said"),
    [
        ("parity_crash(evry=2)", "parity", "parity_crash: *unexpected keyword argument 'evry'*"),
        ("parity_crash(every=0)", "parity", "parity_crash: every=0 would test nothing.*"),
        ("parity_crash(every=-1)", "parity", "parity_crash: every=-1 would test nothing.*"),
        ("parity_crash(limit=0)", "parity", "parity_crash: limit=0 would test nothing.*"),
        (
            "parity_crash(effects='nope')",
            "parity",
            "parity_crash(effects='nope'): *no such fixture*",
        ),
        ("parity_crash", "tmp_path", "parity_crash needs the fixture parity."),
        ("parity_crash", "parity", "parity_crash: the test never calls parity.run or *"),
        ("parity_allow(['P101'], reason='x')", "parity", "parity_allow: name the rules, *"),
        ("parity_allow(reason='x')", "parity", "parity_allow: name the rules, *"),
        ("parity_allow('P101')", "parity", "parity_allow: say why: *"),
        ("parity_allow('P101', reason=' ')", "parity", "parity_allow: say why: *"),
        ("parity_allow('P101', why='x')", "parity", "parity_allow: say why: *"),
        (
            "parity_allow('P999', reason='a slip')",
            "parity",
            "parity_allow: there is no rule P999.*",
        ),
        ("parity_variant", "parity", "parity_variant takes one name: *"),
        ("parity_variant(name='strict')", "parity", "parity_variant takes one name: *"),
        ("parity_saver(kind='sqlite')", "parity", "parity_saver(None) is none of memory, sqlite*"),
    ],
)
def test_other_bad_markers_are_told(
    project: pytest.Pytester, marker: str, argument: str, said: str
) -> None:
    refused(project, marker, argument, said)


def refused(project: pytest.Pytester, marker: str, argument: str, said: str) -> None:
    """The marked test fails with one sentence, and the one beside it runs."""
    project.makepyfile(
        f"""
        import pytest

        @pytest.mark.{marker}
        def test({argument}):
            pass

        def test_beside():
            pass
        """
    )
    result = project.runpytest_inprocess(*ON)
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] == 1
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) >= 1
    result.stdout.fnmatch_lines([said])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*langgraph_parity/*.py*")


def test_a_run_is_done_again_in_one_way(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.parity_crash
        @pytest.mark.parity_faults(nodes="outline")
        def test(parity):
            parity.run({"topic": "x"}, answers={"approval": "approve"})
        """
    )
    result = project.runpytest_inprocess(*ON)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["parity_crash and parity_faults do a run again each in its own *"])


def test_a_target_that_needs_fixtures_needs_names_or_the_ini_option(
    project: pytest.Pytester,
) -> None:
    project.makeconftest(
        "import pytest, shop\n\n@pytest.fixture\ndef parity_target(tmp_path):\n    return shop.target()"
    )
    project.makepyfile(
        shops="import shop\nTARGET = shop.target()",
        test_names="""
        import pytest

        @pytest.mark.parity_faults(nodes=["outline"], errors=["exception"])
        def test(parity):
            parity.run({"topic": " bread "}, answers={"approval": "approve"})
        """,
        test_renamed="""
        import pytest

        @pytest.mark.parity_faults(nodes=["was_outline"], errors=["exception"])
        def test(parity):
            parity.run({"topic": " bread "}, answers={"approval": "approve"})
        """,
        test_all="""
        import pytest

        @pytest.mark.parity_faults(errors=["exception"])
        def test(parity):
            parity.run({"topic": " bread "}, answers={"approval": "approve"})
        """,
    )
    project.runpytest_inprocess(*ON, "test_names.py").assert_outcomes(passed=1)
    result = project.runpytest_inprocess(*ON, "test_all.py")
    result.stdout.fnmatch_lines(["*Give parity_faults(nodes=*ini option*"])
    result = project.runpytest_inprocess(*ON, "test_renamed.py")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["parity_faults: no node is called was_outline."])
    result = project.runpytest_inprocess(*ON, "test_all.py", "-o", "parity_target=shops:NONE")
    result.stdout.fnmatch_lines(["*parity_target = shops:NONE names no target: AttributeError: *"])
    result = project.runpytest_inprocess(*ON, "test_all.py", "-o", "parity_target=shops")
    result.stdout.fnmatch_lines(["*names no target. Write it as module:attribute."])
    result = project.runpytest_inprocess(*ON, "test_all.py", "-o", "parity_target=shops:TARGET")
    result.assert_outcomes(passed=4)


def test_asynchronous_tests_may_be_marked(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import asyncio, pytest
        from langgraph.graph import START, StateGraph
        from langgraph_parity import Target
        import shop

        async def outline(state):
            return {"decision": "yes"}

        def build(checkpointer):
            graph = StateGraph(shop.Plan).add_node("outline", outline).add_edge(START, "outline")
            return graph.compile(checkpointer=checkpointer)

        TARGET = Target(name="async", build=build)

        @pytest.fixture
        def parity_target():
            return TARGET

        @pytest.mark.parity_crash
        def test_crash(parity):
            assert asyncio.run(parity.arun({"topic": "x"})).values["decision"] == "yes"

        @pytest.mark.parity_faults
        def test_fault(parity):
            run = asyncio.run(parity.arun({"topic": "x"}))
            assert run.outcome == "done"
            assert len(run.legs) == 2
        """
    )
    project.runpytest_inprocess(*ON).assert_outcomes(passed=3)
