"""The command in processes that end themselves by SIGKILL at a given write.

    python -m reliability.dying

reads orders from its standard input, one JSON object a line, and carries each out in a child, forked before anything has run:
`folder` to work in, `argv` of the command, `env` to add, and `kill`, which may be None. A line with the child's exit code, or minus the
signal that ended it, answers. What is forked has only imported the application and the SDK, so that a cell of the grid need not pay for that; from
there on a child is what `python -m virtual_agora.main` is.

The one thing replaced is the outermost edge: `sqlite3.connect`, `os.fsync` and `os.replace` of the standard library look at what is
written before they do it. `kill` has `at` (`save`: a commit that saves a checkpoint or the outcome of a task; `file`: a report), the
`number` of that write in the process, from 1, and `when`: `before` or `after` the commit; `torn`, with half of the file on the disk,
`unnamed`, whole but not renamed yet, or `named`, once it has its name. At `moment` it is killed from outside, so many `seconds` after it began. What was saved is listed in `saves.txt`, a line a commit, and the files
in `files.txt`.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import signal
import sqlite3
import stat
import sys
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

SAVES, FILES = "saves.txt", "files.txt"
PATIENCE = 600.0
"""Seconds after which a process that has not ended counts as hung."""
INSERT = re.compile(r"INSERT OR \w+ INTO (checkpoints|writes) ")
NODE = re.compile(r"~__pregel_pull, (\w+)")


def die() -> NoReturn:
    """As `kill -9` has it: nothing is flushed, closed or undone, whatever other threads are at."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody survives SIGKILL")


class Saving(sqlite3.Connection):
    """A connection that counts the commits which save something of a session, and dies at one of them."""

    kill: dict[str, Any] | None = None
    number = 0
    node = ""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._what = ""
        self.set_trace_callback(self._look)

    def _look(self, statement: str) -> None:
        if found := INSERT.match(statement):
            node = NODE.search(statement[:2000])
            # A checkpoint belongs to the step whose outcome was saved before it.
            Saving.node = node[1] if node else Saving.node
            task = "a call" if "~__pregel_push" in statement[:2000] else "the step"
            self._what = "checkpoint" if found[1] == "checkpoints" else task

    def __exit__(self, *error: Any) -> Any:
        if error[0] is None:
            self.commit()
        return super().__exit__(*error)

    def commit(self) -> None:
        """Commit; if it is the one to die at, before or after."""
        what, self._what = self._what, ""
        if not what:
            super().commit()
            return
        Saving.number += 1
        now = self.kill if self.kill and self.kill["number"] == Saving.number else {"when": ""}
        with open(SAVES, "a", encoding="utf-8") as saves:
            saves.write(f"{Saving.node}: {what}\n")
        if now["when"] == "before":
            die()
        super().commit()
        if now["when"] == "after":
            die()


def watch_files(number: int, when: str) -> None:
    """List the files that are written, and die at the `number`-th; at none where that is 0."""
    fsync, replace = os.fsync, os.replace
    synced, replaced = count(1), count(1)

    def dying_fsync(descriptor: int) -> None:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            fsync(descriptor)
            return
        last = next(synced) == number
        if last and when == "torn":
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            die()
        fsync(descriptor)
        if last and when == "unnamed":
            die()

    def dying_replace(*paths: Any) -> None:
        replace(*paths)
        with open(FILES, "a", encoding="utf-8") as files:
            files.write(f"{Path(paths[1]).name}\n")
        if next(replaced) == number and when == "named":
            die()

    os.fsync, os.replace = dying_fsync, dying_replace  # type: ignore[assignment]


def become(order: dict[str, Any]) -> None:
    """Be the command from here on; it ends the process."""
    for descriptor, path in ((0, os.devnull), (1, "output.txt"), (2, "output.txt")):
        opened = os.open(
            Path(order["folder"], path), os.O_RDWR | os.O_CREAT | os.O_APPEND, mode=0o600
        )
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(order["folder"])
    os.environ.update(order["env"])
    kill = order["kill"]
    at_file: dict[str, Any] = kill if kill and kill["at"] == "file" else {"number": 0, "when": ""}
    watch_files(at_file["number"], at_file["when"])
    Saving.kill = kill if kill and kill["at"] == "save" else None
    sqlite3.connect = partial(sqlite3.connect, factory=Saving)  # type: ignore[assignment]
    sys.argv = ["virtual-agora", *order["argv"]]
    runpy.run_module("virtual_agora.main", run_name="__main__", alter_sys=True)


def main() -> None:
    """Serve orders until there are no more."""
    # What every session imports sooner or later.
    import langchain_openai  # noqa: F401

    import virtual_agora.commands  # noqa: F401

    # Blocked, so that it can be waited for with a limit.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while line := sys.stdin.readline():
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            become(order)
        kill = order["kill"]
        limit, end = PATIENCE, signal.SIGABRT  # a hung process is no killed one
        if kill and kill["at"] == "moment":
            limit, end = kill["seconds"], signal.SIGKILL
        if signal.sigtimedwait({signal.SIGCHLD}, limit) is None:
            os.kill(child, end)
        status = os.waitpid(child, 0)[1]
        signal.sigtimedwait({signal.SIGCHLD}, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
