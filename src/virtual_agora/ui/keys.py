"""What all forms on the keyboard share: how they end, and how long Esc waits."""

from __future__ import annotations

from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.key_binding import KeyPressEvent

__all__ = ["break_off", "leave", "wait_for_escape"]

_ESCAPE_SECONDS = 0.3


def wait_for_escape(app: Application[Any]) -> None:
    """Have Esc wait a moment for a second key: terminals send Alt as Esc and the key."""
    app.timeoutlen = app.ttimeoutlen = _ESCAPE_SECONDS


def leave(event: KeyPressEvent, result: object) -> None:
    """End the form with a result. The key behind an Esc still arrives when Esc has ended it: the first counts."""
    if not event.app.is_done:
        event.app.exit(result=result)


def break_off(event: KeyPressEvent) -> None:
    """End the form with KeyboardInterrupt."""
    if not event.app.is_done:
        event.app.exit(exception=KeyboardInterrupt())
