"""Tokens in portions that an eye can follow: every event crosses threads, and single tokens would cost more than they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from virtual_agora.clock import Clock
from virtual_agora.events import Event, Token

__all__ = ["Paced"]

INTERVAL = 0.03
"""Seconds between two portions of one call; about 30 a second look continuous."""


class Paced:
    """Passes one call's events on to `tell`; tokens that follow one another closely become one event.

    The first token goes at once, and nothing is held back when another event comes.
    """

    def __init__(self, tell: Callable[[Event], None], clock: Clock) -> None:
        self._tell = tell
        self._clock = clock
        self._held: Token | None = None
        self._told = float("-inf")

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        if not isinstance(event, Token):
            self._flush()
            self._tell(event)
            return
        self._held = replace(event, text=self._held.text + event.text) if self._held else event
        if self._clock.elapsed() - self._told >= INTERVAL:
            self._flush()

    def _flush(self) -> None:
        if self._held is not None:
            self._tell(self._held)
            self._held = None
            self._told = self._clock.elapsed()
