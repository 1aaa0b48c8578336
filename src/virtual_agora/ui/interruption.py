"""What Ctrl-C does to a run, and what is done when nobody reads its output any longer."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from langgraph.runtime import RunControl
from rich.console import Console

from virtual_agora.errors import Exit
from virtual_agora.events import Listener, Stopping

__all__ = ["discard_output", "interruptible"]


def discard_output() -> None:
    """Have everything that is still written to standard output go nowhere, without complaint."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def interruptible(
    tell: Listener, console: Console, control: RunControl, stopped: str
) -> Iterator[None]:
    """The first Ctrl-C ends the run after the calls in flight, the second at once; nothing answered is lost."""

    def first(*_: object) -> None:
        signal.signal(signal.SIGINT, second)
        control.request_drain("interrupted")
        tell(Stopping())

    def second(*_: object) -> None:
        # Whatever was interrupted may hold the view's lock, so this goes to the terminal directly.
        cursor = "\x1b[?25h" if console.is_terminal else ""
        os.write(sys.stdout.fileno(), f"{cursor}\n{stopped}\n".encode())
        # Threads that wait for a model cannot be ended; what they would bring is asked for again.
        os._exit(Exit.INTERRUPTED)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
