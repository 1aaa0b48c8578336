"""A checkpointer that says what it was writing when it died, and calls somebody at that moment."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig

from langgraph_parity.saver import Died, WatchedSaver
from langgraph_parity.writes import NULL_TASK, node_of

__all__ = ["Mortal"]

__tracebackhide__ = True

_writing: contextvars.ContextVar[str] = contextvars.ContextVar("writing", default="")


class Mortal(WatchedSaver):
    """`arm` it, run, and read in `last` what was being written."""

    last = ""
    on_death: Callable[[], None] | None = None

    def arm(
        self, number: int, when: Literal["before", "after"], on_death: Callable[[], None]
    ) -> None:
        """Die at the `number`-th write (from 1) from now on."""
        self.last, self.on_death, self.when = "", on_death, when
        self.die_at = self.number + number

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with super()._writing():
                yield
        except Died:
            with self._lock:
                if not self.last:
                    self.last = _writing.get()
                    if self.on_death is not None:
                        self.on_death()
            raise

    def put(self, config: RunnableConfig, *checkpoint: Any) -> RunnableConfig:
        """Store a checkpoint."""
        _writing.set(_checkpoint(config, *checkpoint))
        return super().put(config, *checkpoint)

    async def aput(self, config: RunnableConfig, *checkpoint: Any) -> RunnableConfig:
        """Store a checkpoint."""
        _writing.set(_checkpoint(config, *checkpoint))
        return await super().aput(config, *checkpoint)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[Any], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote."""
        _writing.set(self._task(config, writes, task_id, task_path))
        super().put_writes(config, writes, task_id, task_path)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[Any], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote."""
        _writing.set(self._task(config, writes, task_id, task_path))
        await super().aput_writes(config, writes, task_id, task_path)

    def _task(
        self, config: RunnableConfig, writes: Sequence[Any], task_id: str, task_path: str
    ) -> str:
        place = config["configurable"]
        namespace = place.get("checkpoint_ns", "")
        key = (place["thread_id"], namespace, place.get("checkpoint_id") or "")
        node, call = node_of(task_path, self._sends.get(key, []))
        if task_id == NULL_TASK:
            node = "answer"
        around = "".join(f"{part.partition(':')[0]} ▸ " for part in namespace.split("|") if part)
        return f"{around}{node}{' (a call)' if call else ''}: {_names(c for c, _ in writes)}"


def _checkpoint(
    config: RunnableConfig, checkpoint: Any, metadata: Mapping[str, Any], new: Mapping[str, Any]
) -> str:
    namespace = config["configurable"].get("checkpoint_ns", "")
    around = "".join(f"{part.partition(':')[0]} ▸ " for part in namespace.split("|") if part)
    step = metadata.get("step", "?")
    return f"{around}checkpoint of step {step} ({metadata.get('source')}): {_names(new)}"


def _names(channels: Any) -> str:
    """Fields first; of LangGraph's own channels only what they say."""
    own = {"__interrupt__": "question", "__resume__": "answer", "__return__": "result", "__error__": "error"}  # fmt: skip
    names = [own.get(c, c) for c in dict.fromkeys(channels)]
    shown = [n for n in names if not n.startswith(("branch:", "join:", "__"))]
    return ", ".join(shown or names[:1]) or "nothing"
