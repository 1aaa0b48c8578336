"""What bounds an answer on the wire, whatever the server does: a time, a size, and that nobody is sent elsewhere.

The SDKs' own timeout is one of silence between two pieces; a server that sends a byte now and then is never silent.
So every read from a connection has a deadline, from the first byte of the headers on; and the body of every response
is watched where the HTTP library hands it on. The connection is closed when it is left: nothing goes on being
written, or paid for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = [
    "ENDURANCE",
    "MAX_BODY",
    "TIMEOUTS",
    "CompressedError",
    "OverSizeError",
    "OverTimeError",
    "bound",
]

TIMEOUTS = 6
"""Timeouts that one response may take in all, headers included, where that is more than `ENDURANCE`."""

ENDURANCE = 1800.0
"""Seconds that one response may take in all whatever the timeout is: a slow model that never falls silent is none that hangs."""

MAX_BODY = 64_000_000
"""Bytes of one response: many times what the longest answer takes, a frame around every token included."""


class OverTimeError(Exception):
    """A response was not at its end after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no end within {seconds:.0f} seconds")
        self.seconds = seconds


class OverSizeError(Exception):
    """The body of a response was not at its end after `MAX_BODY` bytes."""


class CompressedError(Exception):
    """The body of a response is compressed, so that its size says nothing of what it becomes."""


def bound(
    model: BaseChatModel, client: str, *, timeout: float, endurance: float = ENDURANCE
) -> None:
    """Bound every response that comes through a client of `model`; `client` says where its integration keeps it.

    `timeout` is its timeout of silence, `endurance` what it may take in all if that is more than `TIMEOUTS` of
    them; both in seconds.
    """
    http: Any = attrgetter(client)(model)
    # A key goes along to wherever a redirect leads, unless it is in the one header the HTTP library knows for keys.
    http.follow_redirects = False
    for transport in (http._transport, *http._mounts.values()):
        if transport is not None and not isinstance(transport._pool._network_backend, _Network):
            transport._pool._network_backend = _Network(transport._pool._network_backend)
    hooks = http.event_hooks
    # Some integrations share one client among models of the same address and timeout.
    asking = [hook for hook in hooks["request"] if not isinstance(hook, _Asking)]
    others = [hook for hook in hooks["response"] if hook is not _watch]
    http.event_hooks = {
        **hooks,
        "request": [*asking, _Asking(max(endurance, TIMEOUTS * timeout))],
        "response": [*others, _watch],
    }


@dataclass(frozen=True, slots=True)
class _Asking:
    """What goes along with a request: its deadline, and that the answer is not to be compressed."""

    seconds: float

    def __call__(self, request: Any) -> None:
        request.headers["Accept-Encoding"] = "identity"
        timeouts = request.extensions.get("timeout", {})
        patience = _Patience(timeouts.get("read"), self.seconds)
        request.extensions["timeout"] = {**timeouts, "read": patience}


class _Patience(float):
    """The timeout of silence, as the HTTP library carries it from a request to every read for it, and a deadline."""

    def __new__(cls, silence: float | None, seconds: float) -> _Patience:
        return super().__new__(cls, math.inf if silence is None else silence)

    def __init__(self, silence: float | None, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds for which the next read may be silent. Raises OverTimeError once the deadline has passed."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise OverTimeError(self._seconds)
        return min(self, left)


class _Network:
    """The network as the HTTP library sees it, whose connections keep to the deadline."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def connect_tcp(self, *args: Any, **options: Any) -> _Connection:
        """A new connection."""
        return _Connection(self._network.connect_tcp(*args, **options))


class _Connection:
    """A connection, each of whose reads keeps to the deadline of the request that it is for."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def start_tls(self, *args: Any, **options: Any) -> _Connection:
        """The same connection, encrypted from here on."""
        return _Connection(self._stream.start_tls(*args, **options))

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next bytes that come."""
        if not isinstance(timeout, _Patience):
            return self._stream.read(max_bytes, timeout)  # type: ignore[no-any-return]
        try:
            return self._stream.read(max_bytes, timeout.left())  # type: ignore[no-any-return]
        except Exception:
            timeout.left()  # what ended the wait may have been the deadline
            raise


def _watch(response: Any) -> None:
    """Have the body of a response counted while it comes."""
    if response.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
        raise CompressedError
    response.stream = _body(_base(type(response.stream)))(response.stream)


class _Body:
    """The pieces of a body as they come, until there are too many of them."""

    def __init__(self, pieces: Any) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._pieces:
            size += len(piece)
            if size > MAX_BODY:
                raise OverSizeError
            yield piece

    def close(self) -> None:
        """Give the connection up, or back."""
        self._pieces.close()


def _base(kind: type) -> type:
    """What the HTTP library in use wants the body of a response to be; there are two such libraries."""
    return next(base for base in kind.__mro__ if base.__name__ == "SyncByteStream")


@cache
def _body(base: type) -> type[_Body]:
    return type("_Body", (_Body, base), {})
