"""What somebody meets who uses the kit for the first time, on graphs as they are usually written."""

import re
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from langgraph_parity import Parity, ParityUsageError, Target
from langgraph_parity.plain import plain

SHOP = Path(__file__).parents[1] / "docs" / "shop"
ON = ("-p", "no:cacheprovider", "-q")
HEAD = """
import pytest, shop
from langgraph_parity import Target

@pytest.fixture
def parity_target():
    return Target(name="shop", build=%s)
"""


def talking(reply, **options):
    builder = StateGraph(MessagesState).add_node("talk", lambda state: {"messages": reply})
    builder.add_edge(START, "talk").add_edge("talk", END)
    return Target(name="talk", build=lambda saver: builder.compile(checkpointer=saver), **options)


@pytest.mark.parametrize(
    ("build", "test", "said"),
    [
        ("shop.build", "run = parity.run({'item': 'x'}); assert run.outcome == 'done'",
         "thread *: waiting for an answer to approval (asked by approve): *"),
        ("shop.build", "run = parity.run('x'); assert run.outcome == 'done'",
         "thread *: failed, InvalidUpdateError: Expected dict, got x"),
        ("shop.build", "run = parity.run({'item': 'x'}, answers={'aproval': 'yes'}); assert run.questions",
         "P304 unused-answer  aproval: *asked was: approval*"),
        ("shop.build", "parity.run({'item': 'x'}, answers='yes')",
         "E *ParityUsageError: answers='yes' cannot answer a question. Give a mapping *"),
        ("shop.build(None)", "parity.run({'item': 'x'})",
         "E *The target “shop” has no build: it is a CompiledStateGraph. Give it Target(build=...), a function *"),
        ("lambda: shop.build(None)", "parity.run({'item': 'x'})",
         "E *The target “shop” cannot be built by build(checkpointer): too many positional arguments."),
        ("lambda saver: shop.build(None)", "parity.run({'item': 'x'})",
         "P102 no-checkpointer  build of shop: *Pass the argument of build on: *"),
    ],
    ids=["nobody answers", "odd input", "unknown type", "odd answers", "graph as build", "build without argument", "no checkpointer"],
)  # fmt: skip
def test_bad_input_gets_one_clear_sentence(
    pytester: pytest.Pytester, build: str, test: str, said: str
) -> None:
    for file in SHOP.glob("*.py"):
        pytester.makepyfile(**{file.stem: file.read_text()})
    pytester.makepyfile(f"{HEAD % build}\ndef test_it(parity):\n    {test}\n")
    result = pytester.runpytest_inprocess(*ON)
    result.stdout.fnmatch_lines([said])
    result.stdout.no_fnmatch_line("During handling of the above exception*")


def test_a_missing_target_is_said_once(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_it(parity):\n    pass\n")
    result = pytester.runpytest_inprocess(*ON)
    assert (
        len(re.findall(r"^There is no target\. Define a fixture", result.stdout.str(), re.M)) == 1
    )


def test_a_target_is_told_which_arguments_its_variant_lacks() -> None:
    target = Target(name="t", build=lambda saver: None, variants={"fast": {"speed": 2}})
    with pytest.raises(ParityUsageError, match=re.escape("build(checkpointer, speed=...)")):
        target.make(None, "fast")  # type: ignore[arg-type]


def test_a_graph_that_never_ends_is_stopped_in_time() -> None:
    builder = StateGraph(MessagesState).add_node("think", lambda state: {"messages": []})
    builder.add_edge(START, "think").add_conditional_edges(
        "think", lambda state: "think", ["think"]
    )
    build = builder.compile
    parity = Parity(Target(name="thinker", build=lambda saver: build(saver), time_limit=0.1))
    run = parity.run({"messages": "?"})
    assert run.seconds < 10
    told = [finding.detail for finding in parity.findings if finding.rule == "P606"]
    assert re.match(r"stopped after 0\.2 s and \d+ supersteps", told[0])


def test_the_limit_of_supersteps_is_of_the_root_graph() -> None:
    inner = StateGraph(MessagesState).add_node("node", lambda state: None)
    inner.add_edge(START, "node").add_edge("node", END)
    outer = StateGraph(MessagesState)
    names = ["one", "two", "three", "four"]
    for name in names:
        outer.add_node(name, inner.compile())
    for one, other in zip([START, *names], [*names, END], strict=True):
        outer.add_edge(one, other)
    parity = Parity(Target(name="nested", build=lambda saver: outer.compile(checkpointer=saver)))
    parity.run({"messages": "x"}, limit=5)
    parity.check()


@pytest.mark.parametrize("reply", [[("ai", "hm")], ("ai", "hm"), {"role": "ai", "content": "hm"}])
def test_messages_may_be_written_short(reply: object) -> None:
    parity = Parity(talking(reply))
    parity.run({"messages": [("user", "x")]})
    parity.check()


def test_ids_of_messages_do_not_make_two_runs_differ() -> None:
    one, other = ([AIMessage("hm", id=id)] for id in ("chatcmpl-8f", "chatcmpl-a1"))
    assert plain({"messages": one, "last": "chatcmpl-8f"}, "") == plain(
        {"messages": other, "last": "chatcmpl-a1"}, ""
    )


def test_a_crash_grid_is_in_the_report_and_its_deaths_are_no_failures(
    pytester: pytest.Pytester,
) -> None:
    for file in SHOP.glob("*.py"):
        pytester.makepyfile(**{file.stem: file.read_text()})
    run = "parity.run({'item': 'x'}, answers={'approval': 'yes'}).outcome"
    pytester.makepyfile(
        f"{HEAD % 'shop.build'}\n@pytest.mark.parity_crash\ndef test_crash(parity):\n    {run}\n"
        f"\n@pytest.mark.parity_faults(nodes=['order'])\ndef test_fault(parity):\n    {run}\n"
    )
    result = pytester.runpytest_inprocess(*ON[:-1])
    result.assert_outcomes(passed=3)
    result.stdout.re_match_lines([r"  node × fault +2 of 4 ", r"  node × crash +4 of 4 "])
    result.stdout.no_fnmatch_line("*P607*")
