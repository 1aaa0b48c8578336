"""What every database of sessions offers beyond LangGraph's checkpointer."""

from __future__ import annotations

import sqlite3
import sys
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Condition, Lock
from typing import Any, ClassVar, NamedTuple

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
)

from virtual_agora.errors import SessionTakenOverError, StorageError
from virtual_agora.state.leases import TERM, Leases, LeaseTable

__all__ = ["SessionSaver", "storage_errors", "thread"]


def thread(session_id: str, checkpoint_id: str | None = None) -> RunnableConfig:
    """The configuration that names a session, or one of its checkpoints, to LangGraph."""
    where = {"thread_id": session_id, "checkpoint_ns": ""}
    return {"configurable": where | ({"checkpoint_id": checkpoint_id} if checkpoint_id else {})}


@contextmanager
def storage_errors(place: Path | str) -> Iterator[None]:
    """Turn what the database or the disk refuses into one sentence.

    Raises:
        StorageError: for any `sqlite3.Error`, `psycopg.Error` or `OSError` inside the block.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{place} cannot be used: {error.strerror or error}.",
            hint="Check the folder's permissions and free space, or name another with --data-dir.",
        ) from error
    except sqlite3.Error as error:
        raise _refused_by_sqlite(place, str(error)) from error
    except Exception as error:
        # Only where sessions are kept in PostgreSQL is there anything of its module.
        server = sys.modules.get("virtual_agora.state.postgres_server")
        if server is None or not isinstance(error, server.psycopg.Error):
            raise
        raise server.refused(place, error) from error


def _refused_by_sqlite(place: Path | str, text: str) -> StorageError:
    if "malformed" in text or "not a database" in text:
        return StorageError(
            f"The session database {place} is damaged ({text}).",
            hint="Restore it from a copy, or move it away to start afresh; reports already written are whole.",
        )
    if "full" in text:
        return StorageError(
            f"The disk with {place} is full.",
            hint="Make room; resume goes on from the last saved step.",
        )
    return StorageError(
        f"The session database {place} refuses: {text}.",
        hint="Check that the folder exists and that you may write to it, or name another with --data-dir.",
    )


class _Refused(NamedTuple):
    """A task's outcome that could not be saved, and the token of the tenure it belongs to."""

    token: int | None
    config: RunnableConfig
    writes: Sequence[tuple[str, Any]]
    task_id: str
    task_path: str


class SessionSaver(BaseCheckpointSaver[str]):
    """Lists and copies sessions, lets one process at a time write to each, and keeps what could not be saved until it can.

    A base to be put before one of LangGraph's checkpointers. LangGraph saves a call's answer in the background and meets a
    refusal only at the end of the step. Whoever is about to pay for another call asks `check_saved` first, which also waits
    for what is being saved just then: where the database hangs, no call follows the one that it hangs with.

    Attributes:
        place: what the database is called in messages.
        leases: whose each session is; one that this process holds by `leases.hold` is written to only for as long as
            it does. Without a lease nothing is checked.
    """

    refusals: ClassVar[tuple[type[Exception], ...]]
    """What the database's driver raises."""

    def __init__(
        self, place: Path | str, table: LeaseTable, *args: Any, term: float = TERM, **more: Any
    ) -> None:
        super().__init__(*args, **more)
        self.place = place
        self.leases = Leases(table, term)
        self._mending = Lock()
        self._refused: dict[str, list[_Refused]] = {}
        self._being_saved: Counter[str] = Counter()
        self._saved = Condition()

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

    @abstractmethod
    def _writing(self, session_id: str) -> AbstractContextManager[None]:
        """One transaction for everything this thread writes meanwhile; an error undoes it.

        Raises:
            SessionTakenOverError: this process held the session, and another has it.
        """

    @abstractmethod
    def _latest_token(self, session_id: str) -> int | None:
        """The token of a session's latest tenure."""

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint."""
        with self._writing(config["configurable"]["thread_id"]):
            return super().put(config, checkpoint, metadata, new_versions)

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Save the outcome of a task; what is refused is remembered, and the refusal raised."""
        session_id = config["configurable"]["thread_id"]
        with self._awaited(session_id):
            try:
                self._put_writes(config, writes, task_id, task_path)
            except self.refusals:
                missed = _Refused(self.leases.token(session_id), config, writes, task_id, task_path)
                self._refused.setdefault(session_id, []).append(missed)
                raise

    @contextmanager
    def _awaited(self, session_id: str) -> Iterator[None]:
        """Have `check_saved` wait for this block."""
        with self._saved:
            self._being_saved[session_id] += 1
        try:
            yield
        finally:
            with self._saved:
                self._being_saved[session_id] -= 1
                if not self._being_saved[session_id]:
                    del self._being_saved[session_id]
                self._saved.notify_all()

    def check_saved(self, session_id: str) -> None:
        """Wait until nothing is being saved, and try once more to save what was refused to a session that this process holds.

        Raises:
            StorageError: it is refused again, or nothing could be saved at present.
            SessionTakenOverError: another process has the session.
        """
        # Nothing here is held that saving needs, so it comes to its end.
        with self._saved:
            self._saved.wait_for(lambda: not self._being_saved[session_id])
        with storage_errors(self.place):
            self.check_held(session_id)
            if self._refused.get(session_id):
                self._save_refused(session_id)

    def check_held(self, session_id: str) -> None:
        """See whether a session that this process holds is still its own.

        Raises:
            SessionTakenOverError: another process has it.
        """
        token = self.leases.token(session_id)
        if token is not None and self._latest_token(session_id) != token:
            raise self._taken_over(session_id)

    def _save_refused(self, session_id: str) -> None:
        with self._mending:
            refused = self._refused[session_id]
            while refused:
                missed = refused[0]
                # Where others went on with the session meanwhile, it is of a past that was not theirs.
                if missed.token is None or self.leases.is_unbroken(session_id, missed.token):
                    self._put_writes(*missed[1:])
                del refused[0]

    def _put_writes(self, config: RunnableConfig, *writes: Any) -> None:
        with self._writing(config["configurable"]["thread_id"]):
            super().put_writes(config, *writes)

    def _taken_over(self, session_id: str) -> SessionTakenOverError:
        return SessionTakenOverError(
            f"Another process has taken over the session “{session_id}”, because this one gave no sign of life.",
            hint=f"Nothing is lost; see how it stands: virtual-agora show {session_id}",
        )
