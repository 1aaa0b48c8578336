"""Text fit for a terminal: cleaned as it arrives, wrapped, and numbers as people read them."""

from __future__ import annotations

import re

from rich.cells import cell_len, chop_cells

from virtual_agora.cleaning import clean

__all__ = ["Cleaner", "count", "duration", "money", "one_line", "tokens", "wrap"]

_UNFINISHED = re.compile(
    r"(?:\x1b|\x1b\[[0-?]*[ -/]*|\x9b[0-?]*[ -/]*|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\r\n]{0,256}\x1b?"
    r"|\x1b[ -/]+|\r)\Z"
)
_LONGEST_ESCAPE = 4096


class Cleaner:
    """`clean` for text that arrives in pieces: an escape sequence may be cut in two."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """The next clean piece; the beginning of an escape sequence is held back until it is whole."""
        text = self._held + piece
        cut = _UNFINISHED.search(text[-_LONGEST_ESCAPE:])
        start = max(len(text) - _LONGEST_ESCAPE, 0) + cut.start() if cut else len(text)
        self._held = text[start:]
        return clean(text[:start])

    def close(self) -> str:
        """What was still held back."""
        rest, self._held = self._held, ""
        return clean(rest)


def one_line(text: str, limit: int = 0) -> str:
    """The text clean and on one line, with an ellipsis beyond `limit` characters (0: no limit)."""
    line = " ".join(clean(text).split())
    return line if not limit or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def wrap(text: str, width: int) -> list[str]:
    """Break one paragraph between words into lines of at most `width` cells; longer words are cut.

    Joined together the lines are the text again: a line keeps the blanks it ends with, which may stick out.
    """
    lines: list[str] = []
    line = ""
    for word in re.findall(r"\S+\s*|\s+", text):
        if line and cell_len(line) + cell_len(word.rstrip()) > width:
            lines.append(line)
            line = ""
        if cell_len(word.rstrip()) > width:
            *full, word = chop_cells(word, width)
            lines += full
        line += word
    return [*lines, line] if line or not lines else lines


def money(cost: float | None, *, and_unknown: bool = False) -> str:
    """US dollars: `$0.0123`, `free`, `price unknown`; `and_unknown` when other calls had no known price."""
    if cost is None or (and_unknown and not cost):
        return "price unknown"
    if not cost:
        return "free"
    amount = f"${cost:.4f}" if cost < 1 else f"${cost:.2f}"
    return f"over {amount}" if and_unknown else amount


def tokens(count: int) -> str:
    """A count of tokens in few characters: `950`, `12.3k`, `1.20M`."""
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 999_950 else f"{count / 1e6:.2f}M"


def duration(seconds: float) -> str:
    """A span of time as a clock shows it: `0:07`, `12:30`, `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count(number: int, noun: str) -> str:
    """A number of things: `1 round`, `3 rounds`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
