"""What a checkpointer has stored of a thread, and what it has not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.errors import InvalidUpdateError
from langgraph.types import StateSnapshot

from langgraph_parity.coordinator import Graph
from langgraph_parity.rules import ParityUsageError
from langgraph_parity.writes import Writes

__all__ = [
    "astanding",
    "astored_paths",
    "atuples_of",
    "in_loop_of",
    "path_of",
    "standing",
    "stored_paths",
    "tuples_of",
    "with_answers",
]

SQLITE = "SELECT DISTINCT task_id, task_path FROM writes WHERE thread_id = ?"
POSTGRES = "SELECT DISTINCT task_id, task_path FROM checkpoint_writes WHERE thread_id = %s"


def standing(graph: Graph, config: RunnableConfig) -> StateSnapshot:
    """Where a thread stands; as it was before its last tasks, if what they wrote cannot be put together."""
    try:
        return graph.get_state(config)
    except InvalidUpdateError:
        return graph.get_state(_saver(graph).get_tuple(config).config)


async def astanding(graph: Graph, config: RunnableConfig) -> StateSnapshot:
    """`standing` for asynchronous graphs."""
    try:
        return await graph.aget_state(config)
    except InvalidUpdateError:
        return await graph.aget_state((await _saver(graph).aget_tuple(config)).config)


def _saver(graph: Graph) -> Any:
    return graph.checkpointer


def tuples_of(saver: BaseCheckpointSaver[Any], thread_id: str) -> list[CheckpointTuple]:
    """All checkpoints of a thread, of all graphs in it, in order of time.

    Raises:
        ParityUsageError: there is no such thread, or the checkpointer is an asynchronous one.
    """
    try:
        if _loop_of(saver) is not None:  # it would wait for its loop, even if that does not run
            raise NotImplementedError
        return _sorted(list(saver.list(_of(thread_id))), thread_id)
    except NotImplementedError:
        raise ParityUsageError(
            f"The checkpointer, {_kind(saver)}, is asynchronous: use await parity.arecord(...)."
        ) from None


async def atuples_of(saver: BaseCheckpointSaver[Any], thread_id: str) -> list[CheckpointTuple]:
    """`tuples_of` for checkpointers that can be awaited."""
    try:
        return _sorted([one async for one in saver.alist(_of(thread_id))], thread_id)
    except NotImplementedError:
        raise ParityUsageError(
            f"The checkpointer, {_kind(saver)}, is synchronous: use parity.record(...)."
        ) from None


def _of(thread_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id}}


def _sorted(tuples: list[CheckpointTuple], thread_id: str) -> list[CheckpointTuple]:
    if not tuples:
        raise ParityUsageError(f"There is no thread “{thread_id}” to record.")
    return sorted(tuples, key=lambda one: one.checkpoint["id"])


def _kind(saver: BaseCheckpointSaver[Any]) -> str:
    return saver.__class__.__name__  # of the saver that is watched


def _loop_of(saver: Any) -> asyncio.AbstractEventLoop | None:
    """The event loop that an asynchronous checkpointer belongs to, if it tells."""
    loop = getattr(saver, "loop", None)
    return loop if isinstance(loop, asyncio.AbstractEventLoop) else None


def in_loop_of(saver: BaseCheckpointSaver[Any], work: Coroutine[Any, Any, None]) -> None:
    """Run it to its end, from synchronous code, in the checkpointer's event loop; without one, in a fresh one."""
    loop = _loop_of(saver)
    try:
        if loop is not None and not loop.is_closed():
            loop.run_until_complete(work)
        else:
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(work)
    finally:
        work.close()


def stored_paths(saver: Any, thread_id: str) -> dict[str, str]:
    """The paths of tasks, where the store is known to keep them."""
    found: Iterator[tuple[str, str]] = iter(())
    if isinstance(getattr(saver, "writes", None), dict):  # in memory
        found = (
            (task_id, path)
            for (thread, _, _), writes in saver.writes.items()
            if thread == thread_id
            for task_id, _, _, path in writes.values()
        )
    elif hasattr(saver, "cursor") and hasattr(saver, "conn"):  # SQLite
        with saver.cursor(transaction=False) as cursor:
            found = iter(cursor.execute(SQLITE, (thread_id,)).fetchall())
    elif hasattr(saver, "_cursor") and hasattr(saver, "supports_pipeline"):  # PostgreSQL
        with saver._cursor() as cursor:
            rows = cursor.execute(POSTGRES, (thread_id,)).fetchall()
            found = ((row["task_id"], row["task_path"]) for row in rows)
    return {task_id: path for task_id, path in found if path}


async def astored_paths(saver: Any, thread_id: str) -> dict[str, str]:
    """`stored_paths` for checkpointers that can be awaited."""
    if _loop_of(saver) is None:
        return stored_paths(saver, thread_id)
    found: list[tuple[str, str]] = []
    if hasattr(saver, "supports_pipeline"):  # PostgreSQL
        async with saver._cursor() as cursor:
            await cursor.execute(POSTGRES, (thread_id,))
            found = [(row["task_id"], row["task_path"]) for row in await cursor.fetchall()]
    elif hasattr(saver, "conn"):  # SQLite
        async with saver.lock, saver.conn.execute(SQLITE, (thread_id,)) as cursor:
            found = await cursor.fetchall()
    return {task_id: path for task_id, path in found if path}


def path_of(parts: Any) -> str:
    """A task's path as savers are given it."""
    if isinstance(parts, tuple | list):
        return "~" + ", ".join(map(path_of, parts))
    return f"{parts:010d}" if isinstance(parts, int) else str(parts)


def with_answers(tuples: list[CheckpointTuple], seen: Iterable[Writes]) -> list[CheckpointTuple]:
    """The tuples with all the answers that were seen: of several to one task, SQLite does not store the last."""
    answers = {w.task_id: v for w in seen for channel, v in w.writes if channel == "__resume__"}
    return [
        one._replace(
            pending_writes=[
                (task_id, channel, answers.get(task_id, v) if channel == "__resume__" else v)
                for task_id, channel, v in one.pending_writes or ()
            ]
        )
        for one in tuples
    ]
