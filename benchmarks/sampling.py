"""Where a process spends its CPU time: all its threads are looked at every few milliseconds.

What a thread has used since the last look is put down to the code that it is in. Only on Linux.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

__all__ = ["Sampler"]

INTERVAL = 0.002
"""Seconds between two looks."""

SWITCH = 0.0005
"""Seconds for which a thread that computes may keep the sampler waiting. Left to itself Python grants it ten times as long, and
threads would be met where they wait for the network more often than where they compute."""

CLOCK_OF_THREAD = 6
"""What Linux wants in the last bits of a clock's number, the rest of which is that of a thread: its CPU time."""


GROUPS = {
    "/virtual_agora/state/": "SQLite, checkpoints",
    "/langgraph/checkpoint/sqlite/": "SQLite, checkpoints",
    "/langgraph/": "LangGraph",
    "/langchain_core/": "LangChain",
    "/langchain_openai/": "LangChain",
    "/openai/": "vendor's SDK, HTTP",
    "/httpx2/": "vendor's SDK, HTTP",
    "/httpcore2/": "vendor's SDK, HTTP",
    "/httpx/": "vendor's SDK, HTTP",
    "/httpcore/": "vendor's SDK, HTTP",
    "/h11/": "vendor's SDK, HTTP",
    "/virtual_agora/providers/": "ours: providers",
    "/virtual_agora/agents/": "ours: agents, prompts",
    "/virtual_agora/prompts/": "ours: agents, prompts",
    "/virtual_agora/flow/": "ours: flow",
    "/virtual_agora/execution/": "ours: log, telemetry, execution",
    "/virtual_agora/ui/": "ours: terminal",
    "/virtual_agora/reports/": "ours: reports, measures",
    "/virtual_agora/measures/": "ours: reports, measures",
    "/virtual_agora/": "ours: other",
}
"""Parts of the paths of modules, and what they go by; the first that fits counts."""


def group_of(file: str) -> str:
    """What a module goes by; nothing for the standard library and what others call."""
    return next((group for part, group in GROUPS.items() if part in file), "")


class Sampler:
    """A context manager; `seconds` is the CPU time by group, of what happens while it `counts`.

    A frame of no group is put down to the nearest one around it that has a group, and to `""` where there is none.
    """

    def __init__(self, counts: Callable[[], bool] = lambda: True) -> None:
        self.seconds: Counter[str] = Counter()
        self._counts = counts
        self._groups: dict[str, str] = {}
        self._used: dict[int, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH)
        self._look()
        self.seconds.clear()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        sys.setswitchinterval(self._before)

    def _sample(self) -> None:
        while not self._stop.wait(INTERVAL):
            self._look()

    def _look(self) -> None:
        frames, counts = sys._current_frames(), self._counts()
        for thread in threading.enumerate():
            number, frame = thread.native_id, frames.get(thread.ident or 0)
            if number is None or frame is None or thread is self._thread:
                continue
            try:
                used = time.clock_gettime(~number << 3 | CLOCK_OF_THREAD)
            except OSError:  # it has just ended
                continue
            spent = used - self._used.get(number, 0.0)
            self._used[number] = used
            if spent > 0 and counts:
                self.seconds[self._group(frame)] += spent

    def _group(self, frame: FrameType | None) -> str:
        while frame is not None:
            file = frame.f_code.co_filename
            if file not in self._groups:
                self._groups[file] = group_of(file)
            if self._groups[file]:
                return self._groups[file]
            frame = frame.f_back
        return ""
