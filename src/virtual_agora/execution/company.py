"""Who is with a run: those who listen to it, and the human who answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from langgraph.runtime import RunControl

from virtual_agora.events import Event, Listener
from virtual_agora.hitl import Answerer, Question

__all__ = ["Company", "all_of"]


def all_of(*listeners: Listener) -> Listener:
    """One listener that tells them all, in this order."""

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell


class Company:
    """The listener and the answerer of a run, which ends when one of them raises; its error leaves the context.

    Raised right through the graph, the error would lose what the calls in flight bring, and pass for one of the
    session's own.
    """

    def __init__(
        self, listener: Listener | None, answer: Answerer | None, control: RunControl
    ) -> None:
        self._listener = listener
        self._answer = answer
        self._control = control
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._error is not None:
            raise self._error

    def tell(self, event: Event) -> None:
        """Pass `event` on to the listener."""
        if self._listener is not None and self._error is None:
            with self._parting():
                self._listener(event)

    def ask(self, question: Question) -> Any:
        """The answerer's answer; None once there is nobody to ask."""
        if self._answer is not None and self._error is None:
            with self._parting():
                return self._answer(question)
        return None

    @contextmanager
    def _parting(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:  # whatever it is, the calls in flight come first
            self._error = error
            self._control.request_drain("the listener or the answerer failed")
