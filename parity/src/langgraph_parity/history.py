"""One thread's history in a file: every checkpoint, and what every task wrote, by `record`; `read` has it back."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import StateSnapshot

from langgraph_parity.kept import from_json, to_json
from langgraph_parity.rules import ParityUsageError
from langgraph_parity.runs import Run
from langgraph_parity.stored import (
    astored_paths,
    atuples_of,
    path_of,
    stored_paths,
    tuples_of,
    with_answers,
)
from langgraph_parity.writes import TASKS, node_of

if TYPE_CHECKING:
    from langgraph_parity.running import Parity

__all__ = ["History", "Kept", "Task", "arecord", "keep", "read", "record"]

KIND, FORMAT = "langgraph-parity history", 1
CONTROL = {"__error__", "__scheduled__", "__interrupt__", "__resume__", "__error_source_node__"}
RETURN = "__return__"
INTERNAL = ("branch:to:", "join:", "__")
"""How names of channels begin that are LangGraph's own."""


@dataclass
class Task:
    """What one task wrote while its superstep was open."""

    id: str
    path: str
    node: str
    """`?` if the store does not tell."""
    call: bool
    """It is a `@task` called inside the node."""
    writes: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """It wrote more than questions, answers and errors."""
        return any(channel not in CONTROL for channel, _ in self.writes)

    def of(self, channel: str) -> list[Any]:
        """All it wrote to a channel."""
        return [value for name, value in self.writes if name == channel]


@dataclass
class Kept:
    """One checkpoint, and the tasks of the superstep that began at it."""

    namespace: str
    parent: str | None
    checkpoint: dict[str, Any]
    metadata: dict[str, Any]
    tasks: dict[str, Task]

    @property
    def id(self) -> str:
        """The checkpoint's id; ids grow with time."""
        return str(self.checkpoint["id"])

    @property
    def step(self) -> int:
        """The number of the superstep that begins here."""
        return int(self.metadata.get("step", -2)) + 1

    @property
    def parents(self) -> dict[str, str]:
        """Namespace -> checkpoint that was current in the graphs around this one."""
        return {n: i for n, i in (self.metadata.get("parents") or {}).items() if n != self.namespace}  # fmt: skip

    def next(self) -> set[str]:
        """The nodes that the checkpoint leads to."""
        values, versions = self.checkpoint["channel_values"], self.checkpoint["channel_versions"]
        names = {send.node for send in values.get(TASKS) or ()}
        for channel in values:
            node = channel.removeprefix("branch:to:")
            seen = self.checkpoint["versions_seen"].get(node, {}).get(channel)
            if node != channel and versions.get(channel) != seen:
                names.add(node)
        return names | {t.node for t in self.tasks.values() if not t.call and t.node != "?"}


@dataclass
class History:
    """A thread's history; `kept` in order of time."""

    name: str
    thread_id: str
    channels: set[str]
    """Every state key that is known to have existed in the root graph."""
    kept: list[Kept]


def record(parity: Parity, run_or_thread: Run | str, path: str | Path) -> Path:
    """Keep a thread's history in a file, from the saver of `parity`.

    Raises:
        ParityUsageError: there is no such thread, or the saver is an asynchronous one.
    """
    made = _Recording(parity, run_or_thread)
    made.take(tuples_of(parity.saver, made.thread_id))
    made.paths |= stored_paths(parity.saver.inner, made.thread_id)
    for one in made.untold():
        made.told(parity.graph.get_state(one.config))
    return made.keep(path)


async def arecord(parity: Parity, run_or_thread: Run | str, path: str | Path) -> Path:
    """`record` for savers that are asynchronous."""
    made = _Recording(parity, run_or_thread)
    made.take(await atuples_of(parity.saver, made.thread_id))
    made.paths |= await astored_paths(parity.saver.inner, made.thread_id)
    for one in made.untold():
        made.told(await parity.graph.aget_state(one.config))
    return made.keep(path)


class _Recording:
    """What is known of a thread that is recorded."""

    def __init__(self, parity: Parity, run: Run | str) -> None:
        self._parity = parity
        self.thread_id = run if isinstance(run, str) else run.thread_id
        self._seen = [w for w in parity.saver.written if w.thread_id == self.thread_id]
        self.paths = {w.task_id: w.path for w in self._seen}
        self._tuples: list[CheckpointTuple] = []

    def take(self, tuples: list[CheckpointTuple]) -> None:
        """These are its checkpoints."""
        self._tuples = with_answers(tuples, self._seen)

    def untold(self) -> Iterator[CheckpointTuple]:
        """Checkpoints of the root graph with writes of tasks whose paths are not known."""
        for one in self._tuples:
            ids = {task_id for task_id, _, _ in one.pending_writes or ()}
            if ids - self.paths.keys() and not one.config["configurable"].get("checkpoint_ns"):
                yield one

    def told(self, snapshot: StateSnapshot) -> None:
        """A state tells the paths of its tasks."""
        self.paths |= {task.id: path_of(task.path) for task in snapshot.tasks}

    def keep(self, path: str | Path) -> Path:
        """Write it."""
        graph, name = self._parity.graph, self._parity.target.name
        return keep(self._tuples, path, self.paths, name=name, channels=set(graph.channels))


def keep(
    tuples: list[CheckpointTuple],
    path: str | Path,
    paths: Mapping[str, str],
    *,
    name: str | None = None,
    channels: set[str] | None = None,
) -> Path:
    """Write the history of one thread; `paths` are those of its tasks by their ids."""
    serde = JsonPlusSerializer()
    values: set[tuple[str, str, Any]] = set()
    package = importlib.metadata.version
    kept = {
        "kind": KIND,
        "format": FORMAT,
        "langgraph": package("langgraph"),
        "langgraph-checkpoint": package("langgraph-checkpoint"),
        "langgraph-parity": _own_version(),
        "target": name,
        "thread_id": tuples[0].config["configurable"]["thread_id"],
        "channels": sorted(c for c in channels or () if not c.startswith(INTERNAL)),
        "checkpoints": [to_json(_entry(one, paths, values), serde) for one in tuples],
    }
    Path(path).write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return Path(path)


def _entry(one: CheckpointTuple, paths: Mapping[str, str], seen: set[Any]) -> dict[str, Any]:
    """A checkpoint with the values that changed, and its tasks."""
    place, checkpoint = one.config["configurable"], cast(dict[str, Any], dict(one.checkpoint))
    namespace, changed = place.get("checkpoint_ns", ""), {}
    for channel, value in checkpoint.pop("channel_values").items():
        key = (namespace, channel, checkpoint["channel_versions"].get(channel))
        if key not in seen:
            seen.add(key)
            changed[channel] = value
    tasks: dict[str, Any] = {}
    for task_id, channel, value in one.pending_writes or ():
        task = tasks.setdefault(task_id, {"path": paths.get(task_id, ""), "writes": []})
        task["writes"].append([channel, value])
    parent = (one.parent_config or {}).get("configurable", {}).get("checkpoint_id")
    return {
        "namespace": namespace,
        "parent": parent,
        "metadata": dict(one.metadata),
        "values": changed,
        "tasks": tasks,
        "checkpoint": checkpoint,
    }


def read(path: str | Path, serde: Any = None) -> History:
    """Read a history back; `serde` makes the values that are not plain.

    Raises:
        ParityUsageError: the file is none, or of a newer kind.
    """
    try:
        kept = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ParityUsageError(f"{path} cannot be read as a history: {error}.") from error
    if not isinstance(kept, dict) or kept.get("kind") != KIND:
        raise ParityUsageError(f"{path} is not a history. Make one with `parity record`.")
    if kept.get("format") != FORMAT:
        raise ParityUsageError(
            f"{path} is a history of format {kept.get('format')}, and this kit reads format {FORMAT}. "
            "Use the kit that recorded it, or record again."
        )
    serde = serde or JsonPlusSerializer()
    values: dict[tuple[str, str, Any], Any] = {}
    entries = [_kept(from_json(one, serde), values) for one in kept["checkpoints"]]
    known = {c for k in entries if not k.namespace for c in k.checkpoint["channel_versions"]}
    channels = {c for c in known if not c.startswith(INTERNAL)} | set(kept["channels"])
    return History(Path(path).name, kept["thread_id"], channels, entries)


def _kept(one: dict[str, Any], values: dict[Any, Any]) -> Kept:
    checkpoint, namespace = one["checkpoint"], one["namespace"]
    versions = checkpoint["channel_versions"]
    values |= {(namespace, c, versions.get(c)): value for c, value in one["values"].items()}
    checkpoint["channel_values"] = {
        channel: values[namespace, channel, version]
        for channel, version in versions.items()
        if (namespace, channel, version) in values
    }
    sends = [send.node for send in checkpoint["channel_values"].get(TASKS) or ()]
    tasks = {}
    for task_id, task in one["tasks"].items():
        writes = [(channel, value) for channel, value in task["writes"]]
        node, call = node_of(task["path"], sends)
        call = call or any(channel == RETURN for channel, _ in writes)
        tasks[task_id] = Task(task_id, task["path"], node, call, writes)
    return Kept(namespace, one["parent"], checkpoint, one["metadata"], tasks)


def _own_version() -> str:
    try:
        return importlib.metadata.version("langgraph-parity")
    except importlib.metadata.PackageNotFoundError:  # run from its sources
        return "unknown"
