"""A PostgreSQL server: reached, looked at, given the tables of sessions, and what it refuses in a sentence.

Imported only where sessions are kept in one: it needs the extra `postgres`.
"""

from __future__ import annotations

import time
from contextlib import suppress

import psycopg
from langgraph.checkpoint.postgres import PostgresSaver
from psycopg import Connection, errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row

from virtual_agora.cleaning import clean
from virtual_agora.errors import StorageError, UsageError
from virtual_agora.state.stores import storage_errors

__all__ = ["LOCK", "connect", "enter", "examine", "refused", "set_up", "settings_of"]

DEFAULTS = {
    "connect_timeout": "10",
    "fallback_application_name": "virtual-agora",
    # A server that has vanished without a word is given up after half a minute, not after two hours.
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}

LEASES = """
CREATE TABLE IF NOT EXISTS session_leases
    (session TEXT PRIMARY KEY, token BIGINT NOT NULL, until TIMESTAMPTZ NOT NULL, holder TEXT NOT NULL)
"""

LOCK = "hashtextextended(concat_ws('/', 'virtual-agora', current_schema(), %s::text, %s::text), 0)"
"""The number of the advisory lock of a session's tenure by its token, and for token 0 of all writing to the session.

Locks are a database's, tables a schema's.
"""


def settings_of(url: str) -> str:
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


def connect(conninfo: str) -> Connection[DictRow]:
    """A connection on which every statement is a transaction of its own, unless one is begun."""
    return psycopg.connect(conninfo, autocommit=True, row_factory=dict_row)


def enter(place: str, conninfo: str) -> Connection[DictRow]:
    """A first connection, which says best what is wrong.

    Raises:
        StorageError: there is none to be had, or the database is not fit for text.
    """
    try:
        connection = connect(conninfo)
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


def set_up(connection: Connection[DictRow]) -> None:
    """Make the tables that are missing; of several processes one does."""
    if _is_set_up(connection):
        return
    ours = ("", 0)
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


def _is_set_up(connection: Connection[DictRow]) -> bool:
    row = connection.execute(
        "SELECT to_regclass('session_leases') AS leases, to_regclass('checkpoint_migrations') AS migrations"
    ).fetchone()
    if row is None or row["leases"] is None or row["migrations"] is None:
        return False
    row = connection.execute("SELECT max(v) AS latest FROM checkpoint_migrations").fetchone()
    return row is not None and row["latest"] >= len(PostgresSaver.MIGRATIONS) - 1


def examine(place: str, url: str) -> str:
    """Look whether sessions can be kept in a database, without changing it; a sentence about it.

    Raises:
        UsageError: the address is wrong.
        StorageError: they cannot.
    """
    connection = enter(place, settings_of(url))
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
