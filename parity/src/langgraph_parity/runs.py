"""What happened in one run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from langgraph_parity.human import Question

__all__ = ["Run"]

Outcome = Literal["done", "waiting", "failed"]


@dataclass
class Run:
    """What happened from entering the application to its end, its next question, or its failure."""

    thread_id: str
    updates: list[Any] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    supersteps: list[frozenset[str]] = field(default_factory=list)
    ways: Counter[tuple[str, str]] = field(default_factory=Counter)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    rss_growth: int = 0
    ended: Outcome = "failed"
    """As `outcome`, without counting as looked at."""
    raised: BaseException | None = None
    """As `error`, without counting as looked at."""
    looked_at: bool = False

    @property
    def outcome(self) -> Outcome:
        """`done`, `waiting` (for an answer, or at a breakpoint), or `failed`."""
        self.looked_at = True
        return self.ended

    @property
    def told(self) -> str:
        """Why it is not done, in a line; empty if it is."""
        where = f"thread {self.thread_id}: {self.ended}"
        if self.raised is not None:
            return f"{where}, {type(self.raised).__name__}: {self.raised}"
        if self.ended != "waiting":
            return "" if self.ended == "done" else where
        waiting = {q.type: q for q in self.questions if q.answer is None}
        asked = [f"{kind} (asked by {q.node}): {q.value!r}" for kind, q in waiting.items()]
        return f"{where} for an answer to {'; '.join(asked)}" if asked else where

    @property
    def error(self) -> BaseException | None:
        """What the application raised when the run failed."""
        self.looked_at = True
        return self.raised
