"""The checkpointer around another."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from langgraph_parity import Died, Parity, WatchedSaver
from langgraph_parity.writes import node_of
from toy import Plan, target

TOPIC = {"topic": " bread "}
YES = {"approval": "approve"}


def test_it_looks_like_the_saver_inside() -> None:
    inner = InMemorySaver()
    saver = WatchedSaver(inner)
    assert isinstance(saver, InMemorySaver)
    assert type(saver) is WatchedSaver
    assert saver.storage is inner.storage
    assert saver.serde is inner.serde
    assert saver.config_specs == inner.config_specs
    with pytest.raises(AttributeError):
        saver.no_such_thing  # noqa: B018


def test_it_counts_what_the_inner_one_stores() -> None:
    parity = Parity(target())
    parity.run(TOPIC, answers=YES, thread_id="t")
    stored = list(parity.saver.inner.list({"configurable": {"thread_id": "t"}}))
    assert parity.saver.counts["checkpoints"] == len(stored)
    assert parity.saver.number == sum(parity.saver.counts[key] for key in ("checkpoints", "writes"))
    calls = [w for w in parity.saver.written if w.call]
    assert [w.node for w in calls] == ["outline"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_it_dies_at_every_write_and_the_session_goes_on(when: Any) -> None:
    whole = Parity(target())
    values = whole.run(TOPIC, answers=YES).values
    for number in range(1, whole.saver.number + 1):
        parity = Parity(target(), WatchedSaver(InMemorySaver(), die_at=number, when=when))
        died = parity.run(TOPIC, answers=YES, thread_id="t")
        assert (died.outcome, type(died.error)) == ("failed", Died), number
        assert parity.saver.dead
        parity.saver.revive()
        saved = parity.graph.get_state({"configurable": {"thread_id": "t"}}).values
        again = parity.resume("t", YES) if saved else parity.run(TOPIC, answers=YES)
        assert again.outcome == "done", (number, again.error)
        assert again.values == values
        assert not [f for f in parity.findings if f.rule not in ("P304",)], number


def test_a_dead_process_writes_nothing_more() -> None:
    parity = Parity(target(), WatchedSaver(InMemorySaver(), die_at=3, when="after"))
    parity.run(TOPIC, answers=YES, thread_id="t")
    counts = parity.saver.counts
    with pytest.raises(Died):
        parity.graph.update_state({"configurable": {"thread_id": "t"}}, {"topic": "x"})
    assert parity.saver.counts == counts


def test_the_beginning_by_update_state_is_a_way_too() -> None:
    def begin(app: Any, given: Any, thread_id: str) -> str:
        app.graph.update_state({"configurable": {"thread_id": "own"}}, given, as_node=START)
        return "own"

    parity = Parity(target(begin=begin))
    run = parity.run({**TOPIC, "votes": {}}, answers=YES)
    assert run.thread_id == "own"
    assert run.outcome == "done"
    assert run.ways["__start__", "outline"] == 1
    assert [f.rule for f in parity.findings] == ["P202"]


@pytest.mark.parametrize(
    ("path", "node"),
    [
        ("~__pregel_pull, plan", ("plan", False)),
        ("~__pregel_push, 0000000001, 0000000000", ("right", False)),
        ("~__pregel_push, ~__pregel_pull, plan, 0000000000, 0000000001", ("plan", True)),
        (
            "~__pregel_push, ~__pregel_push, 0000000000, 0000000000, 0000000002, 0000000001",
            ("left", True),
        ),
        ("", ("?", False)),
    ],
)
def test_nodes_of_paths(path: str, node: tuple[str, bool]) -> None:
    assert node_of(path, ["left", "right"]) == node


def test_joins_and_ends() -> None:
    def build(checkpointer: Any) -> Any:
        graph = StateGraph(Plan)
        for name in ("left", "right", "both"):
            graph.add_node(name, lambda state: {"votes": {"x": 1}})
        graph.add_edge(START, "left")
        graph.add_edge(START, "right")
        graph.add_edge(["left", "right"], "both")
        return graph.compile(checkpointer=checkpointer)

    from langgraph_parity import Target

    run = Parity(Target(name="join", build=build)).run(TOPIC)
    assert run.ways == {
        ("__start__", "left"): 1,
        ("__start__", "right"): 1,
        ("left", "both"): 1,
        ("right", "both"): 1,
        ("both", "__end__"): 1,
    }
