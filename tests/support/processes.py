"""Sessions as processes: begun, waited for, killed and gone on with, against the server of `wire.py`.

Where a test stops a process at a certain call, the server holds that call's answer back, and the database says what is saved by then.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.support.terminal import COMMAND
from tests.support.wire import Wire
from virtual_agora.state.sqlite import DATABASE

Line = dict[str, Any]
THEME = "Should we bake our own bread?"
TOPIC = ("--topic", "Is it worth the hour?")
SEED = 3


def panel(folder: Path, wire: Wire, *, positions: str = "before_and_after", **models: str) -> None:
    """Participants by their names, in the order in which they speak in the first round, and their models."""
    agent = {"provider": "openai_compatible", "base_url": wire.base_url}
    config = {
        "agents": [{**agent, "name": name, "model": model} for name, model in models.items()],
        "moderator": {**agent, "model": "good"},
        "summarizer": {**agent, "model": "good"},
        "report_writer": {**agent, "model": "good"},
        "session": {
            "min_rounds": 2,
            "checkpoint_interval": 2,
            "seed": SEED,
            "positions": positions,
        },
    }
    (folder / "config.yml").write_text(yaml.safe_dump(config))


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *words, "--data-dir", "data", "--yes"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def begin(folder: Path) -> subprocess.Popen[str]:
    return start(folder, "run", THEME, *TOPIC, "--session", "s")


def wait_for(wire: Wire, condition: Callable[[list[Line]], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition(wire.received()):
        assert time.monotonic() < deadline, "the session never came so far"
        time.sleep(0.01)


def saved(folder: Path) -> int:
    """How many tasks of the step under way have their results in the database."""
    with sqlite3.connect(folder / "data" / DATABASE) as connection:
        query = (
            "SELECT count(*) FROM writes WHERE channel = '__return__' "
            "AND checkpoint_id = (SELECT max(checkpoint_id) FROM checkpoints)"
        )
        (count,) = connection.execute(query).fetchone()
    connection.close()
    return int(count)


def told(folder: Path, event: str) -> list[Line]:
    """The lines in the session's log about such events."""
    log = (folder / "data" / "logs" / "s.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, log) if line["event"] == event]


def hashes(lines: Iterable[Line]) -> list[str]:
    return [line["sha256"] for line in lines]


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    assert process.stdout is not None
    process.stdout.close()


def finish(folder: Path) -> str:
    process = start(folder, "resume", "s")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said
