"""Many sessions at once in one process: none lost, none mixed up, and what that takes.

    python -m reliability.sessions COUNT [--database URL] [--latency SECONDS] [--alone]

holds COUNT sessions over `Agora.run_leg`, a thread each, or one after the other, and prints what it found as JSON. Two scripted
participants discuss one topic for one round; every session has a theme, a seed and reports of its own.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from langgraph_parity import postgres
from psycopg import connect
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier
from tests.production.panels import without_times

from virtual_agora.config.models import Config
from virtual_agora.events import CallFinished, CallStarted, Event
from virtual_agora.execution.session import Agora
from virtual_agora.flow.files import reports_folder
from virtual_agora.hitl import default_answer
from virtual_agora.providers.vendors import OFFLINE_LATENCY

ROOT = Path(__file__).parents[1]
COUNTS = (10, 50, 100, 200)
LATENCY = 0.05
LOOK = 0.05
"""Seconds between two looks at memory and threads."""

AGENT = {"provider": "offline", "model": "scripted"}
RULES = {"min_rounds": 1, "max_rounds": 1, "positions": "off"}
PLACES = ("Aldermoor", "Birkholm", "Castelrosso", "Dunmarra", "Eskilby", "Fontvieille", "Grauwil")
THINGS = ("buses", "libraries", "swimming pools", "allotments", "night trains", "markets")


def theme(number: int) -> str:
    """The question of a session, which no other has."""
    place, thing = PLACES[number % len(PLACES)], THINGS[number % len(THINGS)]
    return f"Should {place} pay for its {thing} in the year {2030 + number}?"


def topic(number: int) -> str:
    """Its only topic."""
    return f"What would the {THINGS[number % len(THINGS)]} cost {PLACES[number % len(PLACES)]}?"


# -- one run, in a process of its own --------------------------------------------------------------------


class Depth:
    """Counts the calls of a session that have to follow one another."""

    def __init__(self) -> None:
        self.calls = 0
        self._nodes: dict[str, str] = {}
        self._attempts: dict[tuple[str, str], list[int]] = defaultdict(list)

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case CallStarted():
                self._nodes[event.call_id] = event.node
            case CallFinished():
                self.calls += 1
                step = self._nodes[event.call_id], event.task
                self._attempts[step].append(event.attempts)
            case _:
                pass

    def total(self) -> int:
        """Turns follow one another, and so do the tasks of a step; the summary is written beside the report."""
        return sum(
            sum(attempts) if task == "statement" else max(attempts)
            for (node, task), attempts in self._attempts.items()
            if node != "topic_summary_generation"
        )


class Watch:
    """The most memory and threads that this process has meanwhile."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._done = threading.Event()
        self.bytes = self.before = self._process.memory_info().rss
        self.threads = 0

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(LOOK):
            self.bytes = max(self.bytes, self._process.memory_info().rss)
            self.threads = max(self.threads, threading.active_count())


def hold(count: int, folder: Path, *, database: str | None, alone: bool = False) -> dict[str, Any]:
    """Hold the sessions; `alone`: one after the other."""
    names = [f"s{number:03}" for number in range(count)]
    depths = [Depth() for _ in names]

    with Agora(folder / "data", *([database] if database else [])) as agora:

        def one(number: int) -> str:
            _create(agora, folder, number, names[number])
            leg = agora.run_leg(names[number], default_answer, listener=depths[number])
            return leg.status

        _warm_up(agora, folder)
        with Watch() as watch, ThreadPoolExecutor(1 if alone else count) as threads:
            began, spent = time.perf_counter(), time.process_time()
            statuses = list(threads.map(one, range(count)))
            seconds, spent = time.perf_counter() - began, time.process_time() - spent
        digests = {name: _digest(agora, name, number) for number, name in enumerate(names)}
    return {
        "sessions": count,
        "complete": statuses.count("complete"),
        "calls": sum(depth.calls for depth in depths),
        "depth": max(depth.total() for depth in depths),
        "seconds": seconds,
        "cpu_seconds": spent,
        "bytes": watch.bytes - watch.before,
        "threads": watch.threads,
        "digests": digests,
    }


def _create(agora: Agora, folder: Path, number: int, name: str) -> None:
    roles: dict[str, Any] = dict.fromkeys(("moderator", "summarizer", "report_writer"), AGENT)
    config: dict[str, Any] = {
        "agents": [{**AGENT, "count": 2}],
        **roles,
        "session": {**RULES, "seed": number},
    }
    agora.create(
        Config.model_validate(config),
        theme=theme(number),
        topics=[topic(number)],
        session_id=name,
        reports_dir=folder / "reports",
    )


def _warm_up(agora: Agora, folder: Path) -> None:
    """A session that is not measured: what is loaded once is none's own."""
    _create(agora, folder, 10_000, "first")
    agora.run_leg("first", default_answer)


def _digest(agora: Agora, name: str, number: int) -> str:
    """All that a session is, but for its times. Whose it is by its own words is checked first."""
    state = agora.snapshot(name)
    said = (state["session_id"], state["main_topic"], state["completed_topics"], state["seed"])
    assert said == (name, theme(number), [topic(number)], number), said
    whole = [json.dumps(_timeless(state), sort_keys=True)]
    folder = reports_folder(state)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            whole += [str(path.relative_to(folder)), without_times(path.read_text("utf-8"))]
    return hashlib.sha256("\0".join(whole).encode()).hexdigest()


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        kept = value.keys() - {"at", "start_time", "reports_dir"}
        return {name: _timeless(value[name]) for name in kept}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


# -- all runs --------------------------------------------------------------------------------------------


def run(
    count: int, *, database: str | None = None, latency: float = LATENCY, alone: bool = False
) -> dict[str, Any]:
    """`hold` in a process of its own."""
    words = ["--latency", str(latency), *(["--alone"] if alone else [])]
    words += ["--database", database] if database else []
    done = subprocess.run(
        [sys.executable, "-m", "reliability.sessions", str(count), *words],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def compare(found: dict[str, Any], alone: dict[str, Any]) -> dict[str, Any]:
    """What was found at once, beside what the same sessions are alone: `other` names those that differ."""
    digests = found.pop("digests")
    found["other"] = [name for name in digests if digests[name] != alone["digests"][name]]
    return found


@contextmanager
def databases() -> Iterator[dict[str, Callable[[], str | None]]]:
    """The kinds of database, each with what makes an empty one and gives its address; None is the one in the folder."""
    with postgres.server() as conninfo:
        at = conninfo_to_dict(conninfo)

        def made() -> str:
            name = f"sessions_{time.monotonic_ns()}"
            with connect(conninfo, autocommit=True) as connection:
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
            return f"postgresql://{at['user']}@/{name}?host={at['host']}"

        yield {"SQLite": lambda: None, "PostgreSQL": made}


def measure() -> dict[str, Any]:
    """Every count of sessions on every database, and each session alone."""
    alone = run(max(COUNTS), latency=0.0, alone=True)
    found: dict[str, Any] = {"latency": LATENCY, "alone": alone["complete"], "runs": {}}
    with databases() as places:
        for name, make in places.items():
            found["runs"][name] = [compare(run(count, database=make()), alone) for count in COUNTS]
    return found


def section(found: dict[str, Any]) -> str:
    """What was found, as Markdown."""
    runs = [run for each in found["runs"].values() for run in each]
    held = sum(run["sessions"] for run in runs)
    lost = held - sum(run["complete"] for run in runs)
    mixed = sum(len(run["other"]) for run in runs)
    most = max(run["sessions"] for run in runs)
    latency = found["latency"]
    depth = max(run["depth"] for run in runs)
    lines = [
        "## Many sessions",
        "",
        f"Up to {most} sessions at once in one process, each in a thread of its own over `Agora.run_leg`: two scripted participants, one "
        f"topic, one round, {latency * 1000:.0f} ms a call. Every session has a theme, a seed and reports of its own. Each was also held alone, "
        "one after the other; state, transcript and every file of the reports are compared, but for times.",
        "",
        f"**Of {held:,} sessions {lost or 'none'} {_was(lost)} lost, and {mixed or 'none'} {_was(mixed)} in any word other than alone.**",
        "",
        "| database | sessions | complete | as alone | calls a second | sessions a minute | of what the latency allows | CPU a call | cores busy "
        "| memory a session | threads a session |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(_row(name, run, latency) for name, each in found["runs"].items() for run in each),
        "",
        *(_growth(name, each[0], each[-1]) for name, each in found["runs"].items()),
        "",
        f"{depth} calls of a session have to follow one another, so on a machine without end all sessions would be over after "
        f"{depth * latency:.2f} s; the share is of that. Two things hold them up. Python runs one thread at a time, so a process can use "
        "about one core, and each call costs CPU: LangChain's and LangGraph's own, and ours. And SQLite commits one at a time, "
        "each on the disk before the next. What is missing to one core busy was spent waiting for the disk, or for a machine that others "
        "used too. Who needs more sessions at once than one core bears runs several processes, for which PostgreSQL is made. Its server here does "
        "not wait for the disk (`fsync=off`), being thrown away afterwards.",
        "",
        "Memory is what the process had at its most beyond one that has already held a session. Memory and CPU of PostgreSQL's own processes "
        "are not counted. Threads wait for models; a session "
        "has as many as it makes calls and saves at once, and gives them back at its end.",
    ]
    return "\n".join(lines)


def _was(number: int) -> str:
    return "were" if number > 1 else "was"


def _row(name: str, run: dict[str, Any], latency: float) -> str:
    count, seconds = run["sessions"], run["seconds"]
    cells = [
        name,
        count,
        run["complete"],
        count - len(run["other"]),
        f"{run['calls'] / seconds:.0f}",
        f"{60 * count / seconds:.0f}",
        f"{run['depth'] * latency / seconds:.1%}",
        f"{1000 * run['cpu_seconds'] / run['calls']:.0f} ms",
        f"{run['cpu_seconds'] / seconds:.2f}",
        f"{run['bytes'] / count / 2**20:.2f} MB",
        f"{run['threads'] / count:.1f}",
    ]
    return f"| {' | '.join(map(str, cells))} |"


def _growth(name: str, few: dict[str, Any], many: dict[str, Any]) -> str:
    def ratio(of: str, to: str) -> str:
        return f"{(many[of] / many[to]) / (few[of] / few[to]):.2f}"

    return (
        f"{name}, from {few['sessions']} to {many['sessions']} sessions: calls a second × {ratio('calls', 'seconds')}, "
        f"CPU a call × {ratio('cpu_seconds', 'calls')}, memory a session × {ratio('bytes', 'sessions')}, "
        f"threads a session × {ratio('threads', 'sessions')}.  "
    )


def main() -> None:
    """Hold the sessions that the command line asks for."""
    parser = argparse.ArgumentParser(description="Hold many sessions at once.")
    parser.add_argument("count", type=int)
    parser.add_argument("--database", help="the address of a PostgreSQL database; else SQLite")
    parser.add_argument("--latency", default=str(LATENCY), help="seconds a call takes")
    parser.add_argument("--alone", action="store_true", help="one after the other")
    chosen = parser.parse_args()
    os.environ[OFFLINE_LATENCY] = chosen.latency
    gc.freeze()  # as the command line does
    with tempfile.TemporaryDirectory() as folder:
        where = {"database": chosen.database, "alone": chosen.alone}
        print(json.dumps(hold(chosen.count, Path(folder), **where)))


if __name__ == "__main__":
    main()
