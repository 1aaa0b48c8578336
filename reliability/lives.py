"""The processes of a session that is killed: each runs the command until it dies as it is told to, or ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import psycopg
from langgraph.checkpoint.base import BaseCheckpointSaver
from tests.support.terminal import COMMAND, Terminal
from tests.support.wire import fingerprint

from reliability.dying import PATIENCE, SAVES
from virtual_agora.execution.standing import next_nodes
from virtual_agora.state.sqlite import DATABASE, open_saver
from virtual_agora.state.stores import thread

ROOT = Path(__file__).parents[1]
SESSION = "s"
KEY = "OPENAI_COMPATIBLE_API_KEY"


@dataclass(frozen=True)
class Kill:
    """How a process dies.

    At the `number`-th save or file, as `reliability.dying` has it in `when`; some `seconds` after its start (`moment`); or while
    it asks a person the `number`-th question of its life, in a form or, with `when` being `plain`, line by line.
    """

    at: Literal["save", "file", "moment", "question"]
    number: int = 0
    when: str = ""
    seconds: float = 0.0


@dataclass
class Life:
    """A process that has come to its end: `began` on the machine's steady clock, `code` minus the signal that ended it."""

    client: str
    began: float
    code: int

    @property
    def killed(self) -> bool:
        """Whether it was killed, and has not ended before it came to that."""
        return self.code == -signal.SIGKILL


@dataclass
class Found:
    """What is in the database: the step that runs next, and the answers that are saved.

    `answers` has their fingerprints, each with the number of the superstep that it was given in.
    """

    begun: bool = False
    step: str = "start-up"
    answers: dict[str, int] = field(default_factory=dict)
    sound: bool = True


class Lane:
    """Runs one process after the other. A context manager: it holds a process to fork from.

    `real` lives are the real command from its very start; the others are forked (see `reliability.dying`).
    """

    def __enter__(self) -> Self:
        self._forks = subprocess.Popen(
            [sys.executable, "-m", "reliability.dying"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._forks.communicate()

    def live(
        self, folder: Path, argv: Sequence[str], client: str, kill: Kill | None, *, real: bool
    ) -> Life:
        """Run the command in `folder` until it dies by `kill`, or ends. One that hangs ends by SIGABRT."""
        began = time.monotonic()
        if kill and kill.at == "question":
            code = _asked(folder, argv, client, kill)
        elif real:
            code = _real(folder, [*argv, "--yes"], client, kill)
        else:
            code = self._forked(folder, [*argv, "--yes"], client, kill)
        return Life(client, began, code)

    def _forked(self, folder: Path, argv: Sequence[str], client: str, kill: Kill | None) -> int:
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        order = {
            "folder": str(folder),
            "argv": argv,
            "env": {KEY: client},
            "kill": asdict(kill) if kill else None,
        }
        self._forks.stdin.write(json.dumps(order) + "\n")
        self._forks.stdin.flush()
        return int(self._forks.stdout.readline())


def _real(folder: Path, argv: Sequence[str], client: str, kill: Kill | None) -> int:
    with (folder / "output.txt").open("ab") as output:
        process = subprocess.Popen(
            [*COMMAND, *argv],
            cwd=folder,
            env={**os.environ, KEY: client},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            return process.wait(kill.seconds if kill else PATIENCE)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL if kill else signal.SIGABRT)
            return process.wait()


def _asked(folder: Path, argv: Sequence[str], client: str, kill: Kill) -> int:
    """Enter for every question but the last, which stays unanswered."""
    plain = ["--plain"] if kill.when == "plain" else []
    # A form asks the terminal to mark what is pasted, and then reads what is typed.
    ready = "Your choice" if plain else "\x1b[?2004h"
    terminal = Terminal(folder, *argv, *plain, env={KEY: client})
    for number in range(1, kill.number + 1):
        terminal.until(ready)
        if number < kill.number:
            terminal.press("\r")
    os.kill(terminal.pid, signal.SIGKILL)
    return terminal.end()


def look(folder: Path, address: str | None) -> Found:
    """What is in the database of a session that was killed.

    SQLite's files are copied first, so that the next process finds them as the kill has left them.
    """
    with suppress(FileNotFoundError), _saver(folder, address) as saver:
        latest = saver.get_tuple(thread(SESSION))
        if latest is None:
            return Found()
        step = " + ".join(next_nodes(latest)) or "the end"
        answers = {
            fingerprint(outcome["result"]["text"]): int(checkpoint.metadata["step"])
            for checkpoint in saver.list(thread(SESSION))
            for _, channel, outcome in checkpoint.pending_writes or ()
            if channel == "__return__" and isinstance(outcome, dict) and outcome.get("result")
        }
        return Found(True, step, answers, _is_sound(saver))
    return Found()


@contextmanager
def _saver(folder: Path, address: str | None) -> Iterator[BaseCheckpointSaver[Any]]:
    if address is not None:
        from langgraph.checkpoint.postgres import PostgresSaver

        with psycopg.connect(address) as connection:
            (table,) = connection.execute("SELECT to_regclass('checkpoints')").fetchone() or (None,)
        if table is None:
            raise FileNotFoundError
        with PostgresSaver.from_conn_string(address) as saver:
            yield saver
        return
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    if not (folder / "data" / DATABASE).exists():
        raise FileNotFoundError
    copy.mkdir()
    for path in (folder / "data").glob(f"{DATABASE}*"):
        shutil.copy(path, copy)
    with open_saver(copy) as opened:
        yield opened


def _is_sound(saver: Any) -> bool:
    """SQLite's own check of every page and index; PostgreSQL has none that a client could ask for."""
    if not isinstance(connection := saver.conn, sqlite3.Connection):
        return True
    return bool(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)])


def steps_saved(folder: Path) -> list[str]:
    """The steps that the saves of the forked lives belong to, in order; none where SQLite is not what saves."""
    if not (folder / SAVES).exists():
        return []
    lines = (folder / SAVES).read_text(encoding="utf-8").splitlines()
    return [line.partition(":")[0] or "start-up" for line in lines]
