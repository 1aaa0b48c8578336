"""What a session computes for each call of a model, against the vendor's SDK alone; where that goes; memory; the test kit's checks."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from tests.support.wire import Wire

ROOT = Path(__file__).parents[1]
PAIRS = 5
LATENCY = 0.05
CALL, MEMORY, CHECKS = 2.0, 150, 1.0
"""The most that a call may take of the SDK's CPU time, the standard session of memory in MB, and the kit's checks of the session they check."""


def measure() -> dict[str, Any]:
    """Hold the sessions, each kind in a process of its own."""
    with tempfile.TemporaryDirectory() as folder, Wire(Path(folder) / "wire.jsonl") as wire:
        spoken = _run("spoken_session", wire.base_url, PAIRS)
    standard = _run("standard_session", LATENCY)
    return {**spoken, "peak_mb": standard["peak_mb"], "checks": _run("checked_session")}


def section(found: dict[str, Any]) -> str:
    """The ratio, the profile, and the rest."""
    pairs = found["pairs"]
    alone, session = (median(pair[side] for pair in pairs) for side in ("alone", "session"))
    whole = sum(found["profile"].values())
    groups = sorted(found["profile"].items(), key=lambda item: -item[1])
    rows = [
        f"| {group or 'starting threads, and what cannot be told'} | {seconds * 1000:.1f} | {seconds / whole:.0%} |"
        for group, seconds in groups
    ]
    checks = [checked / bare - 1 for bare, checked in found["checks"]]
    figures = [
        _figure(
            "CPU time per call ÷ the vendor's SDK", [p["session"] / p["alone"] for p in pairs], CALL
        ),
        _figure("peak memory of the standard session, MB", [found["peak_mb"]], MEMORY, "{:.0f}"),
        _figure("langgraph-parity's checks ÷ the session they check", checks, CHECKS),
    ]
    return f"""## Computing

| | measured | bound | |
|---|---|---|---|
{chr(10).join(figures)}

A call is one of a thousand tokens, streamed in as many pieces by a server on loopback that does not wait between them. The SDK (`openai`) alone takes {alone * 1000:.0f} ms of
CPU for it, the session {session * 1000:.0f} ms: four agents, one topic, three rounds, {pairs[0]["texts"]} answers in free text, shown on a terminal, on SQLite with every commit on
disk. All that the process computes between the creation of the session and its last report is divided among these answers, its {pairs[0]["forms"]} structured ones too. What is
imported at first use has been before. Medians of {len(pairs)} pairs in one process; in brackets the least and the most.

Where it goes, from one more session, all of whose threads are looked at every 2 ms: what a thread has computed since the last look is put down to the module that it is in, the standard library
and pydantic to whoever calls them. Looking costs something itself, so that the sum is more than above.

| | ms per call | share |
|---|---|---|
{chr(10).join(rows)}
"""


def _run(module: str, *words: object) -> Any:
    """Run a module of the benchmarks in a process of its own; what it prints."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, words)]
    ran = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(ran.stdout)


def _figure(what: str, values: list[float], bound: float, form: str = "{:.2f}") -> str:
    value = median(values)
    least, most = form.format(min(values)), form.format(max(values))
    spread = f" ({least} to {most})" if len(values) > 1 else ""
    verdict = "" if value <= bound else f"**missed** by {value / bound - 1:.0%}"
    return f"| {what} | {form.format(value)}{spread} | ≤ {bound:g} | {verdict} |"
