"""Runs one recorded superstep under new code: everything before it from the record, and nothing after it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphBubbleUp

from langgraph_parity.coordinator import Graph, astream_graph, stream_graph
from langgraph_parity.history import History, Kept, Task
from langgraph_parity.rules import ParityUsageError
from langgraph_parity.saver import Died, WatchedSaver
from langgraph_parity.stored import path_of
from langgraph_parity.target import Target
from langgraph_parity.writes import NULL_TASK, Writes

__all__ = ["OneStep", "asks", "awaited", "exhaust"]

__tracebackhide__ = True


class NewCall(Died):
    """A `@task` is called whose result is not in the record; it must not really be made."""


class _Stopping(WatchedSaver):
    """Dies instead of ending the superstep."""

    def __init__(self, namespace: str) -> None:
        super().__init__(InMemorySaver())
        self._namespace = namespace
        self.loaded = False

    def _ends(self, config: RunnableConfig) -> None:
        namespace = config["configurable"].get("checkpoint_ns", "")
        around = not namespace or f"{self._namespace}|".startswith(f"{namespace}|")
        if self.loaded and around:
            raise Died("the superstep has ended")

    def put(self, config: RunnableConfig, *checkpoint: Any) -> RunnableConfig:
        """Store a checkpoint of a graph inside."""
        self._ends(config)
        return super().put(config, *checkpoint)

    async def aput(self, config: RunnableConfig, *checkpoint: Any) -> RunnableConfig:
        """Store a checkpoint of a graph inside."""
        self._ends(config)
        return await super().aput(config, *checkpoint)


class _NoCalls(BaseCallbackHandler):
    """Stops a `@task` before it runs: results that are in the record do not come here."""

    run_inline = True

    def __init__(self, asking: set[str]) -> None:
        self.stopped: list[tuple[str, str]] = []
        self._asking = asking

    def on_chain_start(self, serialized: Any, inputs: Any, *, metadata: Any = None, **kwargs: Any) -> None:  # fmt: skip
        """Something begins."""
        metadata = metadata or {}
        path: Any = metadata.get("langgraph_path") or ()
        task_id = str(metadata.get("langgraph_checkpoint_ns", "")).rpartition(":")[2]
        if len(path) == 4 and path[-1] is True and task_id not in self._asking:
            self.stopped.append((path_of(path[1]), metadata["langgraph_node"]))
            raise NewCall(metadata["langgraph_node"])


class OneStep:
    """The superstep that begins at a recorded checkpoint, run by a fresh application.

    `asking`: give every answer but the last, so that the last question is asked again.
    """

    def __init__(
        self, history: History, kept: Kept, target: Target, *, variant: str | None, asking: bool
    ) -> None:
        self.history, self.kept, self.target = history, kept, target
        self.asking = asking
        self.saver = _Stopping(kept.namespace)
        self.app = target.make(self.saver, variant)
        self.graph = target.graph_of(self.app)
        if self.graph.checkpointer is None:
            raise ParityUsageError(
                f"The target “{target.name}” builds a graph without a checkpointer. "
                "Pass the argument of build on: builder.compile(checkpointer=checkpointer)."
            )
        self._load()
        self.raised: BaseException | None = None
        # A call that asks a human runs again, with the answers it got.
        self._calls = _NoCalls({t.id for t in kept.tasks.values() if t.call and asks(t)})

    def run(self) -> OneStep:
        """Run it; `made`, `blocked` and `raised` say what happened."""
        config: RunnableConfig = {
            "configurable": {"thread_id": self.history.thread_id},
            "recursion_limit": self.target.superstep_limit,
            "callbacks": [self._calls],
        }
        entry, app = self.target.entry, self.app
        if entry is stream_graph or entry is astream_graph:
            entry, app = (astream_graph if awaited(self.graph) else stream_graph), self.graph
        try:
            updates = entry(app, None, config, lambda question: None)
            if hasattr(updates, "__aiter__"):
                asyncio.run(exhaust(updates))
            else:
                for _ in updates:
                    pass
        except (Died, GraphBubbleUp):
            pass
        except Exception as error:
            self.raised = error
        return self

    @property
    def blocked(self) -> list[tuple[str, str]]:
        """The `@task`s that were called though their results are not in the record, after the path of the caller."""
        return self._calls.stopped

    @property
    def made(self) -> dict[str, Writes]:
        """What the nodes of the superstep wrote, by their tasks' ids, as a store has it: with lists for tuples."""
        return {
            w.task_id: replace(w, writes=tuple(map(self._as_stored, w.writes)))
            for w in self.saver.written[self._mark :]
            if w.namespace == self.kept.namespace
            and w.checkpoint_id == self.kept.id
            and not w.call
            and w.task_id != NULL_TASK
        }

    def _as_stored(self, write: tuple[str, Any]) -> tuple[str, Any]:
        channel, value = write
        if channel == "__error__":  # told apart by its class
            return write
        serde = self.saver.serde
        return channel, serde.loads_typed(serde.dumps_typed(value))

    def _load(self) -> None:
        """Put into the saver what was there before the superstep, and what must not happen again."""
        stored: set[tuple[str, str, Any]] = set()
        for one in self.history.kept:
            if not self._before(one):
                continue
            versions = one.checkpoint["channel_versions"]
            new = {c: v for c, v in versions.items() if (one.namespace, c, v) not in stored}
            stored |= {(one.namespace, channel, version) for channel, version in new.items()}
            place = {"thread_id": self.history.thread_id, "checkpoint_ns": one.namespace}
            above: RunnableConfig = {"configurable": {**place, "checkpoint_id": one.parent}}
            here = self.saver.put(above, one.checkpoint, one.metadata, new)
            for task in one.tasks.values():
                if writes := list(self._given(one, task)):
                    self.saver.put_writes(here, writes, task.id, task.path)
        self.saver.loaded = True
        self._mark = self.saver.mark()

    def _before(self, one: Kept) -> bool:
        """Was the checkpoint there before the superstep, or does it lie inside the superstep?"""
        limits = {**self.kept.parents, self.kept.namespace: self.kept.id}
        if one.namespace in limits:
            return one.id <= limits[one.namespace]
        return all(one.parents[n] <= limits[n] for n in one.parents if n in limits)

    def _given(self, one: Kept, task: Task) -> Iterator[tuple[str, Any]]:
        """What of a task's writes is given, so that it need not happen again."""
        inside = f"{self.kept.namespace}|"
        on_the_way = one.id == self.kept.parents.get(one.namespace) and any(
            part.endswith(f":{task.id}") for part in inside.split("|")
        )
        if one is not self.kept and not on_the_way:
            yield from task.writes
            return
        again = self.asking and one is self.kept and asks(task)
        if task.id == NULL_TASK:
            yield from (w for w in task.writes if w[0] != "__resume__")
        elif task.call and task.finished and not again:
            yield from (w for w in task.writes if w[0] != "__interrupt__")
        else:
            for answers in task.of("__resume__"):
                if given := answers[:-1] if again and task.finished else answers:
                    yield "__resume__", given


def asks(task: Task) -> bool:
    """Has the task asked something?"""
    return bool(task.of("__interrupt__"))


def awaited(graph: Graph) -> bool:
    """Has the graph, or one inside it, a node that can only be awaited?"""
    return any(
        getattr(node.bound, "func", True) is None and getattr(node.bound, "afunc", None)
        for one in (graph, *(inside for _, inside in graph.get_subgraphs(recurse=True)))
        for node in getattr(one, "nodes", {}).values()  # a remote graph tells none
    )


async def exhaust(updates: Any) -> None:
    """Let it run to its end."""
    async for _ in updates:
        pass
