"""What bounds an answer on the wire, whatever the server does: a time, a size, and that nobody is sent elsewhere.

The SDKs' own timeout is one of silence between two pieces; a server that sends a byte now and then is never silent.
So the body of every response is watched where the HTTP library hands it on, and the connection is closed when it is
left: nothing goes on being written, or paid for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["ENDURANCE", "MAX_BODY", "OverSizeError", "OverTimeError", "bound"]

ENDURANCE = 6
"""Timeouts that the body of one response may take in all."""

MAX_BODY = 64_000_000
"""Bytes of one response: many times what the longest answer takes, a frame around every token included."""


class OverTimeError(Exception):
    """The body of a response was not at its end after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no end within {seconds:.0f} seconds")
        self.seconds = seconds


class OverSizeError(Exception):
    """The body of a response was not at its end after `MAX_BODY` bytes."""


def bound(model: BaseChatModel, client: str, *, timeout: float) -> None:
    """Bound every response that comes through a client of `model`; `client` says where its integration keeps it.

    `timeout` is its timeout of silence, in seconds. What comes before the body has that timeout alone.
    """
    http: Any = attrgetter(client)(model)
    # A key goes along to wherever a redirect leads, unless it is in the one header the HTTP library knows for keys.
    http.follow_redirects = False
    hooks = http.event_hooks
    # Some integrations share one client among models of the same address and timeout.
    others = [hook for hook in hooks["response"] if not isinstance(hook, _Bound)]
    http.event_hooks = {**hooks, "response": [*others, _Bound(ENDURANCE * timeout)]}


@dataclass(frozen=True, slots=True)
class _Bound:
    seconds: float

    def __call__(self, response: Any) -> None:
        response.stream = _body(_base(type(response.stream)))(response.stream, self.seconds)


class _Body:
    """The pieces of a body as they come, until there are too many of them or they come for too long."""

    def __init__(self, pieces: Any, seconds: float) -> None:
        self._pieces = pieces
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._pieces:
            size += len(piece)
            if size > MAX_BODY:
                raise OverSizeError
            if time.monotonic() > self._until:
                raise OverTimeError(self._seconds)
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
