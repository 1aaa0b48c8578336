"""The standard session: 4 agents, 2 topics, 3 rounds, on SQLite with every commit on disk. Prints JSON.

    python -m benchmarks.standard_session LATENCY [profile]

LATENCY is the time in seconds that one model call takes. With `profile`, what is computed while no call is in flight is looked at too.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.recording import Recording
from benchmarks.sampling import Sampler
from virtual_agora.config.defaults import offline_panel
from virtual_agora.config.models import Config
from virtual_agora.events import CallFinished, CallRetried, CallStarted, Event, StepFinished
from virtual_agora.execution.session import Agora
from virtual_agora.hitl import Question
from virtual_agora.providers import create_provider
from virtual_agora.state.sqlite import DATABASE

THEME = "Should a city of 200,000 make its public transport free?"
DEPTHS = {
    "agenda_proposal": 1,
    "topic_refinement": 1,
    "collate_proposals": 1,
    "agenda_voting": 1,
    "opening_positions": 1,
    "discussion_round": 4,
    "round_summarization": 1,
    "end_topic_poll": 1,
    "closing_positions": 1,
    "topic_report_generation": 2,
    "agent_poll": 1,
    "final_report_generation": 2,
}
"""Calls that must follow one another in a step. The topic's summary is written beside its report, last words beside positions."""


def answer(question: Question) -> Any:
    """Two topics, and go on to the end."""
    if question["type"] == "agenda_approval":
        return {"action": "reorder", "order": [1, 2]}
    return question["default"]


class Watch:
    """Takes the time of the first and the last call, and counts."""

    def __init__(self) -> None:
        self.first = self.last = 0.0
        self.calls = 0
        self.in_flight = 0
        self.depth = 0
        self.again = 0
        self.steps: Counter[str] = Counter()
        self._answered_in_step: list[str] = []
        self._asked_again: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case CallStarted():
                self.first = self.first or time.perf_counter()
                self.in_flight += 1
            case CallFinished():
                self.last = time.perf_counter()
                self.calls += 1
                self.in_flight -= 1
                self._answered_in_step.append(event.task)
            case CallRetried():
                self._asked_again[event.call_id] += 1
            case StepFinished():
                self._step(event.node)
            case _:
                pass

    def _step(self, node: str) -> None:
        asked, self._answered_in_step = self._answered_in_step, []
        # Calls of a step that are asked again are so side by side, like the calls themselves.
        again = max(self._asked_again.values(), default=0)
        self._asked_again.clear()
        # The moderator is asked only to break a tie.
        depth = (1 if asked else 0) if node == "synthesize_agenda" else DEPTHS.get(node, 0)
        self.again += again
        self.depth += depth + again
        if depth:
            self.steps[node] += 1


def saved(data_dir: Path) -> dict[str, int]:
    """What a session has left in its database: rows of checkpoints and of outcomes, and the bytes in them."""
    with closing(sqlite3.connect(data_dir / DATABASE)) as database:
        ((checkpoints, whole),) = database.execute(
            "SELECT count(*), sum(length(checkpoint) + length(metadata)) FROM checkpoints"
        )
        ((writes, outcomes),) = database.execute("SELECT count(*), sum(length(value)) FROM writes")
    return {"checkpoints": checkpoints, "writes": writes, "bytes": whole + outcomes}


def main() -> None:
    """Hold the session and say what it took."""
    os.environ["VIRTUAL_AGORA_OFFLINE_LATENCY"] = sys.argv[1]
    rules = {"seed": 7, "min_rounds": 3, "max_rounds": 3}
    config = Config.model_validate({**offline_panel().model_dump(), "session": rules})
    watch, recording = Watch(), Recording()
    sampler = Sampler(lambda: not watch.in_flight)

    def listen(event: Event) -> None:
        watch(event)
        recording(event)

    # Imported here; what it takes is measured by itself (`start.py`).
    create_provider("offline", "scripted")
    import_module("virtual_agora.reports.rendering")
    gc.freeze()  # as the command line does
    with tempfile.TemporaryDirectory() as folder, Agora(Path(folder) / "data") as agora:
        session = agora.create(config, theme=THEME, reports_dir=Path(folder) / "reports")
        began = time.perf_counter()
        with sampler if len(sys.argv) > 2 else nullcontext():
            leg = agora.run_leg(session, answer, listener=listen)
        ended = time.perf_counter()
        recording.count_others(Path(folder) / "data")
        in_database = saved(Path(folder) / "data")
        state = agora.snapshot(session)
    assert leg.status == "complete"
    used = list(state["usage"].values())
    print(
        json.dumps(
            {
                "topics": len(state["completed_topics"]),
                "calls": sum(model["calls"] for model in used),
                "depth": watch.depth,
                "steps": watch.steps,
                "again": watch.again,
                "span": watch.last - watch.first,
                "leg": ended - began,
                "prompt_chars": sum(model["prompt_chars"] for model in used),
                "saved": in_database,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "between": sampler.seconds,
                "recording": recording.supersteps,
            }
        )
    )


if __name__ == "__main__":
    main()
