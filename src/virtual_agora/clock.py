"""The session's clock: the only place that reads the time or waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Clock"]

LOOK = 0.1
"""Seconds between two looks at whether a wait has become pointless."""


class Clock:
    """Wall time, elapsed time and waiting. A test hands in a subclass that moves by itself."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        return datetime.now(UTC)

    def timestamp(self) -> str:
        """The current time as ISO 8601 text to the second, as it is kept in the state."""
        return self.now().isoformat(timespec="seconds")

    def elapsed(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Wait before another attempt at a provider; no longer once `enough` says so."""
        until = self.elapsed() + seconds
        while (left := until - self.elapsed()) > 0 and not enough():
            time.sleep(min(left, LOOK))
