"""How many calls a session waits for one after another, and what it adds to them, measured from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

from markupsafe import Markup

from benchmarks.standard_session import DEPTHS
from virtual_agora.reports.html.svg import circle, element, label, line

ROOT = Path(__file__).parents[1]
PLOT = Path(__file__).parent / "results" / "path.svg"
RUNS = {0.05: 5, 0.2: 2, 0.5: 1}
"""How often the session is held with each latency, in seconds. A line is held where its points are many at one end and far out at the other."""

STEEPEST, HIGHEST = 1.02, 2.0
"""The most that the slope may be of the protocol's depth, and the intercept of the bare graph's."""

BESIDE = {
    "closing_positions": "and the last words beside them",
    "topic_report_generation": "outline, then all sections at once; the topic's summary beside them",
    "final_report_generation": "outline, then all sections at once",
    "discussion_round": "four participants, each of whom hears those before",
    "synthesize_agenda": "the moderator, only because there is a tie",
}

Point = tuple[float, float]
"""Latency of a call and span of the whole run, in seconds."""


def measure() -> dict[str, Any]:
    """Hold the session and run the bare graph, in turn."""
    session: list[Point] = []
    bare: list[Point] = []
    calls: list[float] = []
    last: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "recording.json"
        for latency, times in RUNS.items():
            for _ in range(times):
                last = _run("standard_session", latency)
                recording.write_text(json.dumps(last["recording"]), encoding="utf-8")
                session.append((latency, last["leg"]))
                calls.append(last["span"])
                other = _run("bare_graph", recording, latency)
                bare.append((latency, other["span"]))
        between = _run("standard_session", min(RUNS), "profile")["between"]
    nodes = [node for superstep in last["recording"] for node in superstep.values()]
    return {
        "session": session,
        "bare": bare,
        "first_to_last": [
            (latency, span) for (latency, _), span in zip(session, calls, strict=True)
        ],
        "between": between,
        "bare_cpu": other["cpu"],
        "calls": last["calls"],
        "depth": last["depth"],
        "again": last["again"],
        "steps": {name: [DEPTHS.get(name, 1), times] for name, times in last["steps"].items()},
        "supersteps": len(last["recording"]),
        "tasks": sum(node["others"] + sum(map(len, node["waves"])) for node in nodes),
    }


def section(found: dict[str, Any]) -> str:
    """The derivation of the depth, both lines, and the verdicts; draws the plot."""
    session, bare, calls = (_fit(found[name]) for name in ("session", "bare", "first_to_last"))
    PLOT.parent.mkdir(exist_ok=True)
    PLOT.write_text(_plot(found["session"], found["bare"]), encoding="utf-8")
    depth, again = found["depth"], found["again"]
    steep, high = session[0] / depth, session[1] / bare[1]
    rows = [
        f"| `{name}`{_beside(name)} | {each} | {times} | {each * times} |"
        for name, (each, times) in found["steps"].items()
    ]
    spans = "\n".join(
        f"| {latency * 1000:.0f} ms | {_spread(found['session'], latency)} | {_spread(found['bare'], latency)} |"
        for latency in RUNS
    )
    between = "\n".join(
        f"| {group or 'starting threads, and what cannot be told'} | {seconds * 1000:.0f} |"
        for group, seconds in sorted(found["between"].items(), key=lambda item: -item[1])
    )
    return f"""## The critical path

A session waits for models, and for as many of them one after another as the protocol makes it. How many those are can be measured from
outside: it is held with calls of 50, 200 and 500 ms. The slope of the line through what it took is its depth in calls; the intercept is what it takes by itself.

What is held is the standard session: 4 agents, 2 topics, 3 rounds, {found["calls"]} calls of the offline panel, SQLite with every commit on disk before anything follows. Its time
is that of the whole run, from opening the saved session to the last report on disk, with everything imported before. Beside it, in turn, runs a bare LangGraph graph: the same {found["supersteps"]} supersteps and
{found["tasks"]} tasks, as recorded from the session, on the same checkpointer with the same durability, each call a `@task` that sleeps, and nothing of the application.

What the protocol asks for, [step by step](protocol.md):

| step | calls in sequence | times | depth |
|---|---|---|---|
{chr(10).join(rows)}
| of the protocol | | | {depth - again} |
| an answer that does not fit is asked for again, as the offline panel has it | 1 | {again} | {again} |
| **of the session** | | | **{depth}** |

Seconds, the median and, where there are several runs, the least and the most:

| a call takes | session | bare graph |
|---|---|---|
{spans}

![Span of the session and of the bare graph against the latency of a call](../benchmarks/results/path.svg)

| | session | bare graph | bound | |
|---|---|---|---|---|
| slope, in calls | {session[0]:.2f} | {bare[0]:.2f} | ≤ {STEEPEST} × {depth} = {STEEPEST * depth:.2f} | {_verdict(steep, STEEPEST, "of the depth")} |
| intercept, in seconds | {session[1]:.2f} | {bare[1]:.2f} | ≤ {HIGHEST:g} × {bare[1]:.2f} = {HIGHEST * bare[1]:.2f} | {_verdict(high, HIGHEST, "of the bare graph's")} |

From the first call to the last alone, without what comes before and after, the intercept is {calls[1]:.2f} s. Lines are fitted by least squares.

What the session computes while no call is in flight, {sum(found["between"].values()):.2f} s of CPU in all, from one more session, whose threads are looked at every 2 ms. The bare graph
computes {found["bare_cpu"]:.2f} s. The rest of the intercept is waiting: for the disk, once for each commit, and for threads to take over from one another.

| | ms |
|---|---|
{between}
"""


def _run(module: str, *words: object) -> dict[str, Any]:
    """Run a module of the benchmarks in a process of its own; what it prints."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, words)]
    ran = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def _fit(points: Sequence[Point]) -> tuple[float, float]:
    """Slope and intercept of the line through the points."""
    slope, intercept = linear_regression(*zip(*points, strict=True))
    return slope, intercept


def _spread(points: Sequence[Point], latency: float) -> str:
    spans = [span for at, span in points if at == latency]
    if len(spans) == 1:
        return f"{spans[0]:.2f}"
    return f"{median(spans):.2f} ({min(spans):.2f} to {max(spans):.2f})"


def _beside(name: str) -> str:
    return f": {BESIDE[name]}" if name in BESIDE else ""


def _verdict(ratio: float, bound: float, what: str) -> str:
    if ratio <= bound:
        return f"{ratio:.3f} {what}"
    return f"**missed**: {ratio:.3f} {what}, {ratio / bound - 1:.1%} above the bound"


def _plot(session: Sequence[Point], bare: Sequence[Point]) -> str:
    """Both lines and their points; across from 0 to the longest latency, up from 0 to the longest span."""
    left, right, top, bottom = 0.09, 0.86, 20.0, 260.0
    far, high = max(RUNS), max(span for _, span in (*session, *bare))

    def place(latency: float, span: float) -> tuple[float, float]:
        return left + (right - left) * latency / far, bottom - (bottom - top) * span / high

    parts = [
        line(*place(0, 0), *place(far, 0), "rule"),
        line(*place(0, 0), *place(0, high), "rule"),
    ]
    for latency in (0, *RUNS):
        x, y = place(latency, 0)
        parts.append(label(x, y + 14, f"{latency * 1000:.0f} ms", colour="soft", anchor="middle"))
    for seconds in range(0, round(high) + 1, 5):
        x, y = place(0, seconds)
        parts.append(label(x, y, f"{seconds} s", colour="soft", anchor="end", move=-6))
    for name, points, colour, lower in (
        ("session", session, "accent", 0),
        ("bare graph", bare, "warm", 15),
    ):
        slope, intercept = _fit(points)
        x, y = place(far, slope * far + intercept)
        parts.append(line(*place(0, intercept), x, y, colour, width=1.5))
        parts += [circle(*place(*point), 3, colour, hollow=True) for point in points]
        parts.append(label(x, top + lower, name, colour=colour, move=8))
    return element(
        "svg", Markup("").join(parts), xmlns="http://www.w3.org/2000/svg", width=720, height=285
    )
