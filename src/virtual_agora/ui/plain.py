"""The view for pipes, logs and `--plain`: whole lines of text, no colour, nothing drawn twice."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console, RenderableType

from virtual_agora.cleaning import clean
from virtual_agora.clock import Clock
from virtual_agora.events import (
    CallFailed,
    CallFinished,
    CallRetried,
    CallStarted,
    Event,
    StepFinished,
    Stopping,
    Token,
)
from virtual_agora.ui.blocks import CleanConsole, Prose, note
from virtual_agora.ui.progress import TASKS, Progress, streams
from virtual_agora.ui.status import STOPPING, totals
from virtual_agora.ui.text import duration
from virtual_agora.ui.transcript import Transcript, failed, retried

__all__ = ["PlainView", "plain_console"]

_ENDLESS = 10_000
"""Columns: a line is as long as its text, so that lines can be searched and counted."""


class _Piped(CleanConsole):
    """Rich ends the program when the reader has left; here that is an error like any other."""

    def on_broken_pipe(self) -> None:
        raise


def plain_console(stream: TextIO) -> Console:
    """A console that writes text and nothing else, in lines of any length."""
    return _Piped(
        file=stream,
        width=_ENDLESS,
        force_terminal=False,
        color_system=None,
        highlight=False,
        markup=False,
        emoji=False,
    )


class PlainView:
    """Tells a session line by line on `console`; each statement whole, when it is finished."""

    def __init__(self, console: Console | None = None, *, clock: Clock | None = None) -> None:
        self.console = console or plain_console(sys.stdout)
        self.progress = Progress()
        self._clock = clock or Clock()
        self._began = self._clock.elapsed()
        self._transcript = Transcript(self.progress)
        self._texts: dict[str, list[str]] = {}
        self._asked: set[str] = set()

    def __enter__(self) -> Self:
        self._began = self._clock.elapsed()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.console.file.flush()

    def recall(self, state: Mapping[str, Any]) -> None:
        """Take over a saved session's state before its events are told."""
        self.progress.recall(state)
        self._transcript.recall(state)

    def asked(self, question: Mapping[str, Any]) -> bool:
        """Whether this question was the last to be told."""
        return self._transcript.asked(question)

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, Token):
            self._texts.setdefault(event.call_id, []).append(event.text)
            return
        self.progress.follow(event)
        self._print(*self._transcript.tell(event))
        match event:
            case CallStarted():
                self._announce(event)
            case CallRetried():
                self._texts.pop(event.call_id, None)
                self._remark(event.agent, retried(event))
            case CallFailed():
                self._texts.pop(event.call_id, None)
                self._remark(event.agent, failed(event))
            case CallFinished():
                self._finish(event)
            case StepFinished():
                self._asked.clear()
            case Stopping():
                # Where nobody sits at the terminal, nobody can press a key.
                at_hand = sys.stdin.isatty()
                self._print(note(STOPPING if at_hand else STOPPING.partition(";")[0]))
            case _:
                pass

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to somebody else for a while, which does not count as the session's time."""
        since = self._clock.elapsed()
        try:
            yield
        finally:
            self._began += self._clock.elapsed() - since

    def _announce(self, event: CallStarted) -> None:
        if event.task not in self._asked:
            self._asked.add(event.task)
            known = TASKS.get(event.task)
            elapsed = duration(self._clock.elapsed() - self._began)
            what = known.plural if known else event.task.replace("_", " ")
            self._print(note(f"[{elapsed} · {totals(self.progress)}] asking for {what}", ""))

    def _finish(self, event: CallFinished) -> None:
        text = clean("".join(self._texts.pop(event.call_id, ())))
        call = self.progress.calls.get(event.call_id)
        if text.strip() and call is not None and streams(call.task):
            self._transcript.heard(text)
            self._print(self._transcript.speaker(call), Prose(text))

    def _remark(self, agent: str, what: str) -> None:
        self._print(note(f"{self.progress.name(agent)}: {what}"))

    def _print(self, *things: RenderableType) -> None:
        with self.console.capture() as drawn:
            for thing in things:
                self.console.print(thing)
        for line in drawn.get().splitlines():
            print(line.rstrip(), file=self.console.file)
        self.console.file.flush()
