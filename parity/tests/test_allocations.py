"""Who took the memory, told by memray."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from langgraph_parity import running
from langgraph_parity.allocations import KIT, most

ON = ("-p", "no:cacheprovider", "-q")
LEAKY = """
from langgraph.graph import START, MessagesState, StateGraph
from langgraph_parity import Target

KEPT = []

def blocks(number):
    made = []
    for _ in range(number):
        made.append(bytearray(2**20))
    return made

def keep(state):
    KEPT.append(blocks(40))
    KEPT.append(b"x" * (20 * 2**20))
    KEPT.append(list(range(2**20)))
    KEPT.append([0] * 2**18)

def build(saver):
    return StateGraph(MessagesState).add_node("keep", keep).add_edge(START, "keep").compile(saver)

TARGET = Target(name="leaky", build=build, memory_limit=30 * 2**20)
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\npythonpath = .\nparity_target = leaky:TARGET\n")
    pytester.makepyfile(
        leaky=LEAKY,
        test_it="def test_it(parity):\n    assert parity.run({'messages': 'x'}).outcome == 'done'",
    )
    return pytester


def test_a_finding_about_memory_names_who_allocated_most(project: pytest.Pytester) -> None:
    # A process of its own: what it keeps would stay in this one.
    result = project.runpytest_subprocess(*ON, "--parity-memray")
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r"P603 memory  leaky: memory grew beyond the limit \(\d+ MB of 30 MB; allocated most: "
            r"leaky\.py:9 blocks 40\.\d MB, leaky\.py:15 keep \d+\.\d MB, leaky\.py:14 keep 20\.0 MB\)\."
        ]
    )


def test_without_memray_the_option_is_refused(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "memray", None)
    result = project.runpytest_inprocess(*ON, "--parity-memray")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "pip install 'langgraph-parity[memray]'" in result.stderr.str()


def test_a_place_is_the_applications_innermost_and_never_the_tests() -> None:
    library = ("join", pytest.__file__, 1)
    node, again = ("node", "/home/ann/app.py", 5), ("again", "/home/ann/app.py", 9)
    driver = ("_drive", running.__file__, 7)
    test = ("test_it", "/home/ann/test_app.py", 3)
    size = 2**20
    stacks = [
        [library, node, again, ("run", f"{KIT}/models.py", 2), again, driver, test],
        [node, driver, test],
        [again],
        [library, driver, test],
        [],
    ]
    assert most((size, s) for s in stacks) == "app.py:5 node 2.0 MB, app.py:9 again 1.0 MB"
    assert most([(size, stacks[-2])]) == f"{Path(pytest.__file__).name}:1 join 1.0 MB"
    assert most([]) == ""
