"""The server's side of the wire; standard library only. `Wire` runs it."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from langgraph_parity.wire_answers import Said, answered, fits
from langgraph_parity.wire_handler import Handler

__all__ = ["FAULTS", "Server"]

FAULTS: dict[str, dict[str, Any]] = {
    "refuses-key": {"how": "status", "status": 401, "code": "invalid_api_key"},
    "out-of-quota": {"how": "status", "status": 429, "code": "insufficient_quota"},
    "always-500": {"how": "status", "status": 500, "code": "server_error"},
    "busy-twice": {
        "how": "status",
        "status": 429,
        "code": "rate_limit_exceeded",
        "headers": {"Retry-After": "1"},
        "times": 2,
    },
    "hangs": {"how": "hang"},
    "malformed": {"how": "malformed"},
    "off-form": {"how": "off-form"},
    "refuses": {"how": "refusal"},
    "cut-off": {"how": "cut-off"},
    "resets": {"how": "reset"},
}
"""Models that fail by their name; `times` counts for each request by itself."""


class Server(ThreadingHTTPServer):
    """Holds the rules, the faults and the log."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, log: Path, latency: float, rules: list[Any], answer: Any) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.latency = latency
        self.rules = rules
        self.answer: Callable[[dict[str, Any]], Any] | None = answer
        self.named = {name: {**fault, "model": name} for name, fault in FAULTS.items()}
        self.faults: list[dict[str, Any]] = []
        self._log = log.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self._count = 0
        self._used: dict[tuple[int, str], int] = {}

    def number(self) -> int:
        """The next request's number."""
        with self._lock:
            self._count += 1
            return self._count

    def fault(self, body: dict[str, Any], digest: str) -> dict[str, Any]:
        """How this request fails; empty if it is answered."""
        for fault in list(self.faults):
            if fits(fault, body) and self._left(fault, ""):
                return fault
        named = self.named.get(str(body.get("model", "")))
        return named if named and self._left(named, digest) else {}

    def said(self, body: dict[str, Any], digest: str) -> Said:
        """The answer: of the first rule that fits, of the function, or computed."""
        for rule in self.rules:
            if fits(rule, body) and self._left(rule, ""):
                return answered(rule["answer"], body, digest)
        return answered(self.answer(body) if self.answer else None, body, digest)

    def _left(self, entry: dict[str, Any], digest: str) -> bool:
        """Whether a rule or fault has a time left; takes it."""
        with self._lock:
            key = (id(entry), digest)
            self._used[key] = self._used.get(key, 0) + 1
            return entry.get("times") is None or self._used[key] <= entry["times"]

    def write(self, line: dict[str, Any]) -> None:
        """Add a line to the log."""
        with self._lock:
            self._log.write(json.dumps(line) + "\n")
            self._log.flush()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up; that is what tests make them do."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main() -> None:
    """Serve until the one who started this is gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True, help="where requests are written down")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds an answer takes")
    parser.add_argument("--rules", type=json.loads, default=[], help="rules, as JSON")
    parser.add_argument("--answer", default="", help="a function, as module:name")
    options = parser.parse_args()
    answer = None
    if options.answer:
        module, _, name = options.answer.partition(":")
        answer = getattr(importlib.import_module(module), name)
    server = Server(options.log, options.latency, options.rules, answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()  # ends when the test's process does, however that ends


if __name__ == "__main__":
    main()
