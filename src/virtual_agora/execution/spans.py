"""A session as OpenTelemetry's spans: the session is a trace, a leg its root, below it the steps, below them the calls.

Names follow the semantic conventions for generative AI where they have one, and begin with `virtual_agora` where not. A span
has names and numbers only: no theme or topic, nothing that was asked or answered, and of an error its type.

Needs the extra `telemetry`; `telemetry.py` is the way in.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from threading import Lock, Thread, local
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from langgraph.errors import GraphDrained
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context

from virtual_agora.errors import NodeExecutionError, UsageError
from virtual_agora.events import (
    CallFailed,
    CallFinished,
    CallRetried,
    CallStarted,
    Event,
    QuestionAnswered,
    QuestionAsked,
    SessionFinished,
    SessionStarted,
    StepFinished,
    StepStarted,
)

__all__ = ["Leg", "Sender", "trace_id"]

PATIENCE = 3.0
"""Seconds for which the end of a run waits for the collector."""

PROVIDERS: Mapping[str, str] = {"google": "gcp.gemini", "grok": "x_ai"}
"""Providers that the semantic conventions call otherwise."""

_log = logging.getLogger("virtual_agora")


def trace_id(session_id: str, begun: str) -> int:
    """The trace of a session: the same in every leg, and another for a session of that name begun at another time."""
    return int.from_bytes(hashlib.sha256(f"{session_id} {begun}".encode()).digest()[:16])


class Sender:
    """Sends the spans of a process in the background, a batch every few seconds.

    The process's own provider of spans is left alone, so that nothing that other libraries trace goes along.
    """

    def __init__(self, exporters: Sequence[str]) -> None:
        self._ids = _Ids()
        try:
            self._provider = TracerProvider(
                resource=_resource(), id_generator=self._ids, shutdown_on_exit=False
            )
            self._counter = _Counter()
            self._watched = [_Watched(_exporter(name)) for name in exporters]
        except ValueError as error:
            raise UsageError(
                f"A setting of OpenTelemetry in the environment makes no sense: {error}.",
                hint="Check the variables that begin with OTEL_.",
            ) from None
        # What it complains of later goes to whoever has set up logging, and not across the session.
        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
        self._provider.add_span_processor(self._counter)
        for exporter in self._watched:
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("virtual_agora", version("virtual-agora"))

    def leg(self) -> Leg:
        """A listener for one leg."""
        return Leg(self._tracer, self._ids)

    def close(self) -> None:
        """Send what is left, for `PATIENCE` seconds at most; say so in one line if something was not taken."""
        # The SDK's own bounds are those of one request, and many are made; so it is left behind when it takes too long.
        ending = Thread(target=self._provider.shutdown, name="telemetry", daemon=True)
        ending.start()
        ending.join(PATIENCE)
        if any(exporter.taken < self._counter.ended for exporter in self._watched):
            _log.warning(
                "Telemetry: %s did not take all spans of this run; the session itself is saved.",
                _collector(),
            )


class Leg:
    """The spans of one leg, made from its events. A context manager: what is open when the leg ends, ends with it."""

    def __init__(self, tracer: Tracer, ids: _Ids) -> None:
        self._tracer = tracer
        self._ids = ids
        self._leg: Span | None = None
        self._pause: Span | None = None
        self._steps: dict[str, Span] = {}
        self._calls: dict[str, Span] = {}
        self._outcome = "waiting"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._leg is None:
            return
        if isinstance(error, GraphDrained | KeyboardInterrupt):
            self._outcome = "interrupted"
        elif error is not None:
            self._outcome = "failed"
            broken = [self._leg]
            if isinstance(error, NodeExecutionError):
                broken += [span for name, span in self._steps.items() if name == error.node]
                error = error.cause
            for span in broken:
                _fail(span, type(error).__name__)
        self._leg.set_attribute("virtual_agora.outcome", self._outcome)
        for left in (*self._calls.values(), *self._steps.values(), self._pause, self._leg):
            if left is not None:
                left.end()

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case SessionStarted():
                self._begin(event)
            case StepStarted():
                self._steps[event.node] = self._open(
                    event.node, self._leg, {"virtual_agora.step": event.node}
                )
            case StepFinished():
                self._end_step(event)
            case CallStarted():
                self._call(event)
            case CallRetried():
                self._retry(event)
            case CallFinished() | CallFailed():
                self._end_call(event)
            case QuestionAsked():
                self._ask(event)
            case QuestionAnswered():
                self._answer(event)
            case SessionFinished():
                self._outcome = "complete"
            case _:
                pass

    def _begin(self, event: SessionStarted) -> None:
        self._ids.next_trace(trace_id(event.session_id, event.begun))
        named = {
            "gen_ai.conversation.id": event.session_id,
            "virtual_agora.resumed": event.resumed,
            "virtual_agora.scripted": bool(event.stamp),
        }
        self._leg = self._open("session", None, named)

    def _end_step(self, event: StepFinished) -> None:
        span = self._steps.pop(event.node, None)
        if span is not None:  # one that an earlier leg ran is only told again
            span.set_attribute("virtual_agora.phase", event.phase)
            span.set_attribute("virtual_agora.round", event.round)
            span.end()

    def _call(self, event: CallStarted) -> None:
        provider, _, model = event.model.partition("/")
        named = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": PROVIDERS.get(provider, provider),
            "gen_ai.request.model": model,
            "gen_ai.agent.name": event.agent,
            "virtual_agora.role": event.role,
            "virtual_agora.task": event.task,
            "virtual_agora.round": event.round,
        }
        above = self._steps.get(event.node, self._leg)
        self._calls[event.call_id] = self._open(f"chat {model}", above, named, SpanKind.CLIENT)

    def _retry(self, event: CallRetried) -> None:
        what: dict[str, str | float] = {
            "error.type": event.error,
            "virtual_agora.attempt": event.attempt,
            "virtual_agora.wait_seconds": event.wait,
        }
        self._calls[event.call_id].add_event("retry", what)

    def _end_call(self, event: CallFinished | CallFailed) -> None:
        span = self._calls.pop(event.call_id)
        took: dict[str, int | float] = {
            "gen_ai.usage.input_tokens": event.input_tokens,
            "gen_ai.usage.output_tokens": event.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": event.cached_tokens,
            "virtual_agora.attempts": event.attempts,
            "virtual_agora.repairs": event.repairs,
        }
        if event.cost is not None:  # an unknown price is not a price of nothing
            took["virtual_agora.cost_usd"] = event.cost
        span.set_attributes(took)
        if isinstance(event, CallFailed):
            _fail(span, event.error)
        span.end()

    def _ask(self, event: QuestionAsked) -> None:
        # The steps begin again from their top when the answer is there, so these spans are over.
        for span in self._steps.values():
            span.set_attribute("virtual_agora.waiting", True)
            span.end()
        self._steps = {}
        asked = event.payload["type"]
        self._pause = self._open(f"pause {asked}", self._leg, {"virtual_agora.question": asked})

    def _answer(self, event: QuestionAnswered) -> None:
        if self._pause is not None:
            self._pause.set_attribute("virtual_agora.answer", event.answer["action"])
            self._pause.end()
            self._pause = None

    def _open(
        self,
        name: str,
        above: Span | None,
        attributes: Mapping[str, Any],
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Span:
        # Without a span above it is a root, whatever the caller of the session may be tracing.
        where = Context() if above is None else set_span_in_context(above)
        return self._tracer.start_span(name, where, kind, attributes)


class _Ids(RandomIdGenerator):
    """Random ids, but for the trace that this thread begins next."""

    def __init__(self) -> None:
        self._next = local()

    def next_trace(self, number: int) -> None:
        self._next.number = number

    def generate_trace_id(self) -> int:
        number: int = self._next.number
        return number


class _Counter(SpanProcessor):
    """Counts the spans that are to be sent: what a full queue drops, its processor does not tell."""

    def __init__(self) -> None:
        self.ended = 0
        self._lock = Lock()  # sessions in several threads

    def on_end(self, span: ReadableSpan) -> None:
        if span.context and span.context.trace_flags.sampled:
            with self._lock:
                self.ended += 1


class _Watched(SpanExporter):
    """An exporter that counts the spans that were taken."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.taken += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _exporter(name: str) -> SpanExporter:
    if name == "otlp":
        return OTLPSpanExporter()
    # Standard output is the session's.
    return ConsoleSpanExporter(out=sys.stderr, formatter=lambda span: span.to_json(None) + "\n")


def _resource() -> Resource:
    """What the environment says of this process, by our name where it gives none."""
    found = Resource.create()
    if not str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return found
    return found.merge(Resource({SERVICE_NAME: "virtual-agora"}))


def _fail(span: Span, error: str) -> None:
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", error)


def _collector() -> str:
    """The collector by its address, without what may be secret in it."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    endpoint = next(filter(None, map(os.environ.get, names)), "http://localhost:4318")
    address = urlsplit(endpoint)
    return f"the collector at {address.scheme}://{address.netloc.rpartition('@')[2]}"
