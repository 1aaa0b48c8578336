"""An Ollama server that does as it is told: the one wire format that llmock does not speak.

It is scripted with the same words as llmock, so that one test can be run against every vendor.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.examples import example


@dataclass(frozen=True)
class Request:
    """A request as it came in; `body` is its JSON."""

    body: dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """`kind` is `fail`, `delay`, `disconnect`, `truncate` or `corrupt`."""

    kind: str
    after_chunks: int = 0
    seconds: float = 0.0
    status: int = 500
    message: str = "internal error"
    retry_after: float | None = None


class OllamaDouble:
    """A server on a free port of loopback. What is queued is used up in order, one a request."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._faults: deque[Fault] = deque()
        self._replies: deque[tuple[str, str]] = deque()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.double = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reset(self) -> OllamaDouble:
        self.requests = []
        self._faults.clear()
        self._replies.clear()
        return self

    def reply(self, text: str, *, times: int = 1, finish_reason: str = "stop") -> OllamaDouble:
        self._replies.extend([(text, finish_reason)] * times)
        return self

    def fail(
        self,
        status: int,
        *,
        times: int = 1,
        retry_after: float | None = None,
        message: str = "internal error",
        code: str | None = None,
    ) -> OllamaDouble:
        said = f"{message} ({code})" if code else message
        fault = Fault("fail", status=status, message=said, retry_after=retry_after)
        return self._add(fault, times)

    def rate_limit(self, *, times: int = 1, retry_after: float = 1.0) -> OllamaDouble:
        return self.fail(429, times=times, retry_after=retry_after, message="rate limited")

    def delay(self, seconds: float, *, times: int = 1) -> OllamaDouble:
        return self._add(Fault("delay", seconds=seconds), times)

    def disconnect(self, *, after_chunks: int = 1, times: int = 1) -> OllamaDouble:
        return self._add(Fault("disconnect", after_chunks=after_chunks), times)

    def truncate(self, *, after_chunks: int = 1, times: int = 1) -> OllamaDouble:
        return self._add(Fault("truncate", after_chunks=after_chunks), times)

    def corrupt(self, *, after_chunks: int = 1, times: int = 1) -> OllamaDouble:
        return self._add(Fault("corrupt", after_chunks=after_chunks), times)

    def _add(self, fault: Fault, times: int) -> OllamaDouble:
        self._faults.extend([fault] * times)
        return self

    def next_fault(self) -> Fault | None:
        return self._faults.popleft() if self._faults else None

    def next_reply(self, body: dict[str, Any]) -> tuple[str, str]:
        if self._replies:
            return self._replies.popleft()
        if form := body.get("format"):
            return json.dumps(example(form)), "stop"
        return "The double has nothing to add.", "stop"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    double: OllamaDouble


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        double = self.server.double
        double.requests.append(Request(body))
        fault = double.next_fault()
        try:
            if fault and fault.kind == "fail":
                self._refuse(fault)
                return
            if fault and fault.kind == "delay":
                time.sleep(fault.seconds)
            self._stream(body, *double.next_reply(body), fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client lost its patience, as some tests want

    def _refuse(self, fault: Fault) -> None:
        payload = json.dumps({"error": fault.message}).encode()
        self.send_response(fault.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        if fault.retry_after is not None:
            self.send_header("Retry-After", str(fault.retry_after))
        self.end_headers()
        self.wfile.write(payload)

    def _stream(self, body: dict[str, Any], text: str, reason: str, fault: Fault | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        pieces = re.findall(r"\S+\s*", text)
        lines = [self._line(body, piece, done=False) for piece in pieces]
        lines.append(
            self._line(
                body,
                "",
                done=True,
                done_reason=reason,
                prompt_eval_count=11,
                eval_count=len(pieces),
            )
        )
        for number, line in enumerate(lines):
            if fault and fault.kind == "disconnect" and number == fault.after_chunks:
                self.close_connection = True
                return
            if fault and fault.kind == "truncate" and number == fault.after_chunks:
                break
            if fault and fault.kind == "corrupt" and number == fault.after_chunks:
                line = line[: len(line) // 2] + b"\n"
            self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
        self.wfile.write(b"0\r\n\r\n")

    @staticmethod
    def _line(body: dict[str, Any], piece: str, **more: Any) -> bytes:
        message = {"role": "assistant", "content": piece}
        said = {"model": body["model"], "created_at": "2026-01-01T00:00:00Z", "message": message}
        return json.dumps({**said, **more}).encode() + b"\n"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the requests are kept."""
