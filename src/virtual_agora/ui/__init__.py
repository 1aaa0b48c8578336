"""The terminal: views that show a session, forms that ask the human, tables of saved sessions."""

from __future__ import annotations

import sys
from typing import TextIO

from rich.console import Console

from virtual_agora.ui.blocks import CleanConsole
from virtual_agora.ui.live import LiveView
from virtual_agora.ui.plain import PlainView, plain_console

__all__ = ["LiveView", "PlainView", "make_console", "make_view"]


def make_console(*, plain: bool = False, stream: TextIO | None = None) -> Console:
    """A console for `stream` (standard output): plain if asked for, in a pipe, or on a terminal that can do no more."""
    stream = stream or sys.stdout
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")  # a mark the encoding lacks must not end a session
    console = CleanConsole(file=stream, highlight=False, markup=False, emoji=False)
    able = stream.isatty() and not console.is_dumb_terminal and not console.legacy_windows
    return console if able and not plain else plain_console(stream)


def make_view(*, plain: bool = False, stream: TextIO | None = None) -> LiveView | PlainView:
    """The view that suits `stream` (standard output). `NO_COLOR` keeps the live view, without its colours."""
    console = make_console(plain=plain, stream=stream)
    return LiveView(console) if console.is_terminal else PlainView(console)
