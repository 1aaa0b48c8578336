"""A server on loopback that takes whatever is sent to it and keeps it: a collector of traces, or a vendor's service.

    with Collector() as collector:
        ...  # a process is given collector.address
    collector.spans()

It runs in threads of this process, so what it received outlives the sender.
"""

from __future__ import annotations

import gzip
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATIENCE = 60.0


@dataclass(frozen=True)
class Sent:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Seen:
    """One span as it arrived; `ok` is False where its status is an error, `above` is its parent's id."""

    name: str
    trace: str
    id: str
    above: str
    began: int
    ended: int
    ok: bool
    about: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    service: str


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a sender that has not waited for the answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Collector:
    """`status` is what it answers with; with `hangs` it answers nothing until the block ends."""

    def __init__(self, *, status: int = 200, hangs: bool = False) -> None:
        self.status = status
        self.received: list[Sent] = []
        self.ended = threading.Event()
        if not hangs:
            self.ended.set()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def bytes(self) -> bytes:
        """Everything that was received, headers included."""
        return b"\n".join(
            b"\n".join([sent.path.encode(), str(sent.headers).encode(), sent.body])
            for sent in self.received
        )

    def spans(self) -> list[Seen]:
        """The spans received, in the order in which they began."""
        spans = [
            span for sent in self.received if sent.path == "/v1/traces" for span in _read(sent)
        ]
        return sorted(spans, key=lambda span: span.began)


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            collector.received.append(Sent(self.path, dict(self.headers), body))
            collector.ended.wait(PATIENCE)
            self.send_response(collector.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_PATCH = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    return Handler


def _read(sent: Sent) -> list[Seen]:
    body = gzip.decompress(sent.body) if "gzip" in sent.headers.values() else sent.body
    return [
        Seen(
            name=span.name,
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            above=span.parent_span_id.hex(),
            began=span.start_time_unix_nano,
            ended=span.end_time_unix_nano,
            ok=span.status.code != span.status.STATUS_CODE_ERROR,
            about=_values(span.attributes),
            events=[(event.name, _values(event.attributes)) for event in span.events],
            service=_values(resource.resource.attributes)["service.name"],
        )
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _values(attributes: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}
