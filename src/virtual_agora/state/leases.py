"""Leases: which process may write to a session.

A lease is a row: the session, a token that grows by one with every tenure, and until when the holder has said that it
lives. Three things follow from it:

- Whoever writes to a session proves in the same transaction that the token is still its own (fencing; M. Kleppmann,
  “How to do distributed locking”, 2016). So a process that slept while another went on cannot write.
- A holder renews its leases at every third of their term, all in one transaction. One that is alive and renews is left alone.
- For as long as it lives a holder also has a lock named by session and token, which the system takes back when it dies. So
  the dead are told from the frozen: a dead one's session is free at once, a frozen one's when its lease has lapsed.

A new tenure takes its lock first and then its token, by compare-and-swap: of several that try, one gets it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from typing import NamedTuple, Protocol

from virtual_agora.errors import SessionLockedError

__all__ = ["TERM", "LeaseTable", "Leases", "Tenure"]

TERM = 30.0
"""Seconds without a sign of life after which a holder that is not dead counts as frozen."""

ATTEMPTS = 5
"""How often it is tried again when others come and go just then."""


class Tenure(NamedTuple):
    """The latest tenure of a session; `lapsed` if its holder has not renewed it in time."""

    token: int
    lapsed: bool
    holder: str


class LeaseTable(Protocol):
    """What leases need of a database. Each call is a transaction of its own."""

    def tenure(self, session_id: str) -> Tenure | None:
        """The latest tenure; None if there never was one."""

    def is_alive(self, session_id: str, token: int) -> bool:
        """Whether the holder of a tenure, frozen or not, still exists."""

    def claim(self, session_id: str, token: int) -> bool:
        """Take the lock of a tenure until `let_go` or the end of this process; False if another process has it."""

    def let_go(self, session_id: str, token: int) -> None:
        """Give the lock of a tenure back."""

    def begin(self, session_id: str, token: int, term: float, holder: str) -> bool:
        """Begin tenure `token` for `term` seconds, if the latest is the one before; False if it is not."""

    def renew(self, held: Mapping[str, int], term: float) -> None:
        """Let tenures, tokens by sessions, last for `term` seconds from this moment; replaced ones stay so."""


class Leases:
    """The leases that this process has on the sessions of a database."""

    def __init__(self, table: LeaseTable, term: float = TERM) -> None:
        self._table = table
        self._term = term
        self._held: dict[str, int] = {}
        self._unbroken: dict[str, range] = {}
        self._starting = Lock()
        self._renewing: Thread | None = None
        self._closing = Event()

    @contextmanager
    def hold(self, session_id: str) -> Iterator[None]:
        """Be the one that writes to a session.

        Raises:
            SessionLockedError: another process is.
        """
        token = self._acquire(session_id)
        before = self._unbroken.get(session_id, range(0))
        first = before.start if before.stop == token else token
        self._unbroken[session_id] = range(first, token + 1)
        self._held[session_id] = token
        self._start_renewing()
        try:
            yield
        finally:
            del self._held[session_id]
            self._table.let_go(session_id, token)

    def token(self, session_id: str) -> int | None:
        """The token that this process holds the session with; None if it does not."""
        return self._held.get(session_id)

    def is_unbroken(self, session_id: str, token: int) -> bool:
        """Whether this process had tenure `token` and every one since, so that nobody else had the session."""
        return token in self._unbroken.get(session_id, ())

    def close(self) -> None:
        """Renew nothing any more."""
        self._closing.set()
        if self._renewing is not None:
            self._renewing.join()

    def _acquire(self, session_id: str) -> int:
        for _ in range(ATTEMPTS):
            last = self._table.tenure(session_id)
            if last is not None and not self._is_over(session_id, last):
                raise _locked(session_id, last.holder)
            token = last.token + 1 if last else 1
            if not self._table.claim(session_id, token):
                continue
            holder = f"{os.getpid()} on {socket.gethostname()}"
            begun = False
            try:
                begun = self._table.begin(session_id, token, self._term, holder)
            finally:
                if not begun:
                    self._table.let_go(session_id, token)
            if begun:
                return token
        raise _locked(session_id, "one that came first")

    def _is_over(self, session_id: str, last: Tenure) -> bool:
        if self._held.get(session_id) == last.token:
            return False
        return last.lapsed or not self._table.is_alive(session_id, last.token)

    def _start_renewing(self) -> None:
        with self._starting:
            if self._renewing is None:
                self._renewing = Thread(target=self._renew, name="leases", daemon=True)
                self._renewing.start()

    def _renew(self) -> None:
        while not self._closing.wait(self._term / 3):
            if held := dict(self._held):
                # What is wrong with the database is told by whoever writes to it next.
                with suppress(Exception):
                    self._table.renew(held, self._term)


def _locked(session_id: str, holder: str) -> SessionLockedError:
    return SessionLockedError(
        f"Session “{session_id}” is being run by another process ({holder}).",
        hint="Wait for it to end, or stop it there first.",
    )
