"""Which database keeps the sessions: SQLite in the data folder, or PostgreSQL at an address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from virtual_agora.errors import MissingExtraError, UsageError
from virtual_agora.state import sqlite
from virtual_agora.state.leases import TERM
from virtual_agora.state.serializer import make_serializer
from virtual_agora.state.stores import SessionSaver

__all__ = ["VARIABLE", "Database", "examine", "open_store"]

VARIABLE = "VIRTUAL_AGORA_DATABASE"
"""The variable of the environment that names a database."""

SCHEMES = ("postgresql", "postgres")

_URL = re.compile(
    r"(?P<scheme>postgres(?:ql)?)://"
    r"(?:(?P<user>[^:@/?#\s]*)(?P<word>:(?P<password>[^@/?#\s]*))?@)?"
    r"(?P<hosts>(?:[A-Za-z0-9._~%-]|\[[0-9A-Fa-f:.%]+\])*(?::[0-9]+)?"
    r"(?:,(?:[A-Za-z0-9._~%-]|\[[0-9A-Fa-f:.%]+\])*(?::[0-9]+)?)*)"
    r"(?P<name>/[^/?#@\s]*)?"
    r"(?P<settings>\?(?:[a-z_]+=[^&#@\s]*&?)*)?"
)
_SECRET = re.compile(r"(?<=[?&])(?:ssl)?password=(?P<password>[^&]*)&?")
_HALF_CODED = re.compile("%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL database by its address, postgresql://USER:PASSWORD@HOST:PORT/NAME.

    Attributes:
        url: the address as it was given.
        shown: the address without a password, to be printed, logged and typed again.
        secrets: the passwords in it, as they stand there and as they are meant.

    Raises:
        UsageError: it is no such address. What is wrong is said without repeating it.
    """

    url: str = field(repr=False)
    shown: str = field(init=False)
    secrets: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        scheme, colon, _ = self.url.partition("://")
        if colon and scheme.isalnum() and scheme not in SCHEMES:
            raise UsageError(
                f"Sessions cannot be kept in a database of the kind “{scheme[:20]}”.",
                hint="Give the address of a PostgreSQL database, postgresql://USER@HOST/NAME, or none for SQLite in the data folder.",
            )
        found = _URL.fullmatch(self.url)
        if found is None or _HALF_CODED.search(self.url):
            raise UsageError(
                "The address of the database makes no sense.",
                hint="Its form is postgresql://USER:PASSWORD@HOST:PORT/NAME. In a password write @ : / ? # and % as %40 %3A %2F %3F %23 "
                "and %25, or leave it out and put it into PGPASSWORD.",
            )
        settings = found["settings"] or ""
        user = f"{found['user']}@" if found["user"] is not None else ""
        open_settings = _SECRET.sub("", settings).rstrip("?&")
        shown = f"{found['scheme']}://{user}{found['hosts']}{found['name'] or ''}{open_settings}"
        words = [found["password"] or "", *(m["password"] for m in _SECRET.finditer(settings))]
        secrets = [spelt for word in words if word for spelt in (word, unquote(word))]
        object.__setattr__(self, "shown", shown)
        object.__setattr__(self, "secrets", tuple(dict.fromkeys(secrets)))


@contextmanager
def open_store(
    data_dir: Path, database: Database | None = None, *, term: float = TERM
) -> Iterator[SessionSaver]:
    """The checkpointer over `database`, or without one over SQLite in the data folder.

    `term` is the term of its leases, in seconds.

    Raises:
        UsageError: the address has a setting that there is not.
        MissingExtraError: what PostgreSQL needs is not installed.
        StorageError: the database cannot be used.
    """
    serde = make_serializer()
    with ExitStack() as opened:
        if database is None:
            yield opened.enter_context(sqlite.open_saver(data_dir, serde=serde, term=term))
        else:
            with _extra():
                from virtual_agora.state import postgres

            saver = postgres.open_saver(database.shown, database.url, serde=serde, term=term)
            yield opened.enter_context(saver)


def examine(database: Database) -> str:
    """Look whether sessions can be kept in a database, without changing it; a sentence about it.

    Raises:
        UsageError: the address has a setting that there is not.
        MissingExtraError: what PostgreSQL needs is not installed.
        StorageError: they cannot.
    """
    with _extra():
        from virtual_agora.state import postgres

    return postgres.examine(database.shown, database.url)


@contextmanager
def _extra() -> Iterator[None]:
    """Around the import of the module that needs it."""
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(
            "Keeping sessions in PostgreSQL needs packages that are not installed.",
            hint="Install them: pip install 'virtual-agora[postgres]'",
        ) from error
