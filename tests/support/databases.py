"""Databases to keep sessions in: a PostgreSQL server of the tests' own, with as many databases as they want."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
from langgraph_parity.postgres import server
from psycopg.conninfo import conninfo_to_dict

from virtual_agora.state.databases import Database, open_store

OWNER = "owner"
PASSWORD = "tell@nobody:100%"
"""Of the user `owner`, the only one who is asked for a password. In an address it must be written otherwise."""

STRANGER = "stranger"
"""May connect, and nothing else."""


class Cluster:
    """A running server. `url` gives addresses, `execute` is carried out as its superuser."""

    def __init__(self, address: str) -> None:
        known = conninfo_to_dict(address)
        self._folder, self._superuser = str(known["host"]), str(known["user"])
        self._numbers = itertools.count(1)
        rules = Path(self._folder) / "data" / "pg_hba.conf"
        rules.write_text(f"local all {OWNER} scram-sha-256\n{rules.read_text()}")
        self.execute("SELECT pg_reload_conf()")
        self.execute(f"CREATE USER {OWNER} PASSWORD '{PASSWORD}'")
        self.execute(f"CREATE USER {STRANGER}")
        self._template = self.empty()
        with open_store(Path("unused"), Database(self.url(self._template, OWNER))):
            pass

    def url(self, name: str, user: str = "", password: str = PASSWORD) -> str:
        """The address of a database, for a user: the superuser, if nobody is named."""
        word = f":{quote(password, safe='')}" if user == OWNER else ""
        return f"postgresql://{user or self._superuser}{word}@/{name}?host={self._folder}&connect_timeout=10"

    def execute(self, command: str, name: str = "postgres") -> list[tuple]:
        """Carry a command out in a database; its rows."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            done = connection.execute(command)
            return done.fetchall() if done.description else []

    def empty(self) -> str:
        """The name of a new database without tables."""
        return self._make("")

    def ready(self) -> str:
        """The name of a new database that has the tables."""
        return self._make(f"TEMPLATE {self._template}")

    def _make(self, how: str) -> str:
        name = f"agora_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} OWNER {OWNER} {how}")
        return name


@contextmanager
def cluster() -> Iterator[Cluster]:
    with server() as address:
        yield Cluster(address)
