"""A bare LangGraph graph that does what a recorded session did, with nothing of the application in it. Prints JSON.

    python -m benchmarks.bare_graph RECORDING LATENCY

It has the session's nodes, and runs them in the session's supersteps; in place of a call it has a `@task` that sleeps for LATENCY
seconds. Its checkpoints go to SQLite as the session's do, every commit to the disk before anything follows.
"""

from __future__ import annotations

import gc
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import wait
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.func import task
from langgraph.graph import END, START, StateGraph

from benchmarks.recording import Node, Superstep

AT_ONCE = 64
"""As many tasks at once as the widest step needs, and more; LangGraph's own default would let fewer begin."""


def later(one: int, other: int) -> int:
    """Of what two nodes side by side say, the same; LangGraph wants a reducer for it."""
    return max(one, other)


class State(TypedDict):
    """How many supersteps are done."""

    done: Annotated[int, later]


@task
def sleep(seconds: float) -> None:
    """Stand in for a call."""
    time.sleep(seconds)


def nodes(recording: list[Superstep], latency: float) -> dict[str, Callable[[State], State]]:
    """Every node by its name: at each superstep it runs the tasks that the session's had then."""

    def made(name: str) -> Callable[[State], State]:
        def run(state: State) -> State:
            node: Node = recording[state["done"]][name]
            for wave in [*node["waves"], *[[0]] * node["others"]]:
                wait([sleep(times * latency) for times in wave])
            return {"done": state["done"] + 1}

        return run

    names = dict.fromkeys(name for superstep in recording for name in superstep)
    return {name: made(name) for name in names}


def build(recording: list[Superstep], latency: float) -> StateGraph[Any, Any, Any, Any]:
    """The graph, each of whose nodes leads to the nodes of the next superstep."""
    graph = StateGraph(State)
    found = nodes(recording, latency)

    def follows(state: State) -> list[str]:
        done = state["done"]
        return [*recording[done]] if done < len(recording) else [END]

    for name, run in found.items():
        graph.add_node(name, run)
        graph.add_conditional_edges(name, follows, [*found, END])
    graph.add_conditional_edges(START, follows, [*found, END])
    return graph


def main() -> None:
    """Run the graph once and say what it took."""
    recording = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    gc.freeze()
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(
            sqlite3.connect(Path(folder) / "bare.sqlite3", check_same_thread=False)
        ) as database,
    ):
        database.execute("PRAGMA synchronous=FULL")
        began, used = time.perf_counter(), time.process_time()
        graph = build(recording, float(sys.argv[2])).compile(checkpointer=SqliteSaver(database))
        steps = 0
        for _ in graph.stream(
            {"done": 0},
            {
                "configurable": {"thread_id": "bare"},
                "max_concurrency": AT_ONCE,
                "recursion_limit": len(recording) + 1,
            },
            stream_mode="values",
            durability="sync",
        ):
            steps += 1
        span, used = time.perf_counter() - began, time.process_time() - used
    assert steps == len(recording) + 1
    print(json.dumps({"span": span, "cpu": used}))


if __name__ == "__main__":
    main()
