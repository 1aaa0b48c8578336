"""Leases in a PostgreSQL database: rows, and advisory locks on a connection of their own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from threading import Lock

import psycopg
from psycopg import Connection, errors
from psycopg.rows import DictRow
from psycopg_pool import ConnectionPool
from typing_extensions import override

from virtual_agora.state.leases import LeaseTable, Tenure
from virtual_agora.state.postgres_server import LOCK, connect, enter

__all__ = ["LifeLine", "PostgresLeases"]

DEATH_SECONDS = 1
"""How long a server may take to see that a client is dead."""


class LifeLine:
    """The connection whose end tells the server that this process is dead. Opened anew when it breaks."""

    def __init__(self, place: str, conninfo: str) -> None:
        self.connection = enter(place, conninfo)
        self._conninfo = conninfo
        self._changing = Lock()
        self.locks: set[tuple[str, int]] = set()

    def lock(self, session_id: str, token: int) -> bool:
        """Take a tenure's advisory lock; False if it is taken."""
        with self._changing:
            # To the server all threads of this process are one, which may have a lock several times.
            if (session_id, token) in self.locks:
                return False
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
        self.connection.close()

    def _mend(self) -> None:
        with suppress(psycopg.OperationalError):
            self.connection.execute("SELECT")
            return
        self.connection.close()
        self.connection = connect(self._conninfo)
        for lock in self.locks:
            self._execute(f"SELECT pg_try_advisory_lock({LOCK}) AS done", *lock)

    def _execute(self, query: str, session_id: str, token: int) -> bool:
        row = self.connection.execute(query, (session_id, token)).fetchone()
        return bool(row and row["done"])


class PostgresLeases(LeaseTable):
    """The leases of a PostgreSQL database, by the server's clock. The lock of a tenure is an advisory one."""

    def __init__(self, pool: ConnectionPool[Connection[DictRow]], alive: LifeLine) -> None:
        self._pool = pool
        self._alive = alive

    @override
    def tenure(self, session_id: str) -> Tenure | None:
        with self._pool.connection() as connection:
            row = connection.execute(
                "SELECT token, until < now() AS lapsed, holder FROM session_leases WHERE session = %s",
                (session_id,),
            ).fetchone()
        return Tenure(row["token"], row["lapsed"], row["holder"]) if row else None

    @override
    def is_alive(self, session_id: str, token: int) -> bool:
        try:
            with self._pool.connection() as connection, connection.transaction():
                self._be_patient(connection)
                connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})", (session_id, token))
        except errors.LockNotAvailable:
            return True
        return False

    def _be_patient(self, connection: Connection[DictRow]) -> None:
        connection.execute(f"SET LOCAL lock_timeout = '{DEATH_SECONDS}s'")

    @override
    def claim(self, session_id: str, token: int) -> bool:
        return self._alive.lock(session_id, token)

    @override
    def let_go(self, session_id: str, token: int) -> None:
        self._alive.unlock(session_id, token)

    @override
    def begin(self, session_id: str, token: int, term: float, holder: str) -> bool:
        while True:
            try:
                return self._begin(session_id, token, term, holder)
            except errors.LockNotAvailable:
                self._cut_off(session_id)

    def _cut_off(self, session_id: str) -> None:
        """End what writes to the session and does not come to an end: a holder that froze in the middle of it."""
        with self._pool.connection() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted "
                "AND pid <> pg_backend_pid() AND objsubid = 1 "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
                f"AND (classid::bigint << 32 | objid::bigint) = {LOCK}",
                (session_id, 0),
            )

    def _begin(self, session_id: str, token: int, term: float, holder: str) -> bool:
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
        with self._pool.connection() as connection, connection.transaction():
            self._be_patient(connection)
            # Nobody may be in the middle of writing: it would have seen the tenure before.
            connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})", (session_id, 0))
            return connection.execute(query, new).rowcount == 1

    @override
    def renew(self, held: Mapping[str, int], term: float) -> None:
        with self._pool.connection() as connection:
            connection.execute(
                "UPDATE session_leases SET until = now() + %s * interval '1 second' "
                "FROM unnest(%s::text[], %s::bigint[]) AS held (session, token) "
                "WHERE session_leases.session = held.session AND session_leases.token = held.token",
                (term, list(held), list(held.values())),
            )
        self._alive.mend()
