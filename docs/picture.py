"""The terminal's picture for the documentation: what the live view shows of some events, as an SVG file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.segment import Segment, Segments
from rich.text import Text

from virtual_agora.events import Event
from virtual_agora.ui.live import LiveView

__all__ = ["make_picture"]

_FONT_FACES = re.compile(r"@font-face\s*\{[^}]*\}\s*")


class _Sheet:
    """A screen that keeps everything printed, and the lines that stood at the bottom last."""

    def __init__(self) -> None:
        self.above: list[RenderableType] = []
        self.below: list[Text] = []

    def show(self, above: Sequence[RenderableType], below: Sequence[Text]) -> None:
        self.above += above
        self.below = list(below)

    def close(self) -> None:
        pass


def make_picture(
    events: Iterable[Event],
    path: Path,
    *,
    title: str = "virtual-agora run",
    width: int = 100,
    height: int = 40,
) -> None:
    """Write `path`: a terminal of `width` × `height` cells as it looks after the last of the events.

    The picture needs no font or style from elsewhere, so it looks the same wherever it is shown.
    """
    console = Console(
        file=StringIO(),
        record=True,
        width=width,
        height=height,
        force_terminal=True,
        color_system="truecolor",
    )
    sheet = _Sheet()
    view = LiveView(console, screen=sheet)
    for event in events:
        view(event)
    view.refresh()
    options = console.options.update(height=None)
    lines = console.render_lines(Group(*sheet.above, *sheet.below), options, pad=False)
    for line in lines[-height:]:
        console.print(Segments([*line, Segment.line()]), end="")
    svg = console.export_svg(title=title, unique_id="virtual-agora")
    path.write_text(_FONT_FACES.sub("", svg), encoding="utf-8")
