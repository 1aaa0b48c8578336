"""The kill grid: a session killed at every write, at random moments, while it waits for its human, and twice in a row.

python -m reliability kills
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from langgraph_parity import postgres

from reliability.killing import LANES, SEED, Address, Cell, Grid, Plan
from reliability.lives import Kill
from virtual_agora.flow.graph_v13 import NODES

DATABASES = ("sqlite", "postgres")
"""Where the sessions are kept. On PostgreSQL the part of the grid is held that knows nothing of the database."""
MOMENTS = 100
TWICE = 24
"""Sessions that are killed twice in a row, for each of the two ways to choose when."""
QUESTIONS = 3
"""What the session asks: whether the agenda is right, for a turn, and how to go on at the regular stop."""
COLUMNS = {
    "save": "every save",
    "file": "every file",
    "moment": "random moments",
    "question": "at a question",
    "twice": "twice in a row",
}
STEPS = ("start-up", *NODES, "the end")


def plans(saves: int, files: int) -> Iterator[Plan]:
    """The whole grid, for a session that saves something so often and writes so many files."""
    for number in range(1, saves + 1):
        for when in ("before", "after"):
            yield Plan("save", (Kill("save", number, when),))
    for number in range(1, files + 1):
        for when in ("torn", "unnamed", "named"):
            yield Plan("file", (Kill("file", number, when),))
    yield from moments()
    drawn = random.Random(SEED)
    for _ in range(TWICE):
        first = drawn.randrange(1, saves - 5)
        second = drawn.randrange(1, saves - first - 3)
        yield Plan(
            "twice",
            tuple(Kill("save", n, drawn.choice(("before", "after"))) for n in (first, second)),
        )


def moments() -> Iterator[Plan]:
    """The part of the grid that knows nothing of the database. Every second random moment is of the real command's whole life, from
    its very start; the others come when everything is imported, and so meet more of the session."""
    for number in range(1, QUESTIONS + 1):
        for when in ("form", "plain"):
            yield Plan("question", (Kill("question", number, when),), real=True)
    asked = Kill("question", QUESTIONS, "form")
    # Resumed, the session asks the same question again: it is the first of that life.
    yield Plan("question", (asked, Kill("question", 1, "form")), real=True)
    for number in range(MOMENTS):
        yield Plan("moment", (Kill("moment"),), real=number % 2 == 0)
    for number in range(TWICE):
        yield Plan("twice", (Kill("moment"), Kill("moment")), real=number % 2 == 0)


def measure() -> dict[str, Any]:
    """Kill and resume sessions on every database, as often as the grid asks for; a dot is printed for every cell."""
    found = {}
    for name in DATABASES:
        with ExitStack() as opened:
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="kills-")))
            address = opened.enter_context(databases()) if name == "postgres" else None
            grid = opened.enter_context(Grid(folder, address=address))
            grid.undisturbed()
            grid.measure_spans()
            cells = moments() if address else plans(len(grid.steps), grid.files)
            grid.hold(cells, lambda _: print(".", end="", flush=True))
            found[name] = summary(grid)
        print(f"\n{name}\n{picture(found[name])}")
    return found


@contextmanager
def databases() -> Iterator[Address]:
    """A PostgreSQL server of our own, with a new database for everyone who asks for one."""
    with postgres.server() as settings:
        folder = dict(word.split("=") for word in settings.split())["host"]

        def new(name: str) -> str:
            with psycopg.connect(settings, autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{name}"'.encode())
            return f"postgresql://parity@/{name}?host={folder}"

        yield new


def summary(grid: Grid) -> dict[str, Any]:
    """What a grid found, as plain data."""
    cells = grid.cells
    waits = [wait for cell in cells if cell.plan.real for wait in cell.waits]
    marks: dict[str, dict[str, str]] = {}
    for cell in cells:
        row = marks.setdefault(cell.step, {})
        row[cell.plan.column] = row.get(cell.plan.column, "") + cell.mark
    return {
        "cells": dict(Counter(cell.plan.column for cell in cells)),
        "kills": sum(len(cell.found) for cell in cells),
        "never_reached": sum(not cell.reached for cell in cells),
        "deviant": sum(bool(cell.wrong) for cell in cells),
        "deviations": [f"{_named(cell)}: {wrong}" for cell in cells for wrong in cell.wrong],
        "calls": grid.calls,
        "saves": len(grid.steps),
        "files": grid.files,
        "spans": [round(span, 1) for span in grid.spans.values()],
        "latency": grid.latency,
        "seed": SEED,
        "lanes": LANES,
        "in_flight": sum(cell.in_flight for cell in cells),
        "again": sum(cell.again for cell in cells),
        "most_again": max((cell.again for cell in cells if len(cell.found) == 1), default=0),
        "most_again_twice": max((cell.again for cell in cells if len(cell.found) == 2), default=0),
        "none_again": sum(not cell.again for cell in cells),
        "first_call": {"median": round(median(waits), 2), "most": round(max(waits), 2)}
        if waits
        else {},
        "marks": {step: marks[step] for step in STEPS if step in marks},
    }


def _named(cell: Cell) -> str:
    kills = (f"{kill.at} {kill.number or ''} {kill.when}".strip() for kill in cell.plan.kills)
    return f"{' and '.join(kills)} in {cell.step}"


def picture(found: dict[str, Any]) -> str:
    """The grid as text: a row for every step of the protocol, a character for every session that was killed there."""
    lines = []
    for column, title in COLUMNS.items():
        if column not in found["cells"]:
            continue
        lines += ["", f"{title} ({found['cells'][column]})"]
        for step, row in found["marks"].items():
            if column in row:
                lines.append(f"  {step:26}{row[column]}")
    return "\n".join(lines[1:])


HOW = {
    "save": "before and after each of the {saves} commits that save a checkpoint, or the outcome of a step or a call",
    "file": "at each of the {files} files: half of it on the disk, all of it without its name, all of it",
    "moment": "at random moments, every second one of the real command's whole life, its start included",
    "question": "while it waits for its human, in a form and line by line; once twice at the same question",
    "twice": "killed, resumed, killed again: {exact} times at writes, {drawn} times at random moments",
}


def section(found: dict[str, Any]) -> str:
    """The grids with their figures, as Markdown."""
    return _whole(found["sqlite"]) + (_moments(found["postgres"]) if "postgres" in found else "")


def _whole(found: dict[str, Any]) -> str:
    cells = found["cells"]
    numbers = {"saves": found["saves"], "files": found["files"], "exact": TWICE, "drawn": TWICE}
    rows = [
        f"| {title} | {cells[column]} | {HOW[column].format(**numbers)} |"
        for column, title in COLUMNS.items()
        if column in cells
    ]
    return f"""## The kill grid

A small session that takes every step but two: three participants vote on an agenda and speak for a round, the human is asked {QUESTIONS} times, reports
are written. Undisturbed it makes {found["calls"]} calls of {found["latency"] * 1000:.0f} ms. Each of {sum(cells.values())} sessions like it was killed with SIGKILL and gone on with:

| when | sessions | how |
|---|---|---|
{chr(10).join(rows)}

In each, every call must have been made once, and may have been made once more for each kill that found it in flight, which is: received by the server, and its answer not
in the database that the kill left (where the outcome of its whole step is there already, that has the answer in it, and it is not made again). Those must be calls of one step, no more than it makes at once and one whose answer is just being saved. Every file among the reports must be that of the
undisturbed session but for the times, and no other may be there; SQLite's `integrity_check` must find nothing after the kill and in the end.

{_figures(found)}

A character for each session, in the step in which it was killed: `.` no call was made again; a digit, so many were, all of them in flight;
`x` something was otherwise; `-` it ended before the kill came.

```text
{picture(found)}
```

What dies is a process, not a disk or a machine. At writes and at half of the random moments it is forked from one that has imported everything, which saves
the start; there `sqlite3.connect`, `os.fsync` and `os.replace` look at what is written and send the signal, and everything above them is what runs in
production. At the other moments it is the command as it is installed, killed from outside. The moments are drawn with seed {found["seed"]}.
"""


def _moments(found: dict[str, Any]) -> str:
    return f"""
### On PostgreSQL

The random moments, the questions and the kills twice in a row, with the sessions in PostgreSQL. Only the command is killed; the server lives.

{_figures(found)}

```text
{picture(found)}
```
"""


def _figures(found: dict[str, Any]) -> str:
    waits = found["first_call"]
    wrong = "\n".join(f"- {line}" for line in found["deviations"])
    return f"""| | |
|---|---|
| kills | {found["kills"]} |
| sessions in which anything was otherwise | **{found["deviant"]}** |
| calls in flight at the kills | {found["in_flight"]} |
| calls made again | {found["again"]} |
| most calls made again after one kill | {found["most_again"]} |
| most calls made again after two kills | {found["most_again_twice"]} |
| sessions in which no call was made again | {found["none_again"]} |
| from `resume` to the first new call, real command | {waits["median"]} s in the middle, {waits["most"]} s at most |
| the whole undisturbed command, as many at a time | {found["spans"][1]} s |

{wrong}""".rstrip()
