"""What happened outside an application, counted from one moment to another."""

from __future__ import annotations

from collections import Counter
from typing import Any

from langgraph_parity.plain import plain
from langgraph_parity.rules import ParityUsageError

__all__ = ["Counted", "counts_of"]

__tracebackhide__ = True


class Counted:
    """A record of effects or calls. What is recorded between `pause` and `go_on` does not count: a dead process
    would not have done it."""

    def __init__(self, record: Any) -> None:
        self._record = record
        self._start: Counter[Any] = Counter()
        self._gap: Counter[Any] = Counter()
        self._pause: Counter[Any] | None = None
        self._expected: Counter[str] = Counter()
        counts_of(record)

    def __bool__(self) -> bool:
        return self._record is not None

    def begin(self) -> None:
        """Count from here."""
        self._start, self._gap, self._pause = counts_of(self._record), Counter(), None

    def pause(self) -> None:
        """Stop counting."""
        self._pause = counts_of(self._record)

    def go_on(self) -> None:
        """Count again."""
        if self._pause is not None:
            self._gap = counts_of(self._record) - self._pause

    def total(self, thread_id: str) -> Counter[str]:
        """What was counted, named without the thread's id."""
        total: Counter[str] = Counter()
        for key, times in (counts_of(self._record) - self._start - self._gap).items():
            total[_name(key, thread_id)] += times
        return total

    def expect(self, thread_id: str) -> None:
        """As much as was counted must be counted from now on."""
        self._expected = self.total(thread_id)

    def more(self, thread_id: str) -> Counter[str]:
        """What happened more often than expected."""
        return self.total(thread_id) - self._expected

    def less(self, thread_id: str) -> Counter[str]:
        """What happened less often than expected."""
        return self._expected - self.total(thread_id)


def counts_of(record: Any) -> Counter[Any]:
    """What a record counts: by `counts()`, the kit's `Effects` by name and key, a chat model's `calls` by prompt."""
    if record is None:
        return Counter()
    if hasattr(record, "counts") and callable(record.counts):
        return Counter(record.counts())
    if hasattr(record, "all") and callable(record.all):
        return Counter((effect.name, effect.key) for effect in record.all())
    if hasattr(record, "calls"):
        return Counter(call.prompt for call in record.calls)
    if callable(record):
        return Counter(record())
    raise ParityUsageError(
        f"A {type(record).__name__} does not count effects or calls. Give something with counts() -> Counter, "
        "the kit's Effects or ScriptedChatModel, or a function that returns a Counter."
    )


def _name(key: Any, thread_id: str) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    text = " ".join(str(plain(part, thread_id)) for part in parts if part is not None)
    return text if len(text) <= 80 else f"{text[:77]}..."
