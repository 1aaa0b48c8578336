"""A checkpointer around any other: it counts, observes the ways taken, and dies on demand."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint, CheckpointTuple
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from langgraph.constants import START
from langgraph.pregel._checkpoint import put_writes_accepts_task_path

from langgraph_parity.writes import NULL_TASK, TASKS, Observed, Writes, node_of

__all__ = ["Died", "NeverEnds", "WatchedSaver"]

__tracebackhide__ = True


class Died(BaseException):
    """The process is dead, as far as the application can tell; no handler of `Exception` sees it."""


class NeverEnds(BaseException):
    """The thread has written more checkpoints than it may."""


class WatchedSaver(Observed, BaseCheckpointSaver[Any]):
    """Passes everything on to `inner` and looks at what goes by. Safe to use from several threads.

    `die_at` counts writes from 1, checkpoints and task writes alike (`number` is how many there were): at that one
    `Died` is raised, `when` "before" or "after" it is stored, and at every later write, until `revive()`.
    """

    def __init__(
        self,
        inner: BaseCheckpointSaver[Any],
        *,
        die_at: int | None = None,
        when: Literal["before", "after"] = "before",
    ) -> None:
        Observed.__init__(self)
        self.inner = inner
        self.die_at = die_at
        self.when = when
        self.dead = False
        self.number = 0
        self.listeners: list[Callable[[Writes], None]] = []
        """Called with every task's writes, in the thread that stores them."""
        self.synchronous = False
        """It was read synchronously, so it can be."""
        self.refused: list[Writes] = []
        """What tasks wrote and `inner` could not store."""
        self._takes_path = put_writes_accepts_task_path(inner.put_writes)
        self._limit: int | None = None
        self._towards_limit = 0
        self._seconds = self._until = float("inf")
        self._lock = threading.RLock()
        self._counts = Counter(checkpoints=0, writes=0, bytes=0)
        self._sends: dict[tuple[str, str, str], list[str]] = {}

    @property
    def __class__(self) -> type:
        """An application that asks what saver it has gets the answer of production."""
        return type(self.inner)

    @__class__.setter
    def __class__(self, kind: type) -> None:
        raise TypeError("a saver's class stays")

    def __getattr__(self, name: str) -> Any:
        """What savers have beside the interface: `setup`, `conn`, …"""
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    # What was observed.

    @property
    def counts(self) -> dict[str, int]:
        """`checkpoints`, `writes` (of tasks) and `bytes` (serialised, of what changed) so far."""
        return dict(self._counts)

    # Death and limits.

    def revive(self) -> None:
        """Store again, as a new process would; it dies no second time by itself."""
        self.dead, self.die_at = False, None

    def limit(self, checkpoints: int | None, seconds: float = float("inf")) -> None:
        """Raise `NeverEnds` instead of writing more than so many of root graphs, or later, from now on; None: no limit."""
        self._limit, self._towards_limit = checkpoints, 0
        self._seconds, self._until = seconds, time.monotonic() + seconds

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            self.number += 1
            dies = self.number == self.die_at
            if self.dead or (dies and self.when == "before"):
                self.dead = True
                raise Died(f"died before write {self.number}")
        yield
        if dies:
            self.dead = True
            raise Died(f"died after write {self.die_at}")

    def _size(self, values: Collection[Any]) -> int:
        return sum(len(self.serde.dumps_typed(value)[1]) for value in values)

    def _stored(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: Any, new: Mapping[str, Any]
    ) -> None:
        thread, namespace, parent = _place(config)
        values = checkpoint["channel_values"]
        size = self._size([values[channel] for channel in new if channel in values])
        with self._lock:
            self._counts.update(checkpoints=1, bytes=size)
            self._learn(thread, namespace, checkpoint)
            if not namespace:
                self._parents.add((thread, parent))
            if not parent and metadata.get("source") == "update":
                # A session begun by update_state: what START would have written is in the checkpoint.
                begun = tuple((channel, _whole(values.get(channel))) for channel in new)
                id_ = checkpoint["id"]
                self.written.append(Writes(thread, namespace, "", id_, "", START, False, begun))

    def _learn(self, thread: str, namespace: str, checkpoint: Checkpoint) -> None:
        sends = checkpoint["channel_values"].get(TASKS) or ()
        self._sends[thread, namespace, checkpoint["id"]] = [send.node for send in sends]

    def _wrote(
        self, config: RunnableConfig, writes: Sequence[Any], task_id: str, path: str
    ) -> None:
        size = self._size([value for _, value in writes])
        made = self._made(config, writes, task_id, path)
        with self._lock:
            self._counts.update(writes=1, bytes=size)
            self.written.append(made)
            if made.at_root and made.finished:
                self._ran[made.thread_id, made.node].append(made.checkpoint_id)
            elif made.at_root and task_id != NULL_TASK:
                self._paused.add((made.thread_id, made.checkpoint_id))
        for listener in self.listeners:
            listener(made)

    def _made(
        self, config: RunnableConfig, writes: Sequence[Any], task_id: str, path: str
    ) -> Writes:
        thread, namespace, id_ = _place(config)
        with self._lock:
            node, call = node_of(path, self._sends.get((thread, namespace, id_), []))
        return Writes(thread, namespace, id_, task_id, path, node, call, tuple(writes))

    @contextmanager
    def _noting_refusal(
        self, config: RunnableConfig, writes: Sequence[Any], task_id: str, path: str
    ) -> Iterator[None]:
        try:
            yield
        except Exception:
            self.refused.append(self._made(config, writes, task_id, path))
            raise

    # The interface of a checkpointer.

    @property
    def serde(self) -> Any:
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
        """Let the inner saver read more types; itself, so that nothing goes by unseen."""
        self.inner = self.inner.with_allowlist(extra_allowlist)
        return self

    def get_next_version(self, current: Any, channel: None) -> Any:
        """The inner saver's."""
        return self.inner.get_next_version(current, channel)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The inner saver's."""
        self.synchronous = True
        return self._found(self.inner.get_tuple(config))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The inner saver's."""
        return self._found(await self.inner.aget_tuple(config))

    def _found(self, found: CheckpointTuple | None) -> CheckpointTuple | None:
        if found is not None:
            thread, namespace, _ = _place(found.config)
            self._learn(thread, namespace, found.checkpoint)
        return found

    def put(self, config: RunnableConfig, *checkpoint: Any) -> RunnableConfig:
        """Store a checkpoint, with its metadata and new versions."""
        self._check_limit(config)
        with self._writing():
            made = self.inner.put(config, *checkpoint)
            self._stored(config, *checkpoint)
        return made

    async def aput(self, config: RunnableConfig, *checkpoint: Any) -> RunnableConfig:
        """Store a checkpoint, with its metadata and new versions."""
        self._check_limit(config)
        with self._writing():
            made = await self.inner.aput(config, *checkpoint)
            self._stored(config, *checkpoint)
        return made

    def _check_limit(self, config: RunnableConfig) -> None:
        if self._limit is None or _place(config)[1]:
            return
        if self._towards_limit >= self._limit:
            raise NeverEnds(f"more than {self._limit} checkpoints")
        if time.monotonic() > self._until:
            raise NeverEnds(
                f"stopped after {self._seconds:g} s and {self._towards_limit} supersteps"
            )
        self._towards_limit += 1

    # LangGraph passes the path only to a parameter of this name.
    def put_writes(
        self, config: RunnableConfig, writes: Sequence[Any], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote."""
        with self._writing():
            with self._noting_refusal(config, writes, task_id, task_path):
                self.inner.put_writes(config, writes, task_id, *self._path(task_path))
            self._wrote(config, writes, task_id, task_path)

    def _path(self, task_path: str) -> tuple[str, ...]:
        return (task_path,) if self._takes_path else ()

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[Any], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote."""
        with self._writing():
            with self._noting_refusal(config, writes, task_id, task_path):
                await self.inner.aput_writes(config, writes, task_id, *self._path(task_path))
            self._wrote(config, writes, task_id, task_path)


def _whole(value: Any) -> Any:
    """The value of a DeltaChannel's snapshot; any other as it is."""
    return value.value if isinstance(value, _DeltaSnapshot) else value


def _place(config: RunnableConfig) -> tuple[str, str, str]:
    """Thread, namespace and checkpoint of a saver's configuration."""
    place = config["configurable"]
    return place["thread_id"], place.get("checkpoint_ns", ""), place.get("checkpoint_id") or ""


def _passed_on(name: str) -> Callable[..., Any]:
    def method(self: WatchedSaver, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.inner, name)(*args, **kwargs)

    return method


for _name in (
    *("list", "delete_thread", "delete_for_runs", "copy_thread", "prune"),
    *("alist", "adelete_thread", "adelete_for_runs", "acopy_thread", "aprune"),
    *("get_delta_channel_history", "aget_delta_channel_history"),
):
    setattr(WatchedSaver, _name, _passed_on(_name))
