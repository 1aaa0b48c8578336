"""What a checkpointer has stored of a thread, and what it has not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.errors import InvalidUpdateError
from langgraph.types import StateSnapshot

from langgraph_parity.coordinator import Graph
from langgraph_parity.rules import ParityUsageError
from langgraph_parity.writes import Writes

__all__ = ["astanding", "path_of", "standing", "stored_paths", "tuples_of", "with_answers"]


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
    """All checkpoints of a thread, of all graphs in it, in order of time."""
    config: RunnableConfig = {"configurable": {"thread_id": thread_id}}
    tuples = sorted(saver.list(config), key=lambda one: one.checkpoint["id"])
    if not tuples:
        raise ParityUsageError(f"There is no thread “{thread_id}” to record.")
    return tuples


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
            sql = "SELECT DISTINCT task_id, task_path FROM writes WHERE thread_id = ?"
            found = iter(cursor.execute(sql, (thread_id,)).fetchall())
    elif hasattr(saver, "_cursor") and hasattr(saver, "supports_pipeline"):  # PostgreSQL
        with saver._cursor() as cursor:
            sql = "SELECT DISTINCT task_id, task_path FROM checkpoint_writes WHERE thread_id = %s"
            rows = cursor.execute(sql, (thread_id,)).fetchall()
            found = ((row["task_id"], row["task_path"]) for row in rows)
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
