"""Real processes, killed for real: run a command, `kill -9` it when something outside is so, resume, compare. POSIX."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph_parity.plain import differences, plain
from langgraph_parity.rules import Finding, ParityError, ParityUsageError

__all__ = ["KillGrid", "appears", "kill_grid", "lines"]

__tracebackhide__ = True

Condition = Callable[[Path], bool]
Command = Sequence[str] | Callable[[Path], Sequence[str]]


def lines(path: str, count: int) -> Condition:
    """The file, in the folder of the run, has at least so many whole lines: of a log, of requests on the wire."""

    def holds(folder: Path) -> bool:
        with suppress(FileNotFoundError):
            return (folder / path).read_bytes().count(b"\n") >= count
        return False

    return holds


def appears(path: str) -> Condition:
    """A file that matches is there (`*` stands for anything)."""
    return lambda folder: any(folder.glob(path))


@dataclass
class KillGrid:
    """What became of each kill: name of its condition -> findings. Prints as a table."""

    cells: dict[str, list[Finding]] = field(default_factory=dict)

    def check(self) -> None:
        """Raise ParityError if anything was found."""
        if found := [finding for cell in self.cells.values() for finding in cell]:
            raise ParityError(found)

    def __str__(self) -> str:
        """One line for each kill."""
        return "\n".join(f"{'x' if bad else '.'}  {name}" for name, bad in self.cells.items())


def kill_grid(
    command: Command,
    resume_command: Command,
    *,
    when: Mapping[str, Condition],
    read: Callable[[Path], Any],
    folder: Path,
    timeout: float = 60.0,
    env: Mapping[str, str] | None = None,
    volatile: tuple[str, ...] = (),
) -> KillGrid:
    """Run `command` to its end; then for each condition run it anew, kill it when that holds, and resume.

    Every run has a folder of its own inside `folder`: it is the working directory, conditions and `read` get it, and a
    command may be a function of it. What `read` returns must be the same as without a kill. `timeout`: seconds a command
    may take. Output is kept in the run's `output.txt`.

    Raises:
        ParityUsageError: the command fails or hangs without a kill, or ends before a condition holds.
    """
    (whole := folder / "undisturbed").mkdir(parents=True)
    if wrong := _run(command, whole, timeout, env):
        raise ParityUsageError(f"Without a kill {wrong}")
    expected = plain(read(whole), whole.name, volatile)
    grid = KillGrid()
    for number, (name, condition) in enumerate(when.items(), 1):
        where = f"killed at {name}"
        (here := folder / f"kill-{number}").mkdir()
        if wrong := _run(command, here, timeout, env, condition):
            raise ParityUsageError(f"To be killed at “{name}”: {wrong}")
        found = grid.cells.setdefault(name, [])
        if wrong := _run(resume_command, here, timeout, env):
            found.append(Finding("P504", where, wrong))
            continue
        came = plain(read(here), here.name, volatile)
        found += [Finding("P501", where, line) for line in differences(expected, came)]
    return grid


def _run(command: Command, folder: Path, timeout: float, env: Any, until: Condition | None = None) -> str:  # fmt: skip
    """Run to the end, or until the condition holds and then kill; returns what went wrong."""
    argv = list(command(folder) if callable(command) else command)
    with (folder / "output.txt").open("ab") as output:
        process = subprocess.Popen(argv, cwd=folder, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip
        end, killed, ended = time.monotonic() + timeout, False, False
        try:
            while time.monotonic() < end and not killed and not ended:
                killed = until is not None and process.poll() is None and until(folder)
                ended = process.poll() is not None and not killed
                time.sleep(0 if killed or ended else 0.002)
        finally:
            with suppress(ProcessLookupError):  # its children, too
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    said = (folder / "output.txt").read_text(errors="replace").splitlines()[-5:]
    last = f" Its last lines: {' | '.join(said)}" if said else " It printed nothing."
    if killed or (ended and until is None and process.returncode == 0):
        return ""
    if not ended:
        waiting = "" if until is None else " and the condition has not come to hold"
        return f"{argv[0]} has not ended after {timeout:g} s{waiting}.{last}"
    early = "" if until is None else " before the condition held"
    return f"{argv[0]} ended with {process.returncode}{early}.{last}"
