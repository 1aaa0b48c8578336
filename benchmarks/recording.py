"""What a session's graph did, step by step, so that a graph without an application can do the same."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TypedDict

from virtual_agora.events import (
    CallFailed,
    CallFinished,
    CallStarted,
    Event,
    StepFinished,
    StepStarted,
)
from virtual_agora.state.sqlite import DATABASE

__all__ = ["Node", "Recording", "Superstep"]


class Node(TypedDict):
    """One run of a node: its calls in the order in which they follow one another, and how many other tasks it had.

    Calls that are made at once stand together; each is told by the number of times that it was asked.
    """

    waves: list[list[int]]
    others: int


Superstep = dict[str, Node]
"""The nodes that run side by side."""


class Recording:
    """A listener that notes the supersteps of a session, their nodes, and the calls of each."""

    def __init__(self) -> None:
        self.supersteps: list[Superstep] = []
        self._committed = True
        self._in_flight: dict[str, Node] = {}

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case StepStarted():
                if self._committed:
                    self.supersteps.append({})
                    self._committed = False
                self.supersteps[-1][event.node] = Node(waves=[], others=0)
            case StepFinished():
                self._committed = True
            case CallStarted():
                node = self.supersteps[-1][event.node]
                if all(other is not node for other in self._in_flight.values()):
                    node["waves"].append([])
                self._in_flight[event.call_id] = node
            case CallFinished() | CallFailed():
                self._in_flight.pop(event.call_id)["waves"][-1].append(event.attempts)
            case _:
                pass

    def count_others(self, data_dir: Path) -> None:
        """Look up in the session's database which tasks there were that are no calls; they follow the calls."""
        with closing(sqlite3.connect(data_dir / DATABASE)) as database:
            found = database.execute(
                "SELECT checkpoint_id, task_path FROM writes WHERE channel = '__return__'"
            ).fetchall()
            steps = database.execute(
                "SELECT DISTINCT checkpoint_id FROM writes ORDER BY checkpoint_id"
            ).fetchall()
        # The path of a task begins with its own kind and that of its node; the node's name follows.
        tasks = Counter((checkpoint, path.split(", ")[2]) for checkpoint, path in found)
        for (checkpoint,), superstep in zip(steps, self.supersteps, strict=True):
            for name, node in superstep.items():
                node["others"] = tasks[checkpoint, name] - sum(map(len, node["waves"]))
