"""What langgraph-parity adds to a session that it checks: the same session with and without it, in turn, in one process.

    python -m benchmarks.checked_session

prints the seconds of both, pair by pair, as JSON. Nothing but the kit differs: the scripted panel answers at once, the
coordinator is production's, checkpoints are kept in memory, and nobody writes a log.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from langgraph.checkpoint.memory import InMemorySaver
from langgraph_parity import Parity

from virtual_agora.testing import make_target

PAIRS = 15


def main() -> None:
    """Hold the sessions and say what they took."""
    os.environ["VIRTUAL_AGORA_OFFLINE_LATENCY"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        target = make_target(Path(folder))

        def bare() -> None:
            flow = target.build(InMemorySaver())
            assert target.begin
            assert target.default_answer
            config = {"configurable": {"thread_id": target.begin(flow, None, "bare")}}
            for _ in target.entry(flow, None, config, target.default_answer):
                pass

        def checked() -> None:
            parity = Parity(target)
            assert parity.run().outcome == "done"
            parity.check()

        bare(), checked()  # what is imported at first use is not measured
        print(json.dumps([(_seconds(bare), _seconds(checked)) for _ in range(PAIRS)]))


def _seconds(hold: Callable[[], None]) -> float:
    began = time.perf_counter()
    hold()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
