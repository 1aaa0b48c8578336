"""Where sessions are kept: one SQLite database in the data folder, written through at every step."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import WRITES_IDX_MAP, BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Interrupt

from virtual_agora.errors import NewerSessionError, SessionNotFoundError, StorageError
from virtual_agora.state.schema import SCHEMA_VERSION

__all__ = [
    "DATABASE",
    "SessionSaver",
    "copy_history",
    "latest",
    "open_saver",
    "session_ids",
    "storage_errors",
    "thread",
    "unanswered",
]

DATABASE = "sessions.sqlite3"
BUSY_SECONDS = 30.0


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


class SessionSaver(SqliteSaver):
    """Keeps what could not be saved until it can.

    LangGraph saves a call's answer in the background and meets a refusal only at the end of the step. Whoever is
    about to pay for another call asks `check_saved` first.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        super().__init__(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        self._path = path
        self._mending = Lock()
        self._refused: dict[str, list[tuple[Any, ...]]] = {}

    def check_saved(self, session_id: str) -> None:
        """Try once more to save what was refused to a session.

        Raises:
            StorageError: it is refused again.
        """
        with self._mending, storage_errors(self._path):
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


@contextmanager
def open_saver(data_dir: Path) -> Iterator[SessionSaver]:
    """The checkpointer over the data folder's database, which is made when missing.

    Every commit reaches the disk before the call returns (`synchronous=FULL`): a paid answer also survives
    the loss of power. Only plain data is read back (strict msgpack).

    Raises:
        StorageError: the folder or the database cannot be used.
    """
    path = data_dir / DATABASE
    with storage_errors(path):
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(path, check_same_thread=False, timeout=BUSY_SECONDS)
    try:
        with storage_errors(path):
            path.chmod(0o600)
            connection.execute("PRAGMA synchronous=FULL")
            saver = SessionSaver(path, connection)
            saver.setup()
        yield saver
    finally:
        connection.close()


def thread(session_id: str, checkpoint_id: str | None = None) -> RunnableConfig:
    """The configuration that names a session, or one of its checkpoints, to LangGraph."""
    where = {"thread_id": session_id, "checkpoint_ns": ""}
    return {"configurable": where | ({"checkpoint_id": checkpoint_id} if checkpoint_id else {})}


def latest(saver: BaseCheckpointSaver[str], session_id: str) -> CheckpointTuple:
    """A session's latest checkpoint: its small fields only, not the lists that grow.

    Raises:
        SessionNotFoundError: there is none.
        NewerSessionError: a later release wrote it.
    """
    found = saver.get_tuple(thread(session_id))
    if found is None:
        known = ", ".join(session_ids(saver)[:5]) or "there is none yet"
        raise SessionNotFoundError(
            f"There is no session “{session_id}”.", hint=f"Known sessions: {known}."
        )
    version = found.checkpoint["channel_values"].get("schema_version", SCHEMA_VERSION)
    if version > SCHEMA_VERSION:
        raise NewerSessionError(
            f"Session “{session_id}” was saved by a later release (format {version}, this one reads {SCHEMA_VERSION}).",
            hint="Update virtual-agora and resume again; the session is untouched.",
        )
    return found


def session_ids(saver: BaseCheckpointSaver[str]) -> list[str]:
    """Every session in the database, the latest written first."""
    assert isinstance(saver, SqliteSaver)
    with saver.cursor(transaction=False) as cursor:
        rows = cursor.execute(
            "SELECT thread_id FROM checkpoints WHERE checkpoint_ns = '' "
            "GROUP BY thread_id ORDER BY max(checkpoint_id) DESC"
        )
        return [str(row[0]) for row in rows]


def unanswered(found: CheckpointTuple) -> list[Interrupt]:
    """The questions asked after a checkpoint, without those whose answer is saved while their step is not finished.

    A question asked in a task is recorded for the task and for the step around it; it is answered when either
    has come to its end.
    """
    writes = found.pending_writes or []
    finished = {task_id for task_id, channel, _ in writes if channel not in WRITES_IDX_MAP}
    asked = [
        (task_id, question)
        for task_id, channel, questions in writes
        if channel == "__interrupt__"
        for question in questions
    ]
    answered = {question.id for task_id, question in asked if task_id in finished}
    return list({q.id: q for _, q in asked if q.id not in answered}.values())


def copy_history(saver: SqliteSaver, source: str, checkpoint_id: str, target: str) -> None:
    """Give session `target` the history of `source` up to a checkpoint, so that both live on alone.

    The whole line of ancestors is copied, because fields that grow are kept as what each step added. What
    was already answered for the step *after* the checkpoint stays behind: there the new session decides afresh.
    The copy is made whole or not at all, and differs from its source in the session's id only.
    """
    at: str | None = checkpoint_id
    # The cursor commits even after an error; the connection, as a context of its own, undoes it before.
    with saver.cursor() as cursor, cursor.connection:
        while at is not None:
            parent, type_, stored, metadata = cursor.execute(
                "SELECT parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints "
                "WHERE thread_id = ? AND checkpoint_ns = '' AND checkpoint_id = ?",
                (source, at),
            ).fetchone()
            checkpoint = saver.serde.loads_typed((type_, stored))
            checkpoint["channel_values"]["session_id"] = target
            cursor.execute(
                "INSERT INTO checkpoints (thread_id, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (target, at, parent, *saver.serde.dumps_typed(checkpoint), metadata),
            )
            if at != checkpoint_id:
                cursor.execute(
                    "INSERT INTO writes (thread_id, checkpoint_id, task_id, task_path, idx, channel, type, value) "
                    "SELECT ?, checkpoint_id, task_id, task_path, idx, channel, type, value FROM writes "
                    "WHERE thread_id = ? AND checkpoint_ns = '' AND checkpoint_id = ?",
                    (target, source, at),
                )
            at = parent
