"""Makes `earlier_sessions.sqlite3.gz`: sessions as they were saved before there were positions.

It is run with the code that is to have saved them, of commit 725492f:

    git archive 725492f src | tar x -C /tmp
    PYTHONPATH=/tmp/src python tests/execution/make_earlier_sessions.py
"""

from __future__ import annotations

import gzip
import os
import sqlite3
import tempfile
from pathlib import Path, PosixPath

from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from virtual_agora.config.defaults import offline_panel
from virtual_agora.config.models import Config
from virtual_agora.events import CallFinished, StepFinished
from virtual_agora.execution.session import Agora
from virtual_agora.hitl import default_answer
from virtual_agora.state.sqlite import DATABASE

RULES = {"seed": 7, "min_rounds": 1, "max_rounds": 2, "checkpoint_interval": 9}


class Here(PosixPath):
    """A folder that stays relative, so that the sessions can be gone on with anywhere."""

    def absolute(self):
        return self


class Breaker:
    """A listener that breaks the session off when an event fits for the second time."""

    def __init__(self, fits):
        self.fits, self.left, self.control = fits, 2, RunControl()

    def __call__(self, event):
        self.left -= bool(self.fits(event))
        if not self.left:
            self.control.request_drain()


BROKEN_OFF = {
    "in-a-round": lambda e: isinstance(e, CallFinished) and e.task == "statement",
    "before-last-words": lambda e: isinstance(e, StepFinished) and e.node == "vote_evaluation",
    "finished": lambda e: False,
}


def make(data):
    config = Config.model_validate({**offline_panel().model_dump(), "session": RULES})
    config = config.model_copy(update={"agents": config.agents[:3]})
    with Agora(data) as agora:
        for name, fits in BROKEN_OFF.items():
            agora.create(
                config,
                reports_dir=Here("reports"),
                theme="Should libraries lend tools?",
                topics=["Drills"],
                session_id=name,
            )
            breaker = Breaker(fits)
            try:
                agora.run_leg(name, default_answer, listener=breaker, control=breaker.control)
            except GraphDrained:
                print(name, "is broken off")


if __name__ == "__main__":
    target = Path(__file__).absolute().with_name("earlier_sessions.sqlite3.gz")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make(Path("data"))
        with sqlite3.connect(f"data/{DATABASE}") as database:
            database.execute("VACUUM")
        target.write_bytes(gzip.compress(Path("data", DATABASE).read_bytes(), mtime=0))
    print(f"{target.stat().st_size:,} bytes")
