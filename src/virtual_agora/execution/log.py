"""The session's log: one JSON object a line for everything that happens, tokens left out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from traceback import format_exception, format_tb
from typing import Any, Self

from virtual_agora.cleaning import plain_json
from virtual_agora.clock import Clock
from virtual_agora.errors import NodeExecutionError
from virtual_agora.events import Event, StepFinished, Token
from virtual_agora.private import close_folder, open_to_append
from virtual_agora.providers.redaction import redacted
from virtual_agora.state.stores import storage_errors

__all__ = ["SessionLog"]

WITHOUT_CONTENT = {
    *("attempt", "cost", "input_tokens", "kind", "model", "node", "output_tokens", "phase"),
    *("resumed", "role", "round", "seconds", "task", "trace", "update", "wait"),
}
"""The fields that say nothing of what a session is about."""


class SessionLog:
    """A listener that appends to `<folder>/<session>.jsonl`, for its owner's eyes only. A context manager.

    Each line has `at` (UTC), `event` and the event's fields, and is in the file when the call returns. A step is
    logged by the names of the fields it changed: what it changed them to is in the checkpoint. `without_content`
    leaves out every field that could say what the session is about, for sessions that are encrypted.

    Raises:
        StorageError: it cannot be written, here and in every method.
    """

    def __init__(
        self, folder: Path, session_id: str, clock: Clock, *, without_content: bool = False
    ) -> None:
        with storage_errors(folder):
            close_folder(folder)
        self.path = folder / f"{session_id}.jsonl"
        self._clock = clock
        self._without_content = without_content
        with storage_errors(self.path):
            self._file = os.fdopen(open_to_append(self.path), "a", encoding="utf-8", buffering=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with storage_errors(self.path):
            self._file.close()

    def __call__(self, event: Event) -> None:
        """Append the event, if it is one worth keeping."""
        if not isinstance(event, Token):
            self._write(type(event).__name__, _plain(event))

    def failed(self, error: NodeExecutionError) -> None:
        """Append a step's failure with its trace: the user is told in one sentence, whoever mends the bug needs the rest."""
        # An error's words may quote what it failed on; where it was raised is code.
        trace = (
            format_tb(error.cause.__traceback__)
            if self._without_content
            else format_exception(error)
        )
        kind = type(error.cause).__name__
        self._write("NodeFailed", {"node": error.node, "kind": kind, "trace": trace})

    def _write(self, event: str, values: Mapping[str, Any]) -> None:
        if self._without_content:
            values = {name: value for name, value in values.items() if name in WITHOUT_CONTENT}
        line = {"at": self._clock.timestamp(), "event": event, **values}
        with storage_errors(self.path):
            self._file.write(plain_json(redacted(line, passwords=True)) + "\n")


def _plain(event: Event) -> Mapping[str, Any]:
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    if isinstance(event, StepFinished):
        values["update"] = sorted(event.update)
    return values
