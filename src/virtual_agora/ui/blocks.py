"""The pieces a view is built of: running text, headings, frames, and the agents' colours.

They take text that models or people wrote, and clean it. In a terminal text is set to its width; in a pipe
every paragraph stays one line. Colours are those that a light and a dark background both leave readable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.constrain import Constrain
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from virtual_agora.cleaning import clean
from virtual_agora.ui.text import one_line, wrap

__all__ = ["MEASURE", "Boxed", "CleanConsole", "Heading", "Palette", "Prose", "note"]

MEASURE = 100
"""Text is set in lines of at most this many cells, however wide the terminal."""

_COLOURS = (32, 166, 29, 133, 136, 30, 167, 98, 64, 169)
"""From the palette of 256: each stands out from white by a contrast of 3.2 at least, and from black by more."""


class CleanConsole(Console):
    """A console on which plain texts are printed clean: paths, names and errors may hold what steers a terminal.

    They are printed whole, too, and it is left to the terminal to break them: a command or a path in them can be copied.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as Rich does; texts that are no `Text` are cleaned, and not broken into lines."""
        whole = bool(objects) and all(isinstance(o, str) for o in objects)
        cleaned = (clean(o) if isinstance(o, str) else o for o in objects)
        super().print(*cleaned, **{"soft_wrap": whole, **options})


class Palette:
    """Gives each agent a colour of its own, in the order they are met, and keeps it."""

    def __init__(self) -> None:
        self._colours: dict[str, str] = {}

    def style(self, name: str) -> str:
        """The colour of the agent so named, as a style."""
        if name not in self._colours:
            self._colours[name] = f"color({_COLOURS[len(self._colours) % len(_COLOURS)]})"
        return self._colours[name]


class Prose:
    """Text of any length, indented, behind a `lead` such as a number; in a pipe its paragraphs stay whole lines."""

    def __init__(
        self, text: str, *, lead: str = "", indent: int = 2, style: str = "", lead_style: str = ""
    ) -> None:
        self._paragraphs = clean(text).strip("\n").split("\n")
        self._lead, self._indent, self._style, self._lead_style = lead, indent, style, lead_style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        hanging = " " * (self._indent + cell_len(self._lead))
        width = max(min(options.max_width, MEASURE) - len(hanging), 10)
        margin = Text(" " * self._indent).append(self._lead, self._lead_style)
        for paragraph in self._paragraphs:
            for line in wrap(paragraph, width) if options.is_terminal else [paragraph]:
                yield margin + Text(line.rstrip(), self._style) if line.strip() else Text()
                margin = Text(hanging)


class Heading:
    """The beginning of a part: a rule across the terminal, or a marked line in a pipe."""

    def __init__(self, title: str, *, level: int = 1, style: str = "cyan") -> None:
        self._title, self._level, self._style = one_line(title), level, style

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        yield Text()
        if not options.is_terminal:
            yield Text(f"{'#' * self._level} {self._title}")
        elif self._level == 1:
            title = Text(self._title, "bold")
            yield Constrain(Rule(title, align="left", style=self._style, characters="━"), MEASURE)
        else:
            yield Text(self._title, "bold underline")


class Boxed:
    """A few lines in a frame; in a pipe, just the lines."""

    def __init__(self, title: str, body: Text, style: str) -> None:
        self._title, self._body, self._style = title, body, style

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        if options.is_terminal:
            frame = Panel(
                self._body,
                title=Text(self._title, "bold"),
                title_align="left",
                border_style=self._style,
            )
            yield Constrain(frame, MEASURE)
        else:
            yield Group(Text(self._title), self._body)


def note(text: str, style: str = "dim") -> Prose:
    """A remark between statements."""
    return Prose(text, style=style)
