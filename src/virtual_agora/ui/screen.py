"""The terminal below a growing text: a few lines that stay at the bottom and are redrawn in place.

The cursor rests, hidden, at the beginning of the first of these lines. To redraw them is to erase from the cursor to
the end of the screen, so a terminal that was made narrower or wider in between, and has broken the lines
anew, is cleared as well; and what scrolled away above is never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rich.console import Console, RenderableType
from rich.text import Text

__all__ = ["Pinned", "Screen"]

_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_BEGIN, _END = (
    "\x1b[?2026h",
    "\x1b[?2026l",
)  # one update: terminals that know it draw nothing in between
_ERASE = "\r\x1b[J"


class Screen(Protocol):
    """Where a live view draws."""

    def show(self, above: Sequence[RenderableType], below: Sequence[Text]) -> None:
        """Print `above` for good, then have `below` stand under it, one line each."""

    def close(self) -> None:
        """Take the lines below away."""


class Pinned:
    """A real terminal, written to with one write an update, so that nothing flickers."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: tuple[str, tuple[int, int]] = ("", (0, 0))

    def show(self, above: Sequence[RenderableType], below: Sequence[Text]) -> None:
        """Print `above` for good, then have `below` stand under it; its last lines go if the screen is too low."""
        size = self._console.size
        lines = below[: max(size.height - 1, 1)]
        drawn = self._render(lines).removesuffix("\n")
        before, self._shown = self._shown, (drawn, size)
        if not above and drawn == before[0] and (size == before[1] or not drawn):
            return
        back = f"\x1b[{len(lines) - 1}A\r" if len(lines) > 1 else "\r"
        cursor = _HIDE if lines else _SHOW
        self._write(_BEGIN + cursor + _ERASE + self._render(above) + drawn + back + _END)

    def close(self) -> None:
        """Take the lines below away and give the cursor back."""
        self.show([], [])

    def _render(self, things: Sequence[RenderableType]) -> str:
        with self._console.capture() as drawn:
            for thing in things:
                self._console.print(thing)
        return drawn.get()

    def _write(self, output: str) -> None:
        self._console.file.write(output)
        self._console.file.flush()
