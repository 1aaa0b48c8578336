"""A checkpointer around any other: it counts, observes the ways taken, and dies on demand."""

from __future__ import annotations

import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint, CheckpointTuple
from langgraph.constants import END, START
from langgraph.types import Send

__all__ = ["Died", "NeverEnds", "WatchedSaver", "Writes"]

TASKS = "__pregel_tasks"
NULL_TASK = "00000000-0000-0000-0000-000000000000"
UNFINISHED = {"__interrupt__", "__error__"}


class Died(BaseException):
    """The process is dead, as far as the application can tell; no handler of `Exception` sees it."""


class NeverEnds(BaseException):
    """The thread has written more checkpoints than it may."""


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


@dataclass
class _Record:
    """What is shared by a saver and the copies LangGraph makes of it."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    counts: Counter[str] = field(default_factory=Counter)
    written: list[Writes] = field(default_factory=list)
    sends: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    parents: set[tuple[str, str]] = field(default_factory=set)
    unfinished: set[tuple[str, str]] = field(default_factory=set)
    runs: defaultdict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    listeners: list[Callable[[Writes], None]] = field(default_factory=list)
    number: int = 0
    die_at: int | None = None
    when: Literal["before", "after"] = "before"
    dead: bool = False
    limit: int | None = None
    synchronous: bool = False


class WatchedSaver(BaseCheckpointSaver[Any]):
    """Passes everything on to `inner` and looks at what goes by. Safe to use from several threads.

    `die_at` counts writes from 1 (checkpoints and task writes alike): at that one `Died` is raised, `when` "before"
    or "after" it is stored, and at every later write, until `revive()`.
    """

    def __init__(
        self,
        inner: BaseCheckpointSaver[Any],
        *,
        die_at: int | None = None,
        when: Literal["before", "after"] = "before",
    ) -> None:
        self.inner = inner
        self.record = _Record(die_at=die_at, when=when)

    @property
    def __class__(self) -> type:  # type: ignore[override]
        """An application that asks what saver it has gets the answer of production."""
        return type(self.inner)

    def __getattr__(self, name: str) -> Any:
        """What savers have beside the interface: `setup`, `conn`, …"""
        if name in ("inner", "record"):
            raise AttributeError(name)
        return getattr(self.inner, name)

    # What was observed.

    @property
    def counts(self) -> dict[str, int]:
        """`checkpoints`, `writes` (of tasks) and `bytes` (serialised, of what changed) so far."""
        with self.record.lock:
            return {key: self.record.counts[key] for key in ("checkpoints", "writes", "bytes")}

    @property
    def number(self) -> int:
        """Checkpoints and task writes so far: what `die_at` counts."""
        return self.record.number

    @property
    def listeners(self) -> list[Callable[[Writes], None]]:
        """Called with every task's writes, in the thread that stores them."""
        return self.record.listeners

    @property
    def written(self) -> list[Writes]:
        """Every task's writes so far; their order inside a superstep is chance."""
        with self.record.lock:
            return list(self.record.written)

    def mark(self) -> int:
        """A moment, to ask later what was written since."""
        return len(self.record.written)

    def since(self, mark: int = 0, thread_id: str | None = None) -> list[Writes]:
        """The writes of finished nodes of the root graph since `mark`."""
        return [
            w
            for w in self.written[mark:]
            if w.finished and not w.call and not w.namespace and thread_id in (None, w.thread_id)
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
        return len(self.record.runs[thread_id, node])

    def durable(self, thread_id: str, node: str, run: int) -> bool | None:
        """Is the update of the node's run (from 0) saved for good? None if its writes did not come by."""
        with self.record.lock:
            ids = self.record.runs[thread_id, node]
            if run >= len(ids):
                return None
            step = (thread_id, ids[run])
            # Beside a task that waits or failed, the writes of the finished ones are what resumes.
            return step in self.record.parents or step in self.record.unfinished

    # Death and limits.

    @property
    def die_at(self) -> int | None:
        """At which write to die."""
        return self.record.die_at

    @die_at.setter
    def die_at(self, number: int | None) -> None:
        self.record.die_at = number

    @property
    def when(self) -> Literal["before", "after"]:
        """Whether to die before or after that write is stored."""
        return self.record.when

    @when.setter
    def when(self, when: Literal["before", "after"]) -> None:
        self.record.when = when

    @property
    def dead(self) -> bool:
        """It has died, and was not revived."""
        return self.record.dead

    def revive(self) -> None:
        """Store again, as a new process would; it dies no second time by itself."""
        self.record.dead, self.record.die_at = False, None

    def limit(self, checkpoints: int | None) -> None:
        """Raise `NeverEnds` instead of writing more than so many checkpoints from now on; None takes the limit away."""
        here = self.record.counts["checkpoints"]
        self.record.limit = None if checkpoints is None else here + checkpoints

    @contextmanager
    def _writing(self) -> Iterator[None]:
        record = self.record
        with record.lock:
            record.number += 1
            dies = record.number == record.die_at
            if record.dead or (dies and record.when == "before"):
                record.dead = True
                raise Died(f"died before write {record.number}")
        yield
        if dies:
            record.dead = True
            raise Died(f"died after write {record.die_at}")

    def _size(self, values: Collection[Any]) -> int:
        return sum(len(self.serde.dumps_typed(value)[1]) for value in values)

    def _note_checkpoint(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: Any, new: Mapping[str, Any]
    ) -> None:
        thread, namespace, parent = _place(config)
        values = checkpoint["channel_values"]
        size = self._size([values[channel] for channel in new if channel in values])
        with self.record.lock:
            self.record.counts.update(checkpoints=1, bytes=size)
            self._learn(thread, namespace, checkpoint)
            if not namespace:
                self.record.parents.add((thread, parent))
            if not parent and metadata.get("source") == "update":
                # A session begun by update_state: what START would have written is in the checkpoint.
                begun = tuple((channel, values.get(channel)) for channel in new)
                first = Writes(thread, namespace, "", checkpoint["id"], "", START, False, begun)
                self.record.written.append(first)

    def _learn(self, thread: str, namespace: str, checkpoint: Checkpoint) -> None:
        sends = checkpoint["channel_values"].get(TASKS) or ()
        self.record.sends[thread, namespace, checkpoint["id"]] = [send.node for send in sends]

    def _note_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, path: str
    ) -> None:
        thread, namespace, id_ = _place(config)
        size = self._size([value for _, value in writes])
        with self.record.lock:
            node, call = _node(path, self.record.sends.get((thread, namespace, id_), []))
            made = Writes(thread, namespace, id_, task_id, path, node, call, tuple(writes))
            self.record.counts.update(writes=1, bytes=size)
            self.record.written.append(made)
            if not namespace and not call:
                if made.finished:
                    self.record.runs[thread, node].append(id_)
                elif task_id != NULL_TASK:
                    self.record.unfinished.add((thread, id_))
        for listener in self.record.listeners:
            listener(made)

    def _check_limit(self) -> None:
        limit = self.record.limit
        if limit is not None and self.record.counts["checkpoints"] >= limit:
            raise NeverEnds(f"more than {limit} checkpoints")

    # The interface of a checkpointer.

    @property
    def serde(self) -> Any:  # type: ignore[override]
        """The inner saver's serialiser."""
        return self.inner.serde

    @serde.setter
    def serde(self, serde: Any) -> None:
        self.inner.serde = serde

    @property
    def config_specs(self) -> list[Any]:
        """The inner saver's."""
        return self.inner.config_specs

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> WatchedSaver:
        """A copy over the inner saver's copy; both share what was observed."""
        clone = WatchedSaver(self.inner.with_allowlist(extra_allowlist))
        clone.record = self.record
        return clone

    def get_next_version(self, current: Any, channel: None) -> Any:
        return self.inner.get_next_version(current, channel)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        self.record.synchronous = True
        return self._seen(self.inner.get_tuple(config))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return self._seen(await self.inner.aget_tuple(config))

    def _seen(self, found: CheckpointTuple | None) -> CheckpointTuple | None:
        if found is not None:
            thread, namespace, _ = _place(found.config)
            self._learn(thread, namespace, found.checkpoint)
        return found

    def put(self, config: RunnableConfig, checkpoint: Checkpoint, metadata: Any, new_versions: Any) -> RunnableConfig:  # fmt: skip
        self._check_limit()
        with self._writing():
            made = self.inner.put(config, checkpoint, metadata, new_versions)
            self._note_checkpoint(config, checkpoint, metadata, new_versions)
        return made

    async def aput(self, config: RunnableConfig, checkpoint: Checkpoint, metadata: Any, new_versions: Any) -> RunnableConfig:  # fmt: skip
        self._check_limit()
        with self._writing():
            made = await self.inner.aput(config, checkpoint, metadata, new_versions)
            self._note_checkpoint(config, checkpoint, metadata, new_versions)
        return made

    # LangGraph passes the path only to a parameter of this name.
    def put_writes(self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = "") -> None:  # fmt: skip
        with self._writing():
            self.inner.put_writes(config, writes, task_id, task_path)
            self._note_writes(config, writes, task_id, task_path)

    async def aput_writes(self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = "") -> None:  # fmt: skip
        with self._writing():
            await self.inner.aput_writes(config, writes, task_id, task_path)
            self._note_writes(config, writes, task_id, task_path)


def _place(config: RunnableConfig) -> tuple[str, str, str]:
    """Thread, namespace and checkpoint of a saver's configuration."""
    place = config["configurable"]
    return place["thread_id"], place.get("checkpoint_ns", ""), place.get("checkpoint_id") or ""


def _node(path: str, sends: Sequence[str]) -> tuple[str, bool]:
    """The node of a task's path, and whether the task is a call inside it.

    Paths are `~__pregel_pull, NODE` for a node, `~__pregel_push, INDEX, FLAG` for one that was sent to (the index is
    that of the Send in the checkpoint), `~__pregel_push, PATH, INDEX, FLAG` for a call inside the node of that path.
    """
    if found := re.fullmatch(r"~__pregel_pull, (.+?)(, node_error_handler)?(, \d{10})*", path):
        return found[1], False
    if found := re.fullmatch(r"~__pregel_push, (\d{10})(, \d{10})*", path):
        index = int(found[1])
        return (sends[index] if index < len(sends) else "?"), False
    if found := re.fullmatch(r"~__pregel_push, (~.+?), \d{10}, .+", path):
        return _node(found[1], sends)[0], True
    return "?", False


def _passed_on(name: str) -> Callable[..., Any]:
    def method(self: WatchedSaver, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.inner, name)(*args, **kwargs)

    method.__name__ = name
    return method


for _name in (
    *("list", "delete_thread", "delete_for_runs", "copy_thread", "prune"),
    *("alist", "adelete_thread", "adelete_for_runs", "acopy_thread", "aprune"),
    *("get_delta_channel_history", "aget_delta_channel_history"),
):
    setattr(WatchedSaver, _name, _passed_on(_name))
