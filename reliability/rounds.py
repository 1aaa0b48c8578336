"""A session of 300 rounds on one topic: does the last round cost what the twentieth did?

    python -m reliability.rounds [DATABASE]

holds it in this process and prints what every round took, as JSON. DATABASE is a PostgreSQL URL; without one the session is
kept in SQLite. The scripted panel answers at once, so that the time is the application's own. SQLite's commits reach the disk;
the throwaway PostgreSQL server of the proof does not wait for it (`fsync=off`).
"""

from __future__ import annotations

import gc
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import linear_regression, mean, median
from typing import Any

import psycopg
from langgraph_parity.postgres import server
from psycopg.conninfo import conninfo_to_dict

from virtual_agora.config.defaults import offline_panel
from virtual_agora.config.models import Config
from virtual_agora.events import CallFinished, Event, StepFinished
from virtual_agora.execution.session import Agora
from virtual_agora.hitl import default_answer
from virtual_agora.providers.offline import CHARACTERS_PER_TOKEN
from virtual_agora.state.sqlite import DATABASE

ROOT = Path(__file__).parents[1]
THEME = "Should a city of 200,000 make its public transport free?"
TOPIC = "Who pays for free public transport"
ROUNDS = 300
EARLY, LATE = (16, 40), (276, 300)
"""The rounds that are compared: 25 about the time of the twentieth, over which old summaries are condensed at least once, and
the last 25."""

BOUND = 1.2
"""What a round may cost of what it cost then."""

Row = dict[str, float]
Size = Callable[[], int]


class Watch:
    """A row for every round, written when its summary is saved; `size` is what the database holds, in bytes."""

    def __init__(self, size: Size) -> None:
        self.rows: list[Row] = []
        self._size = size
        self._longest = 0
        self._begin()

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case CallFinished():
                self._digests += event.task == "digest"
                self._longest = max(self._longest, event.input_tokens * CHARACTERS_PER_TOKEN)
            case StepFinished(node="opening_positions"):
                self._begin()
            case StepFinished():
                for used in event.update.get("usage", {}).values():
                    self._calls += used["calls"]
                    self._characters += used["prompt_chars"]
                if event.node == "round_summarization":
                    self._end()

    def _begin(self) -> None:
        self._calls = self._characters = self._longest = self._digests = 0
        self._bytes = self._size()
        self._began = time.perf_counter(), time.process_time()

    def _end(self) -> None:
        took = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
        self.rows.append(
            {
                "seconds": took[0],
                "cpu": took[1],
                "bytes": self._size() - self._bytes,
                "calls": self._calls,
                "characters": self._characters,
                "longest": self._longest,
                "digests": self._digests,
                "memory": _memory(),
            }
        )
        self._begin()


def hold(
    folder: Path, rounds: int, database: str | None = None, *, participants: int = 4
) -> tuple[list[Row], dict[str, Any]]:
    """A session of `rounds` rounds on one topic: what each took, and the session at its end."""
    panel = offline_panel().model_dump()
    rules = {"seed": 7, "min_rounds": rounds, "max_rounds": rounds}
    config = Config.model_validate(
        {**panel, "agents": panel["agents"][:participants], "session": rules}
    )
    data = folder / "data"
    with _agora(data, database) as agora, _measured(data, database) as size:
        session = agora.create(config, theme=THEME, topics=[TOPIC], reports_dir=folder / "reports")
        watch = Watch(size)
        leg = agora.run_leg(session, default_answer, listener=watch)
        state = agora.snapshot(session)
    assert leg.status == "complete"
    return watch.rows, dict(state)


def _agora(data: Path, database: str | None) -> Agora:
    elsewhere: dict[str, Any] = {"database": database} if database else {}
    return Agora(data, **elsewhere)


@contextmanager
def _measured(data: Path, database: str | None) -> Iterator[Size]:
    """How much a database holds, in bytes, read through a connection of its own: SQLite's rows, PostgreSQL's tables."""
    if database:
        with psycopg.connect(database, autocommit=True) as connection:
            yield lambda: _tables(connection)
    else:
        with closing(sqlite3.connect(data / DATABASE)) as file:
            yield _Rows(file).size


def _tables(connection: psycopg.Connection) -> int:
    found = connection.execute(
        "SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables"
    ).fetchone()
    return int(found[0]) if found else 0


TABLES = {
    "checkpoints": "length(checkpoint) + length(metadata)",
    "writes": "length(value) + length(channel) + length(task_path)",
}
"""What of a row of SQLite's tables grows with what is saved, in bytes."""


class _Rows:
    """Adds up what was written since it was asked last."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._seen = dict.fromkeys(TABLES, 0)
        self._total = 0

    def size(self) -> int:
        for table, bytes_ in TABLES.items():
            last, added = self._connection.execute(
                f"SELECT max(rowid), sum({bytes_}) FROM {table} WHERE rowid > ?",
                (self._seen[table],),
            ).fetchone()
            self._seen[table] = last or self._seen[table]
            self._total += added or 0
        return self._total


def _memory() -> int:
    """What this process keeps in memory, in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure() -> dict[str, Any]:
    """Hold the session in a process of its own, for each of the databases."""
    with server() as address:
        said = conninfo_to_dict(address)
        url = f"postgresql://{said['user']}@/{said['dbname']}?host={said['host']}"
        return {"SQLite": _held(), "PostgreSQL": _held(url)}


def _held(*database: str) -> Any:
    command = [sys.executable, "-m", "reliability.rounds", *database]
    ran = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(ran.stdout)


def section(found: dict[str, Any]) -> str:
    """What a round took early and late, on each database."""
    parts = [
        "## Long sessions\n",
        f"One topic, {ROUNDS} rounds, 4 participants who answer at once. Compared are rounds {EARLY[0]} to {EARLY[1]} and rounds "
        f"{LATE[0]} to {LATE[1]} of the same run: the median of the times, the mean of the rest, since prompts grow until old "
        f"summaries are condensed and then begin again. The bound is {BOUND} times as much.\n",
        *(_table(name, held["rows"]) for name, held in found.items()),
        "Every commit to SQLite reaches the disk before the session goes on. The PostgreSQL server here does not wait for the disk "
        "(`fsync=off`), being thrown away afterwards; its memory and processor time are not counted. The memory of the process is with the interpreter and all "
        f"that is loaded, so the ratio says little. It grows by {' and by '.join(_growth(name, held['rows']) for name, held in found.items())}.\n",
    ]
    kept = next(iter(found.values()))["kept"]
    parts.append(
        f"Afterwards the state has all {kept['statements']:,} statements and all {kept['summaries']} summaries of rounds; "
        f"{kept['digests']} times the oldest were condensed for the prompts. [How](protocol.md#long-discussions).\n"
    )
    return "\n".join(parts)


FIGURES = (
    ("seconds", "time of a round, ms", 1e3, median),
    ("cpu", "processor time of a round, ms", 1e3, median),
    ("bytes", "bytes that a round adds to the database, thousands", 1e-3, mean),
    ("characters", "characters of a round's prompts, thousands", 1e-3, mean),
    ("longest", "characters of its longest prompt, thousands", 1e-3, mean),
    ("memory", "memory of the process, MB", 1e-6, mean),
)
"""What is compared: the key of a row, what it is called, the unit, and the average."""


def _table(name: str, rows: Sequence[Row]) -> str:
    lines = [
        f"| {name} | rounds {EARLY[0]}–{EARLY[1]} | rounds {LATE[0]}–{LATE[1]} | ratio | slope a 100 rounds | all rounds, by tens |",
        "|---|---|---|---|---|---|",
    ]
    for key, what, unit, average in FIGURES:
        values = [row[key] * unit for row in rows]
        early, late = (average(values[first - 1 : last]) for first, last in (EARLY, LATE))
        ratio = late / early
        missed = " **missed**" if round(ratio, 2) > BOUND else ""
        tens = _tens(values[EARLY[0] - 1 :])
        slope = 10 * linear_regression(range(len(tens)), tens).slope
        lines.append(
            f"| {what} | {early:.1f} | {late:.1f} | {ratio:.2f}{missed} | {slope / early:+.1%} | {_drawn(values)} |"
        )
    return "\n".join([*lines, ""])


def _growth(name: str, rows: Sequence[Row]) -> str:
    """How much memory 100 rounds add, from the early rounds on."""
    megabytes = [row["memory"] * 1e-6 for row in rows[EARLY[0] - 1 :]]
    slope = linear_regression(range(len(megabytes)), megabytes).slope
    return f"{100 * slope:.1f} MB in 100 rounds with {name}"


def _drawn(values: Sequence[float]) -> str:
    """The medians of ten rounds each as bars, the highest of which is the greatest."""
    tens = _tens(values)
    return "".join("▁▂▃▄▅▆▇█"[round(7 * ten / max(tens))] for ten in tens)


def _tens(values: Sequence[float]) -> list[float]:
    return [median(values[at : at + 10]) for at in range(0, len(values), 10)]


def main(arguments: Sequence[str]) -> None:
    """Hold one session and print what its rounds took."""
    os.environ["VIRTUAL_AGORA_OFFLINE_LATENCY"] = "0"
    gc.freeze()  # as the command line does
    with tempfile.TemporaryDirectory() as folder:
        rows, state = hold(Path(folder), ROUNDS, *arguments)
    kept = {
        "statements": sum(message["kind"] == "statement" for message in state["messages"]),
        "summaries": len(state["round_summaries"]),
        "digests": len(state["digests"]),
    }
    print(json.dumps({"rows": rows, "kept": kept}))


if __name__ == "__main__":
    main(sys.argv[1:])
