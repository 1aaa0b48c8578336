"""What one task wrote in one superstep, and where that leads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.constants import END
from langgraph.types import Send

__all__ = ["NULL_TASK", "TASKS", "Writes", "node_of"]

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
