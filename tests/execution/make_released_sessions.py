"""Makes `released_VERSION.sqlite3.gz` and `released_VERSION.json.gz`: sessions as a release saved them, and the record of one.

It is run with the code of that release, once: what it made is to be read for ever. Those of 1.3.0 are of commit 48edb57.

    git archive 48edb57 src parity/src | tar x -C /tmp
    PYTHONPATH=/tmp/src:/tmp/parity/src python tests/execution/make_released_sessions.py 1.3.0
"""

from __future__ import annotations

import gzip
import os
import signal
import sqlite3
import sys
import tempfile
from pathlib import Path, PosixPath

from langgraph_parity import Parity

from virtual_agora.events import CallFinished
from virtual_agora.execution.session import Agora
from virtual_agora.hitl import default_answer
from virtual_agora.testing import PANEL, TARGET, THEME

DATABASE = "sessions.sqlite3"
CONFIG = PANEL.model_copy(update={"agents": PANEL.agents[:3]})


class Here(PosixPath):
    """A folder that stays relative, so that the sessions can be gone on with anywhere."""

    def absolute(self):
        return self


class Killer:
    """A listener that kills the process, as `kill -9` does, once two statements have been answered."""

    left = 2

    def __call__(self, event):
        self.left -= isinstance(event, CallFinished) and event.task == "statement"
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


SESSIONS = {
    "waiting": (None, None),
    "killed": (default_answer, Killer()),
    "finished": (default_answer, None),
}


def hold(name):
    answer, listener = SESSIONS[name]
    with Agora(Path("data")) as agora:
        agora.create(CONFIG, reports_dir=Here("reports"), theme=THEME, session_id=name)
        agora.run_leg(name, answer, listener=listener)


def make(version):
    for name in SESSIONS:
        child = os.fork()
        if not child:
            hold(name)
            os._exit(0)
        print(name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    with sqlite3.connect(f"data/{DATABASE}") as database:
        database.execute("VACUUM")
    yield f"released_{version}.sqlite3.gz", Path("data", DATABASE)
    parity = Parity(TARGET)
    run = parity.run(answers=default_answer)
    yield f"released_{version}.json.gz", parity.record(run, "history.json")


if __name__ == "__main__":
    os.environ["VIRTUAL_AGORA_OFFLINE_LATENCY"] = "0"
    here = Path(__file__).absolute().parent
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, made in make(sys.argv[1]):
            kept = here / name
            kept.write_bytes(gzip.compress(made.read_bytes(), mtime=0))
            sys.stdout.write(f"{kept.name}: {kept.stat().st_size:,} bytes\n")
