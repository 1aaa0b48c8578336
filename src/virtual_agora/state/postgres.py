"""Sessions in a PostgreSQL database. Imported only where one is asked for: it needs the extra `postgres`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import local
from typing import Any

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.postgres import PostgresSaver
from psycopg import Connection, Cursor, errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool
from typing_extensions import override

from virtual_agora.state.leases import TERM
from virtual_agora.state.postgres_leases import LifeLine, PostgresLeases
from virtual_agora.state.postgres_server import LOCK, set_up, settings_of
from virtual_agora.state.serializer import make_serializer, texts_apart
from virtual_agora.state.stores import SessionSaver, storage_errors

__all__ = ["PostgresStore", "open_saver"]

CONNECTIONS = 10
"""The most that are open together for reading and writing; who finds none free waits."""

LINE = """
WITH RECURSIVE line AS (
    SELECT checkpoint_id, parent_checkpoint_id FROM checkpoints
    WHERE thread_id = %(source)s AND checkpoint_ns = '' AND checkpoint_id = %(last)s
    UNION ALL
    SELECT c.checkpoint_id, c.parent_checkpoint_id FROM checkpoints c
    JOIN line ON c.checkpoint_id = line.parent_checkpoint_id
    WHERE c.thread_id = %(source)s AND c.checkpoint_ns = ''
)
"""
"""A checkpoint and all that came before it."""

COPY_CHECKPOINTS = f"""
{LINE}
INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)
SELECT %(target)s, '', checkpoint_id, c.parent_checkpoint_id, type,
    jsonb_set(checkpoint, '{{channel_values,session_id}}', to_jsonb(%(target)s::text)), metadata
FROM checkpoints c JOIN line USING (checkpoint_id)
WHERE thread_id = %(source)s AND checkpoint_ns = ''
"""

COPY_BLOBS = f"""
{LINE}
INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
SELECT %(target)s, '', channel, version, type, blob FROM checkpoint_blobs
WHERE thread_id = %(source)s AND checkpoint_ns = '' AND (channel, version) IN (
    SELECT of_channel.key, of_channel.value
    FROM checkpoints c JOIN line USING (checkpoint_id), jsonb_each_text(c.checkpoint -> 'channel_versions') AS of_channel
    WHERE c.thread_id = %(source)s AND c.checkpoint_ns = ''
)
"""

COPY_WRITES = f"""
{LINE}
INSERT INTO checkpoint_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
SELECT %(target)s, '', checkpoint_id, task_id, task_path, idx, channel, type, blob
FROM checkpoint_writes w JOIN line USING (checkpoint_id)
WHERE thread_id = %(source)s AND checkpoint_ns = '' AND checkpoint_id <> %(last)s
"""

FENCE = "SELECT 1 / count(*) FROM session_leases WHERE session = %s AND token = %s"
"""An error unless the session is still held with a token: so the server itself does nothing that comes after it."""

# Nobody who looks on should read of a connection tried again; a program that wants to can.
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())


class PostgresStore(SessionSaver, PostgresSaver):
    """LangGraph's checkpointer for PostgreSQL, with what sessions need beyond it.

    Threads do not wait for each other: each takes a connection of the pool for as long as it reads or writes.
    """

    refusals = (psycopg.Error,)

    def __init__(
        self,
        place: str,
        pool: ConnectionPool[Connection[DictRow]],
        alive: LifeLine,
        *,
        term: float = TERM,
    ) -> None:
        self._serializer = make_serializer()
        table = PostgresLeases(pool, alive)
        super().__init__(place, table, pool, serde=self._serializer, term=term)
        self._pool = pool
        self._within = local()

    @override
    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint. Encrypted, its texts are saved as other values are, not in its JSON."""
        apart, versions = texts_apart(self._serializer, checkpoint, new_versions)
        return super().put(config, apart, metadata, versions)

    @contextmanager
    def _cursor(self, *, pipeline: bool = False) -> Iterator[Cursor[DictRow]]:
        """A cursor: of this thread's transaction, if it is in one. Unlike LangGraph's it is not the only one of the saver."""
        connection = getattr(self._within, "connection", None)
        if connection is not None:
            with connection.cursor(binary=True) as cursor:
                yield cursor
            return
        with self._pool.connection() as connection, connection.cursor(binary=True) as cursor:
            yield cursor

    def session_ids(self) -> list[str]:
        """Every session in the database, the latest written first."""
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT thread_id FROM checkpoints WHERE checkpoint_ns = '' "
                "GROUP BY thread_id ORDER BY max(checkpoint_id) DESC"
            )
            return [str(row["thread_id"]) for row in cursor]

    def copy_history(
        self, source: str, checkpoint_id: str, target: str, changes: Mapping[str, Any] | None = None
    ) -> None:
        """Give session `target` the history of `source` up to a checkpoint; see `SessionSaver`."""
        names = {"source": source, "last": checkpoint_id, "target": target}
        with self._writing(target), self._cursor() as cursor:
            for copy in (COPY_CHECKPOINTS, COPY_BLOBS, COPY_WRITES):
                cursor.execute(copy, names)
            if changes:
                self._change(cursor, target, checkpoint_id, changes)

    def _change(
        self, cursor: Cursor[DictRow], target: str, checkpoint_id: str, changes: Mapping[str, Any]
    ) -> None:
        """Give fields other values in one checkpoint only: in it they get a version that no earlier one has."""
        where = (target, checkpoint_id)
        cursor.execute(
            "SELECT checkpoint FROM checkpoints "
            "WHERE thread_id = %s AND checkpoint_ns = '' AND checkpoint_id = %s",
            where,
        )
        (row,) = cursor.fetchall()
        checkpoint = row["checkpoint"]
        versions, inline = checkpoint["channel_versions"], checkpoint["channel_values"]
        version = self.get_next_version(max(versions.values()), None)
        for field, value in changes.items():
            versions[field] = version
            inline.pop(field, None)
            # As the saver itself does: numbers are in the checkpoint, what may have to be encrypted beside it.
            if value is None or isinstance(value, int | float):
                inline[field] = value
                continue
            cursor.executemany(
                self.UPSERT_CHECKPOINT_BLOBS_SQL,
                self._dump_blobs(target, "", {field: value}, {field: version}),
            )
        cursor.execute(
            "UPDATE checkpoints SET checkpoint = %s "
            "WHERE thread_id = %s AND checkpoint_ns = '' AND checkpoint_id = %s",
            (Jsonb(checkpoint), *where),
        )

    @contextmanager
    def _writing(self, session_id: str) -> Iterator[None]:
        token = self.leases.token(session_id)
        with self._pool.connection() as connection:
            try:
                # In a pipeline all of it goes to the server together, and is waited for once.
                with connection.pipeline(), connection.cursor() as cursor:
                    cursor.execute("BEGIN")
                    if token is not None:
                        # With this lock nobody takes the session over before all is committed.
                        lock = f"SELECT pg_advisory_xact_lock_shared({LOCK})"
                        cursor.execute(lock, (session_id, 0))
                        cursor.execute(FENCE, (session_id, token))
                    self._within.connection = connection
                    try:
                        yield
                    finally:
                        self._within.connection = None
                    cursor.execute("COMMIT")
            except errors.DivisionByZero:
                raise self._taken_over(session_id) from None

    def _latest_token(self, session_id: str) -> int | None:
        with self._cursor() as cursor:
            cursor.execute("SELECT token FROM session_leases WHERE session = %s", (session_id,))
            row = cursor.fetchone()
        return int(row["token"]) if row else None


@contextmanager
def open_saver(place: str, url: str, *, term: float = TERM) -> Iterator[PostgresStore]:
    """The checkpointer over the database at `url`, called `place` in messages; missing tables are made.

    Every commit is on the server's disk before the call returns. A server that is gone is waited for as long as the address
    says by `connect_timeout`, 10 seconds when it does not.

    Raises:
        UsageError: the address is wrong.
        StorageError: the database cannot be used.
    """
    conninfo = settings_of(url)
    patience = float(str(conninfo_to_dict(conninfo)["connect_timeout"]))

    def configure(connection: Connection[DictRow]) -> None:
        # Only so does a statement see what was committed while the one before it waited for a lock: the fence lives of it.
        connection.execute("SET default_transaction_isolation = 'read committed'")
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) "
            "WHERE current_setting('synchronous_commit') = 'off'"
        )

    pool: ConnectionPool[Connection[DictRow]] = ConnectionPool(
        conninfo,
        kwargs={"autocommit": True, "row_factory": dict_row},
        min_size=1,
        max_size=CONNECTIONS,
        timeout=patience,
        reconnect_timeout=patience,
        configure=configure,
        check=ConnectionPool.check_connection,
        open=False,
    )
    alive = LifeLine(place, conninfo)
    try:
        with storage_errors(place):
            set_up(alive.connection)
        saver = PostgresStore(place, pool, alive, term=term)
        pool.open()
        try:
            yield saver
        finally:
            pool.close()
            saver.leases.close()
    finally:
        alive.close()
