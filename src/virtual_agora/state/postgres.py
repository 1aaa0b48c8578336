"""Sessions in a PostgreSQL database. Imported only where one is asked for: it needs the extra `postgres`."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock, local
from typing import Any

import psycopg
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from psycopg import Connection, Cursor, errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from virtual_agora.cleaning import clean
from virtual_agora.errors import StorageError, UsageError
from virtual_agora.state.leases import TERM, Tenure
from virtual_agora.state.serializer import make_serializer
from virtual_agora.state.stores import SessionSaver, storage_errors

__all__ = ["PostgresStore", "examine", "open_saver", "refused"]

CONNECTIONS = 10
"""The most that are open together for reading and writing; who finds none free waits."""

PATIENCE = 10.0
"""Seconds to wait for a connection: so long a server may take to start again."""

DEATH_SECONDS = 1
"""How long a server may take to see that a client is dead."""

DEFAULTS = {
    "connect_timeout": "10",
    "fallback_application_name": "virtual-agora",
    # A server that has vanished without a word is given up after half a minute, not after two hours.
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}

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

LEASES = """
CREATE TABLE IF NOT EXISTS session_leases
    (session TEXT PRIMARY KEY, token BIGINT NOT NULL, until TIMESTAMPTZ NOT NULL, holder TEXT NOT NULL)
"""

LOCK = "hashtextextended(concat_ws('/', 'virtual-agora', current_schema(), %s::text, %s::text), 0)"
"""The number of a tenure's advisory lock. Locks are a database's, tables a schema's."""

# Nobody who looks on should read of a connection tried again; a program that wants to can.
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())


def refused(place: object, error: Exception) -> StorageError:
    """What the server refuses, or that it is not there, in one sentence."""
    text = clean(str(error)).strip().partition("\n")[0].rstrip(".") or type(error).__name__
    if isinstance(error, errors.InsufficientPrivilege):
        return StorageError(
            f"The database {place} does not allow this user enough: {text}.",
            hint="Ask whoever runs it for the right to create tables there and to use them, or name another with --database.",
        )
    if isinstance(error, errors.DiskFull):
        return StorageError(
            f"The disk of the server of {place} is full.",
            hint="Make room; resume goes on from the last saved step.",
        )
    if isinstance(error, psycopg.OperationalError):
        return StorageError(
            f"The database {place} does not answer ({text}).",
            hint="What was saved before is kept. Once the server is back, resume goes on from there.",
        )
    return StorageError(
        f"The database {place} refuses: {text}.",
        hint="Check that the user of the address may read and write its tables, or name another with --database.",
    )


def _not_let_in(place: str, error: psycopg.Error) -> StorageError:
    """Why no connection came about; of what the server says only the form is known."""
    text = clean(str(error))
    if any(sign in text for sign in ("password", "authentication", "pg_hba.conf", 'role "')):
        return StorageError(
            f"The server of {place} does not accept the user or the password.",
            hint="Correct the address; a password can also be in PGPASSWORD or in the file ~/.pgpass.",
        )
    if 'database "' in text and "does not exist" in text:
        return StorageError(
            f"There is no database at {place}; its server is there.",
            hint="Make it with createdb, or name another with --database.",
        )
    reason = text.strip().partition("\n")[0].removeprefix("connection failed: ").rstrip(".")
    return StorageError(
        f"The server of {place} cannot be reached ({reason}).",
        hint="Check that it runs, and the host and port of the address.",
    )


class PostgresStore(SessionSaver, PostgresSaver):
    """LangGraph's checkpointer for PostgreSQL, with what sessions need beyond it.

    Threads do not wait for each other: each takes a connection of the pool for as long as it reads or writes.
    """

    refusals = (psycopg.Error,)

    def __init__(
        self,
        place: str,
        pool: ConnectionPool[Connection[DictRow]],
        alive: _Connection,
        *,
        serde: SerializerProtocol | None = None,
        term: float = TERM,
    ) -> None:
        table = _LeaseTable(pool, alive)
        super().__init__(place, table, pool, serde=serde or make_serializer(), term=term)
        self._pool = pool
        self._within = local()

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
            # As the saver itself does: plain values are in the checkpoint, all others beside it.
            if value is None or isinstance(value, str | int | float | bool):
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
        # In a pipeline the question about the lease and all that is written go to the server together.
        with (
            self._pool.connection() as connection,
            connection.pipeline(),
            connection.transaction(),
            connection.cursor() as fence,
        ):
            token = self.leases.token(session_id)
            if token is not None:
                # The row's lock lets nobody take the session over before this is committed.
                fence.execute(
                    "SELECT 1 FROM session_leases WHERE session = %s AND token = %s FOR SHARE",
                    (session_id, token),
                )
            self._within.connection = connection
            try:
                yield
            finally:
                self._within.connection = None
            if token is not None and not fence.fetchall():
                raise self._taken_over(session_id)

    def _latest_token(self, session_id: str) -> int | None:
        with self._cursor() as cursor:
            cursor.execute("SELECT token FROM session_leases WHERE session = %s", (session_id,))
            row = cursor.fetchone()
        return int(row["token"]) if row else None


class _Connection:
    """The connection whose end tells the server that this process is dead. Opened anew when it breaks."""

    def __init__(self, place: str, conninfo: str) -> None:
        self.now = _enter(place, conninfo)
        self._conninfo = conninfo
        self._changing = Lock()
        self.locks: set[tuple[str, int]] = set()

    def lock(self, session_id: str, token: int) -> bool:
        """Take a tenure's advisory lock; False if it is taken."""
        with self._changing:
            self._mend()
            taken = self._execute(f"SELECT pg_try_advisory_lock({LOCK}) AS done", session_id, token)
            if taken:
                self.locks.add((session_id, token))
            return taken

    def unlock(self, session_id: str, token: int) -> None:
        """Give a tenure's advisory lock back; with a broken connection that has happened."""
        with self._changing:
            self.locks.discard((session_id, token))
            with suppress(psycopg.Error):
                self._execute(f"SELECT pg_advisory_unlock({LOCK}) AS done", session_id, token)

    def mend(self) -> None:
        """Have all locks again, if the connection has broken."""
        with self._changing:
            self._mend()

    def close(self) -> None:
        """Give all locks back."""
        self.now.close()

    def _mend(self) -> None:
        with suppress(psycopg.OperationalError):
            self.now.execute("SELECT")
            return
        self.now.close()
        self.now = _connect(self._conninfo)
        for lock in self.locks:
            self._execute(f"SELECT pg_try_advisory_lock({LOCK}) AS done", *lock)

    def _execute(self, query: str, session_id: str, token: int) -> bool:
        row = self.now.execute(query, (session_id, token)).fetchone()
        return bool(row and row["done"])


class _LeaseTable:
    """The leases of a PostgreSQL database, by the server's clock. The lock of a tenure is an advisory one."""

    def __init__(self, pool: ConnectionPool[Connection[DictRow]], alive: _Connection) -> None:
        self._pool = pool
        self._alive = alive

    def tenure(self, session_id: str) -> Tenure | None:
        with self._pool.connection() as connection:
            row = connection.execute(
                "SELECT token, until < now() AS lapsed, holder FROM session_leases WHERE session = %s",
                (session_id,),
            ).fetchone()
        return Tenure(row["token"], row["lapsed"], row["holder"]) if row else None

    def is_alive(self, session_id: str, token: int) -> bool:
        try:
            with self._pool.connection() as connection, connection.transaction():
                connection.execute(f"SET LOCAL lock_timeout = '{DEATH_SECONDS}s'")
                connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})", (session_id, token))
        except errors.LockNotAvailable:
            return True
        return False

    def claim(self, session_id: str, token: int) -> bool:
        return self._alive.lock(session_id, token)

    def let_go(self, session_id: str, token: int) -> None:
        self._alive.unlock(session_id, token)

    def begin(self, session_id: str, token: int, term: float, holder: str) -> bool:
        new = {"session": session_id, "token": token, "term": term, "holder": holder}
        if token == 1:
            query = (
                "INSERT INTO session_leases VALUES "
                "(%(session)s, 1, now() + %(term)s * interval '1 second', %(holder)s) ON CONFLICT DO NOTHING"
            )
        else:
            query = (
                "UPDATE session_leases SET token = %(token)s, until = now() + %(term)s * interval '1 second', "
                "holder = %(holder)s WHERE session = %(session)s AND token = %(token)s - 1"
            )
        with self._pool.connection() as connection:
            return connection.execute(query, new).rowcount == 1

    def renew(self, held: Mapping[str, int], term: float) -> None:
        with self._pool.connection() as connection:
            connection.execute(
                "UPDATE session_leases SET until = now() + %s * interval '1 second' "
                "FROM unnest(%s::text[], %s::bigint[]) AS held (session, token) "
                "WHERE session_leases.session = held.session AND session_leases.token = held.token",
                (term, list(held), list(held.values())),
            )
        self._alive.mend()


def _set(connection: Connection[DictRow], name: str, value: str) -> None:
    connection.execute("SELECT set_config(%s, %s, false)", (name, value))


def _connect(conninfo: str) -> Connection[DictRow]:
    return psycopg.connect(conninfo, autocommit=True, row_factory=dict_row)


def _conninfo(url: str) -> str:
    """`url` with the settings that it leaves open.

    Raises:
        UsageError: it has settings that there are not.
    """
    try:
        return make_conninfo("", **{**DEFAULTS, **conninfo_to_dict(url)})
    except psycopg.ProgrammingError:
        # Of its text nothing is said: it may hold what comes before an “@”.
        raise UsageError(
            "The address of the database has a setting that PostgreSQL does not know.",
            hint="Check what follows its question mark, and that its port is a number.",
        ) from None


def _enter(place: str, conninfo: str) -> Connection[DictRow]:
    """A first connection, which says best what is wrong.

    Raises:
        StorageError: there is none to be had, or the database is not fit for text.
    """
    try:
        connection = _connect(conninfo)
    except psycopg.OperationalError as error:
        raise _not_let_in(place, error) from error
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        connection.close()
        raise StorageError(
            f"The database {place} is in the encoding {encoding}, which cannot hold every text.",
            hint="Make one with createdb --encoding=UTF8 --template=template0.",
        )
    return connection


def _is_set_up(connection: Connection[DictRow]) -> bool:
    row = connection.execute(
        "SELECT to_regclass('session_leases') AS leases, to_regclass('checkpoint_migrations') AS migrations"
    ).fetchone()
    if row is None or row["leases"] is None or row["migrations"] is None:
        return False
    row = connection.execute("SELECT max(v) AS latest FROM checkpoint_migrations").fetchone()
    return row is not None and row["latest"] == len(PostgresSaver.MIGRATIONS) - 1


def _set_up(connection: Connection[DictRow]) -> None:
    """Make the tables that are missing; of several processes one does."""
    if _is_set_up(connection):
        return
    ours = ("tables", 0)
    # Waiting *in* a statement for it would keep the other from making an index beside the work of others.
    while True:
        row = connection.execute(f"SELECT pg_try_advisory_lock({LOCK}) AS done", ours).fetchone()
        if row and row["done"]:
            break
        time.sleep(0.05)
    try:
        PostgresSaver(connection).setup()
        connection.execute(LEASES)
    finally:
        with suppress(psycopg.Error):
            connection.execute(f"SELECT pg_advisory_unlock({LOCK})", ours)


def examine(place: str, url: str) -> str:
    """Look whether sessions can be kept in a database, without changing it; a sentence about it.

    Raises:
        UsageError: the address is wrong.
        StorageError: they cannot.
    """
    connection = _enter(place, _conninfo(url))
    with connection, storage_errors(place):
        version = connection.info.parameter_status("server_version")
        if _is_set_up(connection):
            return f"{place} answers (PostgreSQL {version})."
        row = connection.execute(
            "SELECT has_schema_privilege(current_schema(), 'CREATE') AS may"
        ).fetchone()
        if not (row and row["may"]):
            raise errors.InsufficientPrivilege("no tables can be created in its schema")
        return f"{place} answers (PostgreSQL {version}); the first session makes its tables."


@contextmanager
def open_saver(
    place: str, url: str, *, serde: SerializerProtocol | None = None, term: float = TERM
) -> Iterator[PostgresStore]:
    """The checkpointer over the database at `url`, called `place` in messages; missing tables are made.

    Every commit is on the server's disk before the call returns.

    Raises:
        UsageError: the address is wrong.
        StorageError: the database cannot be used.
    """
    conninfo = _conninfo(url)

    def configure(connection: Connection[DictRow]) -> None:
        # Frozen within a transaction, this process must not keep others from the session for ever.
        _set(connection, "idle_in_transaction_session_timeout", f"{int(term * 1000)}ms")
        row = connection.execute("SHOW synchronous_commit").fetchone()
        if row and row["synchronous_commit"] == "off":
            _set(connection, "synchronous_commit", "on")

    pool: ConnectionPool[Connection[DictRow]] = ConnectionPool(
        conninfo,
        kwargs={"autocommit": True, "row_factory": dict_row},
        min_size=1,
        max_size=CONNECTIONS,
        timeout=PATIENCE,
        configure=configure,
        check=ConnectionPool.check_connection,
        open=False,
    )
    alive = _Connection(place, conninfo)
    try:
        with storage_errors(place):
            _set_up(alive.now)
        saver = PostgresStore(place, pool, alive, serde=serde, term=term)
        pool.open()
        try:
            yield saver
        finally:
            pool.close()
            saver.leases.close()
    finally:
        alive.close()
