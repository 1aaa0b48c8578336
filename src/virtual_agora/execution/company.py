"""Who is with a run: those who listen to it, and the human who answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from langgraph.runtime import RunControl

from virtual_agora.events import Event, Listener
from virtual_agora.hitl import Answerer, Question

__all__ = ["Company"]


class Company:
    """The listeners and the answerer of a run, which ends when one of them raises; its error leaves the context.

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

    def telling(self, *others: Listener) -> Listener:
        """One listener that tells the `others`, and then its own; who has raised is told no more."""
        listeners = [*others, *([self._listener] if self._listener else [])]

        def tell(event: Event) -> None:
            for listener in list(listeners):
                with self._parting():
                    try:
                        listener(event)
                    except BaseException:
                        listeners.remove(listener)
                        raise

        return tell

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
            self._error = self._error or error
            self._control.request_drain("a listener or the answerer failed")
