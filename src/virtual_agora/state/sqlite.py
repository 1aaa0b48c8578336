"""Sessions in one SQLite database in the data folder, written through at every step."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import DeltaChannelHistory
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from virtual_agora.state.stores import SessionSaver, storage_errors

__all__ = ["DATABASE", "SqliteStore", "open_saver"]

DATABASE = "sessions.sqlite3"
BUSY_SECONDS = 30.0

STATEMENTS = 16
"""Statements kept compiled: all that come again. Each reading of a session is another one, and large."""


class SqliteStore(SessionSaver, SqliteSaver):
    """LangGraph's checkpointer for SQLite, with what sessions need beyond it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        super().__init__(path, connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What was added to growing fields. Of a very long session it is read in parts.

        LangGraph names every checkpoint once for each field in one statement, and SQLite counts what a statement names.
        """
        try:
            return super().get_delta_channel_history(config=config, channels=channels)
        except sqlite3.OperationalError as error:
            if "too many SQL variables" not in str(error) or len(channels) == 1:
                raise
        half = len(channels) // 2
        parts = (channels[:half], channels[half:])
        read = [self.get_delta_channel_history(config=config, channels=part) for part in parts]
        return {**read[0], **read[1]}

    def session_ids(self) -> list[str]:
        """Every session in the database, the latest written first."""
        with self.cursor(transaction=False) as cursor:
            rows = cursor.execute(
                "SELECT thread_id FROM checkpoints WHERE checkpoint_ns = '' "
                "GROUP BY thread_id ORDER BY max(checkpoint_id) DESC"
            )
            return [str(row[0]) for row in rows]

    def copy_history(
        self, source: str, checkpoint_id: str, target: str, changes: Mapping[str, Any] | None = None
    ) -> None:
        """Give session `target` the history of `source` up to a checkpoint; see `SessionSaver`."""
        at: str | None = checkpoint_id
        # The cursor commits even after an error; the connection, as a context of its own, undoes it before.
        with self.cursor() as cursor, cursor.connection:
            while at is not None:
                parent, type_, stored, metadata = cursor.execute(
                    "SELECT parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints "
                    "WHERE thread_id = ? AND checkpoint_ns = '' AND checkpoint_id = ?",
                    (source, at),
                ).fetchone()
                checkpoint = self.serde.loads_typed((type_, stored))
                checkpoint["channel_values"]["session_id"] = target
                if at == checkpoint_id:
                    checkpoint["channel_values"].update(changes or {})
                cursor.execute(
                    "INSERT INTO checkpoints (thread_id, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (target, at, parent, *self.serde.dumps_typed(checkpoint), metadata),
                )
                if at != checkpoint_id:
                    cursor.execute(
                        "INSERT INTO writes (thread_id, checkpoint_id, task_id, task_path, idx, channel, type, value) "
                        "SELECT ?, checkpoint_id, task_id, task_path, idx, channel, type, value FROM writes "
                        "WHERE thread_id = ? AND checkpoint_ns = '' AND checkpoint_id = ?",
                        (target, source, at),
                    )
                at = parent


@contextmanager
def open_saver(data_dir: Path) -> Iterator[SqliteStore]:
    """The checkpointer over the data folder's database, which is made when missing.

    Every commit reaches the disk before the call returns (`synchronous=FULL`): a paid answer also survives
    the loss of power. Only plain data is read back (strict msgpack).

    Raises:
        StorageError: the folder or the database cannot be used.
    """
    path = data_dir / DATABASE
    with storage_errors(path):
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(
            path, check_same_thread=False, timeout=BUSY_SECONDS, cached_statements=STATEMENTS
        )
    try:
        with storage_errors(path):
            path.chmod(0o600)
            connection.execute("PRAGMA synchronous=FULL")
            saver = SqliteStore(path, connection)
            saver.setup()
        yield saver
    finally:
        connection.close()
