"""The view for a real terminal: the deliberation scrolls by, and the status lines stay at the bottom.

What is printed above the status lines is never changed again: a streamed line goes up as soon as it is full, so text taller than
the screen is neither lost nor shown twice, and the terminal's scroll-back holds the whole session.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.text import Text

from virtual_agora.clock import Clock
from virtual_agora.events import (
    CallFailed,
    CallFinished,
    CallRetried,
    Event,
    Token,
)
from virtual_agora.ui.blocks import MEASURE, note
from virtual_agora.ui.progress import Call, Progress, streams
from virtual_agora.ui.screen import Pinned, Screen
from virtual_agora.ui.status import footer
from virtual_agora.ui.text import Cleaner, wrap
from virtual_agora.ui.transcript import Transcript, failed, retried

__all__ = ["LiveView"]

_INDENT = "  "
_TICK = 0.1
"""Seconds between two drawings of the status lines."""


class _Stream:
    """A text that is arriving: `whole` is all of it, `pending` what is not printed yet."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.whole = ""
        self.pending = ""
        self.opened = False
        self.done = False
        self._cleaner = Cleaner()

    def feed(self, piece: str) -> None:
        self._add(self._cleaner.feed(piece))

    def finish(self) -> None:
        self._add(self._cleaner.close())
        self.done = True

    def full_lines(self, width: int) -> list[str]:
        """Take the lines that no further text can change; line breaks at the end wait for what follows."""
        body = self.pending.rstrip("\n")
        breaks = self.pending[len(body) :]
        *paragraphs, last = body.split("\n")
        lines = [line for paragraph in paragraphs for line in wrap(paragraph, width)]
        *full, rest = wrap(last, width)
        self.pending = rest + breaks
        return lines + full

    def rest(self, width: int) -> list[str]:
        """Take all that is left."""
        lines = self.full_lines(width)
        last, self.pending = self.pending.rstrip("\n"), ""
        return [*lines, last] if last else lines

    def _add(self, text: str) -> None:
        self.pending = (
            self.pending + text if self.whole.strip() else (self.whole + text).lstrip("\n")
        )
        self.whole += text


class LiveView:
    """Shows a session as it happens. Use it as a context manager, and as the listener of a run.

    `console` is the terminal, and `screen` where to draw, if not there.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        clock: Clock | None = None,
        screen: Screen | None = None,
    ) -> None:
        self.console = console or Console(highlight=False, markup=False, emoji=False)
        self.progress = Progress()
        self._clock = clock or Clock()
        self._transcript = Transcript(self.progress)
        self._screen = screen or Pinned(self.console)
        self._streams: dict[str, _Stream] = {}
        self._owner: _Stream | None = None
        self._above: list[RenderableType] = []
        self._held: list[RenderableType] = []
        self._paused = False
        self._frame = 0
        self._began = self._clock.elapsed()
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="status lines", daemon=True)

    def __enter__(self) -> Self:
        self._began = self._clock.elapsed()
        self._ticker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        try:
            self._ticker.join()
            with self._lock:
                self._paused = True
                while self._owner is not None:
                    self._break_off("— interrupted")
                self._draw()
        finally:
            self._screen.close()

    def recall(self, state: Mapping[str, Any]) -> None:
        """Take over a saved session's state before its events are shown."""
        with self._lock:
            self.progress.recall(state)
            self._transcript.recall(state)

    def asked(self, question: Mapping[str, Any]) -> bool:
        """Whether this question was the last to be told."""
        return self._transcript.asked(question)

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        with self._lock:
            self.progress.follow(event)
            match event:
                case Token():
                    self._token(event)
                    return  # the ticker draws: a fast model sends hundreds a second
                case CallRetried():
                    self._void(event.call_id, event.agent, retried(event))
                case CallFailed():
                    self._void(event.call_id, event.agent, failed(event))
                case CallFinished():
                    self._finish(event.call_id)
                case _:
                    pass
            self._say(*self._transcript.tell(event))
            self._draw()

    def refresh(self) -> None:
        """Draw what arrived since the last drawing. The view does so by itself several times a second."""
        with self._lock:
            self._draw()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to somebody else for a while, which does not count as the session's time."""
        with self._lock:
            self._draw()
            self._paused = True
            self._screen.close()
            since = self._clock.elapsed()
        try:
            yield
        finally:
            with self._lock:
                self._began += self._clock.elapsed() - since
                self._paused = False

    def _token(self, event: Token) -> None:
        call = self.progress.calls.get(event.call_id)
        if call is None or not streams(call.task):
            return
        stream = self._streams.setdefault(event.call_id, _Stream(call))
        stream.feed(event.text)
        self._owner = self._owner or stream

    def _void(self, call_id: str, agent: str, what: str) -> None:
        stream = self._streams.pop(call_id, None)
        if stream is not None and stream is self._owner:
            self._break_off(f"— broken off, {what}")
        else:
            self._say(note(f"{self.progress.name(agent)}: {what}", "yellow"))

    def _finish(self, call_id: str) -> None:
        stream = self._streams.get(call_id)
        if stream is None:
            return
        stream.finish()
        self._transcript.heard(stream.whole)
        if stream is self._owner:
            self._release()

    def _break_off(self, remark: str) -> None:
        assert self._owner is not None
        self._print_stream(self._owner, whole=True)
        self._above.append(note(remark, "yellow"))
        self._streams.pop(self._owner.call.call_id, None)
        self._release()

    def _release(self) -> None:
        """The owner of the stream is done: print what waited for that, and let the next stream."""
        if self._owner is not None and self._owner.done:
            self._print_stream(self._owner, whole=True)
            del self._streams[self._owner.call.call_id]
        self._above += self._held
        self._held = []
        for call_id, stream in list(self._streams.items()):
            if stream.done:
                self._print_stream(stream, whole=True)
                del self._streams[call_id]
        self._owner = next(iter(self._streams.values()), None)

    def _say(self, *things: RenderableType) -> None:
        (self._above if self._owner is None else self._held).extend(things)

    def _print_stream(self, stream: _Stream, *, whole: bool = False) -> None:
        if not stream.opened and stream.pending:
            stream.opened = True
            self._above.append(self._transcript.speaker(stream.call))
        width = max(min(self.console.width, MEASURE) - len(_INDENT), 10)
        lines = stream.rest(width) if whole else stream.full_lines(width)
        self._above += [Text(_INDENT + line.rstrip()) for line in lines]

    def _draw(self) -> None:
        width = self.console.width - 1
        below: list[Text] = []
        if self._owner is not None:
            self._print_stream(self._owner)
            below.append(Text(_INDENT + self._owner.pending.rstrip()))
        if not self._paused:
            elapsed = self._clock.elapsed() - self._began
            below += footer(self.progress, self._transcript.palette, width, elapsed, self._frame)
        above, self._above = self._above, []
        self._screen.show(above, below)

    def _tick(self) -> None:
        while not self._stop.wait(_TICK):
            with self._lock:
                if not self._paused:
                    self._frame += 1
                    self._draw()
