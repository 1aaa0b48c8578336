"""What Ctrl-C, SIGTERM and a terminal that goes away do to a run, and what is done when nobody reads its output any longer."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Thread, Timer
from types import FrameType
from typing import TextIO

from langgraph.runtime import RunControl
from rich.console import Console

from virtual_agora.errors import Exit
from virtual_agora.events import Listener, Stopping

__all__ = ["GONE", "LIMITS", "discard_output", "interruptible", "leaving"]

GONE = "the terminal is gone"
"""Why a run was drained after SIGHUP."""

LIMITS = {"SIGINT": 30.0, "SIGTERM": 8.0, "SIGHUP": 8.0}
"""Seconds that calls in flight may still take.

Who presses Ctrl-C is there to press it again. Who sends SIGTERM kills what has not ended soon after: Docker and Podman in 10
seconds, Kubernetes in 30, systemd in 90. SIGHUP says that the terminal is gone, and comes before a shutdown, too.
"""

_HANGUP = getattr(signal, "SIGHUP", None)

Handler = Callable[[int, FrameType | None], None]


def discard_output() -> None:
    """Have everything that is still written to standard output go nowhere, without complaint."""
    _discard(sys.stdout)


@contextmanager
def interruptible(
    tell: Listener, console: Console, control: RunControl, stopped: str
) -> Iterator[None]:
    """The first signal ends the run after the calls in flight, a second one or its limit at once; nothing answered is lost."""
    asked: SimpleQueue[float | None] = SimpleQueue()
    terminals = _terminals()

    def first(number: int, _: FrameType | None) -> None:
        # A handler breaks in anywhere, so it takes no lock: what needs one is done by `watch`.
        _handle(dict.fromkeys(_signals(), again))
        control.request_drain("interrupted")
        if number == _HANGUP:
            hung_up()
        asked.put(LIMITS[signal.Signals(number).name])

    def again(number: int, _: FrameType | None) -> None:
        # That a terminal is closed both the system and the shell say: it is nobody's impatience.
        if number == _HANGUP:
            hung_up()
        else:
            at_once()

    def hung_up() -> None:
        _discard(*terminals)
        control.request_drain(GONE)

    def at_once() -> None:
        # Whatever was interrupted may hold the view's lock, so this goes to the terminal directly.
        cursor = "\x1b[?25h" if console.is_terminal else ""
        out = sys.stdout.fileno()
        with suppress(OSError):
            # Nobody may be reading. Windows cannot be asked.
            if os.name == "nt" or select.select([], [out], [], 0)[1]:
                os.write(out, f"{cursor}\n{stopped}\n".encode())
        # Threads that wait for a model cannot be ended; what they would bring is asked for again.
        os._exit(Exit.INTERRUPTED)

    def watch() -> None:
        limit = asked.get()
        if limit is None:
            return
        # Telling may take for ever, where nobody reads; the limit holds all the same.
        timer = Timer(limit, at_once)
        timer.daemon = True
        timer.start()
        with suppress(OSError):  # whoever writes next learns of it, too
            tell(Stopping())
        asked.get()
        timer.cancel()

    watching = Thread(target=watch, name="interruption", daemon=True)
    watching.start()
    try:
        with _handled(dict.fromkeys(_signals(), first)):
            yield
    finally:
        asked.put(None)
        watching.join(1.0)


@contextmanager
def leaving(control: RunControl) -> Iterator[None]:
    """A human is asked: no call is in flight, so that any signal leaves at once, with KeyboardInterrupt.

    Raises:
        KeyboardInterrupt: a signal came, now or just before.
    """
    terminals = _terminals()

    def leave(number: int, _: FrameType | None) -> None:
        if number == _HANGUP:
            _discard(*terminals)
        if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
            raise KeyboardInterrupt
        # A form has its own way to end at SIGINT, and gives the terminal back as it was.
        signal.raise_signal(signal.SIGINT)

    handlers: dict[signal.Signals, Handler] = dict.fromkeys(_signals(), leave)
    with _handled(handlers | {signal.SIGINT: signal.default_int_handler}):
        if control.drain_requested:
            raise KeyboardInterrupt
        try:
            yield
        except EOFError:
            # Of a terminal that is gone a form may see its end before it hears of the signal.
            raise KeyboardInterrupt from None


def _signals() -> list[signal.Signals]:
    """Those that end a run. Windows has no SIGHUP, and under `nohup` it is to mean nothing."""
    known = [signal.Signals[name] for name in LIMITS if hasattr(signal, name)]
    return [n for n in known if n != _HANGUP or signal.getsignal(n) != signal.SIG_IGN]


@contextmanager
def _handled(handlers: Mapping[signal.Signals, Handler]) -> Iterator[None]:
    before = _handle(handlers)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handle(handlers: Mapping[signal.Signals, Handler]) -> dict[signal.Signals, Handler]:
    return {number: signal.signal(number, handler) for number, handler in handlers.items()}  # type: ignore[misc]


def _terminals() -> list[TextIO]:
    """Where output goes to a terminal. To be asked in time: one that is gone is none any longer."""
    return [stream for stream in (sys.stdout, sys.stderr) if stream.isatty()]


def _discard(*streams: TextIO) -> None:
    for stream in streams:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
