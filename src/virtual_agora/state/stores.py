"""What every database of sessions offers beyond LangGraph's checkpointer."""

from __future__ import annotations

import sqlite3
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver

from virtual_agora.errors import StorageError

__all__ = ["SessionSaver", "storage_errors", "thread"]


def thread(session_id: str, checkpoint_id: str | None = None) -> RunnableConfig:
    """The configuration that names a session, or one of its checkpoints, to LangGraph."""
    where = {"thread_id": session_id, "checkpoint_ns": ""}
    return {"configurable": where | ({"checkpoint_id": checkpoint_id} if checkpoint_id else {})}


@contextmanager
def storage_errors(place: Path | str) -> Iterator[None]:
    """Turn what the database or the disk refuses into one sentence.

    Raises:
        StorageError: for any `sqlite3.Error` or `OSError` inside the block.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "malformed" in text or "not a database" in text:
            raise StorageError(
                f"The session database {place} is damaged ({text}).",
                hint="Restore it from a copy, or move it away to start afresh; reports already written are whole.",
            ) from error
        if "full" in text:
            raise StorageError(
                f"The disk with {place} is full.",
                hint="Make room; resume goes on from the last saved step.",
            ) from error
        raise StorageError(
            f"The session database {place} refuses: {text}.",
            hint="Check that the folder exists and that you may write to it, or name another with --data-dir.",
        ) from error
    except OSError as error:
        raise StorageError(
            f"{place} cannot be used: {error.strerror or error}.",
            hint="Check the folder's permissions and free space, or name another with --data-dir.",
        ) from error


class SessionSaver(BaseCheckpointSaver[str]):
    """Lists and copies sessions, and keeps what could not be saved until it can.

    A base to be put before one of LangGraph's checkpointers. LangGraph saves a call's answer in the background and meets a
    refusal only at the end of the step. Whoever is about to pay for another call asks `check_saved` first.
    """

    def __init__(self, place: Path | str, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.place = place
        self._mending = Lock()
        self._refused: dict[str, list[tuple[Any, ...]]] = {}

    @abstractmethod
    def session_ids(self) -> list[str]:
        """Every session in the database, the latest written first."""

    @abstractmethod
    def copy_history(
        self, source: str, checkpoint_id: str, target: str, changes: Mapping[str, Any] | None = None
    ) -> None:
        """Give session `target` the history of `source` up to a checkpoint, so that both live on alone.

        The whole line of ancestors is copied, because fields that grow are kept as what each step added. What
        was already answered for the step *after* the checkpoint stays behind: there the new session decides afresh.
        The copy is made whole or not at all, and differs from its source in the session's id, and in its last
        checkpoint in the `changes`: new values of fields, none of which may be one that only grows. A field that the
        checkpoint does not have yet needs a version there too, or LangGraph forgets it at the next step.
        """

    def check_saved(self, session_id: str) -> None:
        """Try once more to save what was refused to a session.

        Raises:
            StorageError: it is refused again.
        """
        with self._mending, storage_errors(self.place):
            while refused := self._refused.get(session_id):
                super().put_writes(*refused[0])
                del refused[0]

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Save the outcome of a task; what is refused is remembered, and the refusal raised."""
        try:
            super().put_writes(config, writes, task_id, task_path)
        except sqlite3.Error:
            missed = self._refused.setdefault(config["configurable"]["thread_id"], [])
            missed.append((config, writes, task_id, task_path))
            raise
