"""Processes of a peer against the server double: held to the end, or killed half-way and gone on with."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.wire import Wire

from benchmarks.peer.calls import shape
from benchmarks.peer.environments import ROOT, Unusable, last_line

LATENCY = 0.2
"""Seconds that every answer takes."""
PATIENCE = 120.0
"""Seconds for a process to end, or to come so far that it is killed."""
TRIES = 5
"""How often it is tried to kill a deliberation between two answers; a busy machine may be late."""
NOWHERE = "http://127.0.0.1:9"
"""A proxy that nobody runs, for everything but loopback: whatever a peer wants to tell others fails at once."""
QUIET = {
    **{f"{name}_PROXY": NOWHERE for name in ("HTTP", "HTTPS", "ALL")},
    "NO_PROXY": "127.0.0.1,localhost",
    "OTEL_SDK_DISABLED": "true",
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "CREWAI_TESTING": "true",  # asks nobody whether to be traced
    "LLM_COUNCIL_TELEMETRY": "off",
    "AGENT_FRAMEWORK_USER_AGENT_DISABLED": "true",
}


class Bench:
    """A server double and a folder for one peer's processes."""

    def __init__(self, driver: str, interpreter: Path, folder: Path, wire: Wire) -> None:
        self.folder = folder
        self.wire = wire
        self._command = [str(interpreter), "-m", "benchmarks.peer.run", driver]

    def start(self, *names: str) -> subprocess.Popen[str]:
        """Hold deliberations in these folders, one after the other, in a process."""
        with (self.folder / "said.txt").open("w") as said:
            return subprocess.Popen(
                [*self._command, *(str(self.folder / name) for name in names)],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def finish(self, process: subprocess.Popen[str]) -> None:
        """Wait for its end.

        Raises:
            Unusable: it failed, or took too long.
        """
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Unusable(f"it was not done after {PATIENCE:.0f} s") from None
        if code:
            said = (self.folder / "said.txt").read_text(encoding="utf-8", errors="replace")
            raise Unusable(last_line(said))

    def wait_for(self, condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        """Wait until it came so far, or has ended.

        Raises:
            Unusable: it took too long.
        """
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and not condition():
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise Unusable(f"it never came so far in {PATIENCE:.0f} s")
            time.sleep(0.005)

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        return {
            **QUIET,
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": path,
            "OPENAI_BASE_URL": self.wire.base_url,
            "OPENAI_API_KEY": "client-peer",
        }


@contextmanager
def bench(driver: str, interpreter: Path, *, uneven: bool = False) -> Iterator[Bench]:
    """A new server and a new folder. An `uneven` server does not answer at once what is asked at once."""
    with tempfile.TemporaryDirectory(prefix="peer-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with Wire(folder / "requests.jsonl", latency=LATENCY, uneven=uneven) as wire:
            yield Bench(driver, interpreter, folder, wire)


def held(driver: str, interpreter: Path) -> dict[str, float]:
    """Two deliberations in one process. The second is measured: it imports nothing, and is connected.

    `start` is the time to import, and what the first took longer than the second, in seconds; `cpu` is per call.

    Raises:
        Unusable: it failed.
    """
    with bench(driver, interpreter) as bed:
        bed.finish(bed.start("first", "second"))
        first, second = (_found(bed.folder / name) for name in ("first", "second"))
        found = shape([line for line in bed.wire.answered() if line["at"] >= second["began"]])
    return {
        **found,
        "start": first["imported"] + first["seconds"] - second["seconds"],
        "cpu": second["cpu"] / found["calls"],
        "peak_mb": first["peak_mb"],
    }


def killed(driver: str, interpreter: Path, calls: int, share: float) -> dict[str, Any]:
    """A deliberation of so many `calls`, killed when a `share` of them is answered, and held again.

    `repeated` are the calls made again whose answers had been received before, `left_out` those that nobody made.

    Raises:
        Unusable: it could not be killed between two answers.
    """
    for _ in range(TRIES):
        with bench(driver, interpreter, uneven=True) as bed:
            if _killed_between_answers(bed, max(1, round(calls * share))):
                return _held_again(bed, calls)
    raise Unusable("it was never between two answers")


def _killed_between_answers(bed: Bench, enough: int) -> bool:
    """Kill a deliberation when `enough` calls are answered and more are asked; False if one was answered just then."""
    wire, process = bed.wire, bed.start("held")

    def between() -> bool:
        answered = wire.answered()
        if len(answered) < enough or len(wire.received()) == len(answered):
            return False
        # What is answered is acted upon, and what is to be kept is kept.
        latest: float = max(line["until"] for line in answered)
        return time.monotonic() - latest > LATENCY / 2

    bed.wait_for(between, process)
    before = len(wire.answered())
    process.kill()
    return process.wait() < 0 and len(wire.answered()) == before


def _held_again(bed: Bench, calls: int) -> dict[str, Any]:
    before, asked = len(bed.wire.answered()), len(bed.wire.received())
    try:
        bed.finish(bed.start("held"))
    except Unusable as error:
        return {"answered": before, "repeated": before, "left_out": 0, "error": str(error)}
    more = before + len(bed.wire.received()) - asked - calls
    return {"answered": before, "repeated": max(0, more), "left_out": max(0, -more), "error": ""}


def _found(folder: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    return found
