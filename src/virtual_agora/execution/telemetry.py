"""Whether sessions are to be seen from outside: spans are sent where the environment asks for them, and nowhere else.

The switch is `OTEL_TRACES_EXPORTER`. An endpoint alone switches nothing on: many machines set one for everything that runs
there, and a deliberation is to be heard of only where somebody wants it. OpenTelemetry is imported only when switched on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Self

from virtual_agora.errors import MissingExtraError, UsageError
from virtual_agora.events import Event, Listener

if TYPE_CHECKING:
    from virtual_agora.execution.spans import Sender

__all__ = ["Telemetry", "check_telemetry"]

EXPORTERS = ("otlp", "console")
PROTOCOL = "http/protobuf"


def check_telemetry() -> tuple[str, ...]:
    """The exporters that the environment asks for; none where it asks for nothing.

    Raises:
        UsageError: it asks for one that is not known.
        MissingExtraError: OpenTelemetry is not installed.
    """
    names = tuple(name for name in _words("OTEL_TRACES_EXPORTER").split(",") if name)
    if _words("OTEL_SDK_DISABLED") == "true" or set(names) <= {"none"}:
        return ()
    if unknown := [name for name in names if name not in EXPORTERS]:
        raise UsageError(
            f"OTEL_TRACES_EXPORTER asks for “{unknown[0]}”, which is not known here.",
            hint=f"Use {' or '.join(EXPORTERS)}, or none.",
        )
    protocol = _words("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or _words("OTEL_EXPORTER_OTLP_PROTOCOL")
    if "otlp" in names and protocol not in ("", PROTOCOL):
        raise UsageError(
            f"Spans cannot be sent by the protocol “{protocol}”.",
            hint=f"Set OTEL_EXPORTER_OTLP_PROTOCOL to {PROTOCOL}, and the endpoint to the collector's port for it.",
        )
    try:
        import_module("virtual_agora.execution.spans")
    except ImportError as error:
        raise MissingExtraError(
            "OTEL_TRACES_EXPORTER asks for telemetry, which is not installed.",
            hint="Install it with: pip install 'virtual-agora[telemetry]'",
        ) from error
    return names


class Telemetry:
    """The sending of spans for one process, begun with the first leg that is to be seen. A context manager."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sender: Sender | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._sender is not None:
            self._sender.close()

    @contextmanager
    def leg(self) -> Iterator[Listener]:
        """A listener for the events of one leg, which lasts as long as the block.

        Raises:
            UsageError, MissingExtraError: as `check_telemetry`; or another setting of the environment makes no sense.
        """
        exporters = check_telemetry()
        if not exporters:
            yield _nobody
            return
        from virtual_agora.execution.spans import Sender

        with self._lock:
            self._sender = self._sender or Sender(exporters)
        with self._sender.leg() as listener:
            yield listener


def _nobody(event: Event) -> None:
    """Nobody listens."""


def _words(name: str) -> str:
    return "".join(os.environ.get(name, "").lower().split())
