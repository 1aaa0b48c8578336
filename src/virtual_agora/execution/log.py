"""The session's log: one JSON object a line for everything that happens, tokens left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

from virtual_agora.clock import Clock
from virtual_agora.events import Event, StepFinished, Token
from virtual_agora.providers.vendors import redact

__all__ = ["SessionLog"]


class SessionLog:
    """A listener that appends to `<folder>/<session>.jsonl`, for its owner's eyes only. A context manager.

    Each line has `at` (UTC), `event` and the event's fields, and is in the file when the call returns. A step is
    logged by the names of the fields it changed: what it changed them to is in the checkpoint.
    """

    def __init__(self, folder: Path, session_id: str, clock: Clock) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / f"{session_id}.jsonl"
        self._clock = clock
        self.path.touch(mode=0o600)
        self._file = self.path.open("a", encoding="utf-8", buffering=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __call__(self, event: Event) -> None:
        """Append the event, if it is one worth keeping."""
        if not isinstance(event, Token):
            self.write(type(event).__name__, _plain(event))

    def write(self, event: str, values: Mapping[str, Any]) -> None:
        """Append one line."""
        line = {"at": self._clock.timestamp(), "event": event, **values}
        self._file.write(redact(json.dumps(line, ensure_ascii=False)) + "\n")


def _plain(event: Event) -> Mapping[str, Any]:
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    if isinstance(event, StepFinished):
        values["update"] = sorted(event.update)
    return values
