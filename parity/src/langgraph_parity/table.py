"""The report after a suite as tables, drawn by Rich."""

from __future__ import annotations

import io
import shutil

from langgraph_parity.covered import KINDS
from langgraph_parity.report import FEW, MISSING, TITLES, Report, beyond, listed

__all__ = ["drawn"]


def drawn(report: Report, *, all: bool = False) -> str | None:
    """What `report.lines` says, with colours and as wide as the terminal; None without the package `rich`."""
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return None
    width = shutil.get_terminal_size().columns
    # No legacy_windows: what is drawn is a string, and pytest's own writer brings it to the terminal.
    console = Console(file=io.StringIO(), force_terminal=True, width=width, legacy_windows=False)
    for name, covered in sorted(report.coverage.targets.items()):
        table = Table("", "", "%", "missing", title=Text(report.title(name)), title_justify="left")
        for column in table.columns[1:3]:
            column.justify = "right"
        for kind in KINDS:
            done, there = covered.share(kind)
            names = listed(kind, covered.missing(kind), None if all else FEW)
            missing = f"{MISSING[kind]}: {names}" if names else ""
            row = (f"{done} of {there}", str(int(covered.percent(kind)))) if there else ("none", "")
            style = "dim" if not there else "green" if done == there else "yellow"
            table.add_row(TITLES[kind], *row, Text(missing), style=style)
        console.print(table)
        for line in beyond(covered):
            console.print(Text(line, style="yellow"))
    for line in report.remarks():
        console.print(Text(line))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
