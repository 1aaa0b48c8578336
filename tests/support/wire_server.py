"""What the double for models knows and says: who asked what, how it is answered, which requests are to fail.

`wire.py` runs it, `wire_handler.py` carries it out.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.examples import example
from tests.support.formats import Answer, Ask
from tests.support.wire_faults import BY_MODEL, BY_ORDER, Fault
from tests.support.wire_handler import PATIENCE, Handler
from tests.support.wire_words import BUSY_PARROT, HOSTILE, THOUSAND, WORDY, as_said

OFF_FORM = {"off-form", "off-form-once", "says-yes"}
"""Structured answers of these are not in the form asked for; `off-form-once` does better when told so."""


TOGETHER = {
    "proposal",
    "refinement",
    "ballot",
    "opening_position",
    "round_position",
    "poll",
    "final_words",
    "closing_position",
    "control_position",
    "session_poll",
    "modification",
    "report_section",
}
"""Tasks whose calls do not depend on each other: models `together-<n>` answer them when n are in hand, and
refuse to when the others do not come."""

BESIDE_THE_FORM = "I would rather not fill in forms."
REFUSING = "I can't help with that."
HUGE = 5_000_000


class Server(ThreadingHTTPServer):
    """Keeps count and the log.

    It says what `answers` has for a task in place of its own, and streams so many `words` at a time. Where it is `uneven`, of those
    in hand at once for the same task the second takes twice the latency, and so on.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, log: Path, latency: float) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.latency = latency
        self.uneven = False
        self.words = 1
        self.answers: dict[str, dict[str, Any]] = {}
        self.shown: tuple[str, str, Collection[str]] = ("", "", ())
        self.log = log
        self._log = log.open("a", encoding="utf-8")
        self._mended = log.with_suffix(".mended")
        self._lock = threading.Lock()
        self._count = 0
        self._times: Counter[str] = Counter()
        self._in_hand: dict[str, set[int]] = defaultdict(set)
        self._barriers: dict[str, threading.Barrier] = {}
        self._doors: dict[str, Door] = {}

    def show(self, fault: str, agent: str, tasks: Collection[str]) -> None:
        """From here on this agent's calls for these tasks fail, in this way; `""` for not at all."""
        self.shown = (fault, agent, tasks)
        self._times.clear()
        for name, door in self._doors.items():
            door.set(closed=fault == "connection refused" and name == agent)

    def door(self, agent: str) -> int:
        """A port of the agent's own, which is closed while its connections are to be refused."""
        if agent not in self._doors:
            self._doors[agent] = Door(self)
        return self._doors[agent].port

    def take(self, task: str) -> tuple[int, int]:
        """A request comes in: its number, and how many for the same task are in hand with it."""
        with self._lock:
            self._count += 1
            self._in_hand[task].add(self._count)
            return self._count, len(self._in_hand[task])

    def seconds(self, entry: dict[str, Any]) -> float:
        """How long the answer to a request takes."""
        return self.latency * (entry["at_once"] if self.uneven else 1)

    def let_go(self, entry: dict[str, Any]) -> None:
        """A request is out of hand; said before its client can know that it is answered."""
        with self._lock:
            self._in_hand[entry["task"]].discard(entry["request"])
            entry.setdefault("until", time.monotonic())

    def gather(self, entry: dict[str, Any]) -> bool:
        """Wait for the others of this task, where the model wants them; False if they do not come."""
        name, _, number = entry["model"].partition("-")
        if name != "together" or entry["task"] not in TOGETHER:
            return True
        with self._lock:
            barrier = self._barriers.setdefault(entry["task"], threading.Barrier(int(number)))
        try:
            barrier.wait(PATIENCE)
        except threading.BrokenBarrierError:
            return False
        return True

    def fault(self, ask: Ask, entry: dict[str, Any], key: str) -> tuple[str, Fault | None]:
        """How this request fails, and what that is called; None if it is answered."""
        fault, agent, tasks = self.shown
        if fault and entry["agent"] == agent and entry["task"] in tasks:
            name, found = fault, BY_ORDER[fault]
        elif ask.model.endswith(f"500-on-{entry['task']}"):
            name, found = ask.model, BY_MODEL["always-500"]
        elif ask.model == BUSY_PARROT and entry["task"] in ("statement", "poll"):
            echo = {"Retry-After": "0", "X-Request-Id": key}
            name, found = ask.model, Fault("refuse", 429, "busy", echo, times=1)
        elif ask.model in BY_MODEL:
            name, found = ask.model, BY_MODEL[ask.model]
        else:
            return "", None
        with self._lock:
            self._times[ask.digest] += 1
            well = (found.times is not None and self._times[ask.digest] > found.times) or (
                name == "refuses-old-key" and "old" not in key
            )
        return ("", None) if well or self.mended else (name, found)

    def answer(self, ask: Ask, fault: str, key: str = "") -> Answer:
        """What is said, which may be a fault of its own."""
        text = as_said(ask.model, self._text(ask), ask.digest, key)
        spoilt = None if self.mended else _off_form(ask)
        if fault == "5 MB":
            text = "word " * (HUGE // 5)
            if ask.schema is not None:
                text = json.dumps({**json.loads(self._text(ask)), "more": text})
        elif fault == "empty":
            text = ""
        elif fault.startswith("off form") and ask.schema is not None:
            once = fault.endswith("once") and len(ask.messages) > ask.form.opening
            spoilt = None if once else BESIDE_THE_FORM
        finish = {"content filter": "content_filter"}.get(fault, "stop")
        if fault == "refusal":
            finish = "refusal" if ask.form.declines(ask.body) else "stop"
            spoilt = REFUSING
        elif fault == "content filter":
            spoilt = "I"
        text = text if spoilt is None else spoilt
        tool = ask.form.tool(ask.body) if spoilt is None and text else ""
        return Answer(text, len(ask.raw) // 4, finish, tool)

    def _text(self, ask: Ask) -> str:
        task = ask.named("task")
        schema, short = ask.schema, ask.digest[:6]
        if schema is None and ask.model == THOUSAND:
            return "word " * 999 + "end."
        if schema is None:
            said = (
                f"This is the {(task or 'question').replace('_', ' ')} for request {short}. It weighs what was said before, "
                "adds one point of its own, and ends where the next speaker can take it up."
            )
            return " ".join([said] * 36) if ask.model.startswith(WORDY) else said
        answer = example(schema, short)
        if ask.model == "adds-nothing" and "add" in answer:
            answer["add"] = []
        if ask.model in ("goes-on", HOSTILE) and "conclude" in answer:
            answer["conclude"] = "no"
        if "moved_by" in answer:
            turns = re.findall(r'<statement id=\\"(\w+)', json.dumps(ask.messages))
            most = schema["properties"]["moved_by"].get("maxItems", 2)
            answer["moved_by"] = [*turns[: most - 1], "m9999"]
        if "ranking" in answer:  # of all options; there are vendors whose schemas cannot say so
            answer["ranking"] = schema["properties"]["ranking"]["items"]["enum"]
        return json.dumps({**answer, **self.answers.get(task, {})}, ensure_ascii=False)

    @property
    def mended(self) -> bool:
        return self._mended.exists()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up; that is what the tests make them do."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def write(self, line: dict[str, Any]) -> None:
        with self._lock:
            self._log.write(json.dumps(line) + "\n")
            self._log.flush()


class Door:
    """Another port of a server, which can be closed and opened again."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.port = 0
        self._listener: _Listener | None = None
        self.set(closed=False)

    def set(self, *, closed: bool) -> None:
        if self._listener is not None and closed:
            self._listener.shutdown()
            self._listener.server_close()
            self._listener = None
        elif self._listener is None and not closed:
            self._listener = _Listener(self._server, self.port)
            self.port = self._listener.server_address[1]
            threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True).start()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, server: Server, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self._server = server
        self.handle_error = server.handle_error  # type: ignore[method-assign]

    def finish_request(self, request: Any, client_address: Any) -> None:
        Handler(request, client_address, self._server)


def _off_form(ask: Ask) -> str | None:
    """The unusable answer a model gives to a request with a form; None if it keeps to the form."""
    if ask.model not in OFF_FORM or ask.schema is None:
        return None
    if ask.model == "off-form-once" and len(ask.messages) > ask.form.opening:
        return None
    return "Yes." if ask.model == "says-yes" else BESIDE_THE_FORM
