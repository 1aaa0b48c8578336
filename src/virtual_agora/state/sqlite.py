"""Sessions in one SQLite database in the data folder, written through at every step."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from filelock import FileLock, Timeout
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import DeltaChannelHistory
from langgraph.checkpoint.sqlite import SqliteSaver
from typing_extensions import override

from virtual_agora.private import close_folder, make_folder, open_to_append, protect
from virtual_agora.state.leases import TERM, LeaseTable, Tenure
from virtual_agora.state.serializer import make_serializer
from virtual_agora.state.stores import SessionSaver, storage_errors

__all__ = ["DATABASE", "SqliteStore", "open_saver"]

DATABASE = "sessions.sqlite3"
BUSY_SECONDS = 30.0

STATEMENTS = 16
"""Statements kept compiled: all that come again. Each reading of a session is another one, and large."""


class SqliteStore(SessionSaver, SqliteSaver):
    """LangGraph's checkpointer for SQLite, with what sessions need beyond it."""

    refusals = (sqlite3.Error,)

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        *,
        term: float = TERM,
    ) -> None:
        table = _Leases(self, path.parent / "locks")
        super().__init__(path, table, connection, serde=make_serializer(), term=term)
        self.lock: Any = RLock()  # also around a transaction of several cursors

    def setup(self) -> None:
        """Make the tables that are missing."""
        if not self.is_setup:
            super().setup()
            self.conn.execute(
                "CREATE TABLE IF NOT EXISTS session_leases "
                "(session TEXT PRIMARY KEY, token INTEGER, until REAL, holder TEXT) WITHOUT ROWID"
            )

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:
        """A cursor, whose writes an error undoes; within a transaction that has begun, they are part of it."""
        with self.lock:
            self.setup()
            with closing(self.conn.cursor()) as cursor:
                if not transaction or self.conn.in_transaction:
                    yield cursor
                    return
                with self.conn:
                    # Python's sqlite3 begins by itself only at the first change.
                    cursor.execute("BEGIN IMMEDIATE")
                    yield cursor

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
        with self._writing(target), self.cursor() as cursor:
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
                    versions = checkpoint["channel_versions"]
                    for name in changes or {}:
                        versions.setdefault(name, versions["session_id"])
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
    def _writing(self, session_id: str) -> Iterator[None]:
        with self.cursor():
            self.check_held(session_id)
            yield

    def _latest_token(self, session_id: str) -> int | None:
        with self.cursor(transaction=False) as cursor:
            cursor.execute("SELECT token FROM session_leases WHERE session = ?", (session_id,))
            row = cursor.fetchone()
        return row and int(row[0])


class _Leases(LeaseTable):
    """The leases of a SQLite database. The lock of a tenure is one on a file, which the system releases at death."""

    def __init__(self, store: SqliteStore, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._claimed: dict[tuple[str, int], FileLock] = {}

    @override
    def tenure(self, session_id: str) -> Tenure | None:
        with self._store.cursor(transaction=False) as cursor:
            row = cursor.execute(
                "SELECT token, until < ?, holder FROM session_leases WHERE session = ?",
                (time.time(), session_id),
            ).fetchone()
        return row and Tenure(int(row[0]), bool(row[1]), str(row[2]))

    @override
    def is_alive(self, session_id: str, token: int) -> bool:
        lock = self._lock(session_id, token)
        try:
            lock.acquire()
        except Timeout:
            return True
        lock.release()
        return False

    @override
    def claim(self, session_id: str, token: int) -> bool:
        lock = self._lock(session_id, token)
        try:
            lock.acquire()
        except Timeout:
            return False
        self._claimed[session_id, token] = lock
        return True

    @override
    def let_go(self, session_id: str, token: int) -> None:
        self._claimed.pop((session_id, token)).release()

    @override
    def begin(self, session_id: str, token: int, term: float, holder: str) -> bool:
        until = time.time() + term
        with self._store.cursor() as cursor:
            if token == 1:
                cursor.execute(
                    "INSERT OR IGNORE INTO session_leases VALUES (?, 1, ?, ?)",
                    (session_id, until, holder),
                )
            else:
                cursor.execute(
                    "UPDATE session_leases SET token = ?, until = ?, holder = ? "
                    "WHERE session = ? AND token = ?",
                    (token, until, holder, session_id, token - 1),
                )
            begun = cursor.rowcount == 1
        if begun:
            self._path(session_id, token - 1).unlink(missing_ok=True)
        return begun

    @override
    def renew(self, held: Mapping[str, int], term: float) -> None:
        until = time.time() + term
        with self._store.cursor() as cursor:
            cursor.executemany(
                "UPDATE session_leases SET until = ? WHERE session = ? AND token = ?",
                [(until, *tenure) for tenure in held.items()],
            )

    def _lock(self, session_id: str, token: int) -> FileLock:
        close_folder(self._folder)
        file = self._path(session_id, token)
        os.close(open_to_append(file))
        # A lock of one thread could be given back by this one only.
        return FileLock(file, timeout=0, mode=0o600, thread_local=False)

    def _path(self, session_id: str, token: int) -> Path:
        return self._folder / f"{session_id}.{token}.lock"


@contextmanager
def open_saver(data_dir: Path, *, term: float = TERM) -> Iterator[SqliteStore]:
    """The checkpointer over the data folder's database, which is made when missing.

    Every commit reaches the disk before the call returns (`synchronous=FULL`): a paid answer also survives
    the loss of power.

    Raises:
        StorageError: the folder or the database cannot be used.
    """
    path = data_dir / DATABASE
    with storage_errors(path):
        make_folder(data_dir)
        for file in (path, path.with_name(f"{DATABASE}-wal"), path.with_name(f"{DATABASE}-shm")):
            if os.path.lexists(file):
                protect(file)
        # Made before SQLite does, whose own files beside it are as closed as this one.
        path.touch(mode=0o600)
        connection = sqlite3.connect(
            path, check_same_thread=False, timeout=BUSY_SECONDS, cached_statements=STATEMENTS
        )
    try:
        with storage_errors(path):
            connection.execute("PRAGMA synchronous=FULL")
            saver = SqliteStore(path, connection, term=term)
            saver.setup()
        try:
            yield saver
        finally:
            saver.leases.close()
    finally:
        connection.close()
