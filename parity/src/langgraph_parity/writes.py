"""What tasks wrote, superstep by superstep, and where that led."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.constants import END, START
from langgraph.types import Send

__all__ = ["NULL_TASK", "TASKS", "Observed", "Writes", "node_of"]

TASKS = "__pregel_tasks"
NULL_TASK = "00000000-0000-0000-0000-000000000000"
UNFINISHED = {"__interrupt__", "__error__"}


@dataclass(frozen=True)
class Writes:
    """What one task wrote in one superstep."""

    thread_id: str
    namespace: str
    """Empty for the root graph."""
    checkpoint_id: str
    """The checkpoint the task ran on: tasks with the same one ran in the same superstep."""
    task_id: str
    path: str
    node: str
    """The node; for a `@task` the node that called it; `?` if it cannot be told."""
    call: bool
    """It is a `@task` called inside the node."""
    writes: tuple[tuple[str, Any], ...]

    @property
    def finished(self) -> bool:
        """The task has ended: it neither asks nor failed."""
        return self.task_id != NULL_TASK and not any(c in UNFINISHED for c, _ in self.writes)

    @property
    def at_root(self) -> bool:
        """It is a node of the root graph, not of a subgraph, nor a call."""
        return not self.namespace and not self.call

    def ways(self) -> Iterator[tuple[str, str]]:
        """Where the node leads to: `(source, target)`, with END where it leads nowhere."""
        ends = True
        for channel, value in self.writes:
            if channel.startswith("branch:to:"):
                yield self.node, channel.removeprefix("branch:to:")
            elif channel.startswith("join:"):
                yield self.node, channel.rsplit(":", 1)[1]
            elif channel == TASKS and isinstance(value, Send):
                yield self.node, value.node
            else:
                continue
            ends = False
        if ends:
            yield self.node, END


class Observed:
    """What every task wrote, and what follows from it."""

    def __init__(self) -> None:
        self.written: list[Writes] = []
        """Every task's writes; their order inside a superstep is chance."""
        self._parents: set[tuple[str, str]] = set()
        self._paused: set[tuple[str, str]] = set()
        self._ran: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    def mark(self) -> int:
        """A moment, to ask later what was written since."""
        return len(self.written)

    def since(self, mark: int = 0, thread_id: str | None = None) -> list[Writes]:
        """The writes of finished nodes of the root graph since `mark`."""
        return [
            w
            for w in self.written[mark:]
            if w.finished and w.at_root and thread_id in (None, w.thread_id)
        ]

    def supersteps(self, mark: int = 0, thread_id: str | None = None) -> list[frozenset[str]]:
        """The nodes that ran side by side, superstep by superstep."""
        steps: dict[str, set[str]] = {}
        for w in self.since(mark, thread_id):
            if w.node != START:
                steps.setdefault(w.checkpoint_id, set()).add(w.node)
        return [frozenset(steps[id_]) for id_ in sorted(steps)]

    def ways(self, mark: int = 0, thread_id: str | None = None) -> Counter[tuple[str, str]]:
        """How often each `(source, target)` was taken."""
        return Counter(way for w in self.since(mark, thread_id) for way in w.ways())

    def ran(self, thread_id: str, node: str) -> int:
        """How often the node of the root graph has finished in the thread."""
        return len(self._ran[thread_id, node])

    def durable(self, thread_id: str, node: str, run: int) -> bool | None:
        """Is the update of the node's run (from 0) saved for good? None if its writes did not come by."""
        ids = self._ran[thread_id, node]
        if run >= len(ids):
            return None
        # Beside a task that waits or failed, the writes of the finished ones are what resumes.
        step = (thread_id, ids[run])
        return step in self._parents or step in self._paused


def node_of(path: str, sends: Sequence[str]) -> tuple[str, bool]:
    """The node of a task's path, and whether the task is a call inside it.

    Paths are `~__pregel_pull, NODE` for a node, `~__pregel_push, INDEX, FLAG` for one that was sent to (the index is
    that of the Send in the checkpoint), `~__pregel_push, PATH, INDEX, FLAG` for a call inside the node of that path.
    """
    if found := re.fullmatch(r"~__pregel_pull, (.+?)(, node_error_handler)?(, \d{10})*", path):
        return found[1], False
    if found := re.fullmatch(r"~__pregel_push, (\d{10})(, \d{10})*", path):
        index = int(found[1])
        return (sends[index] if index < len(sends) else "?"), False
    if found := re.fullmatch(r"~__pregel_push, (~.+), \d{10}, \d{10}", path):
        return node_of(found[1], sends)[0], True
    return "?", False
