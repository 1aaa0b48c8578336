"""One connection to the double for models: a request is read, and answered or failed as the server says."""

from __future__ import annotations

import gzip
import json
import re
import select
import socket
import time
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from tests.support.formats import Answer, Ask, ask_of
from tests.support.wire_faults import QUOTA, Fault
from tests.support.wire_words import fingerprint, in_pieces

if TYPE_CHECKING:
    from tests.support.wire_server import Server

CUT_OFF = {"cut-off"}
"""Streams of these just end, without a finish reason."""

ENDLESS = {"endless"}
"""Streams of these go on until the client hangs up, which is written down."""

HELD = {"held", "held-forms"}
"""Answers of these are held back until they are mended; `held-forms` holds back structured ones only."""

PATIENCE = 20.0
"""Seconds for which others are waited for, and for which a client is kept waiting that does not hang up."""

PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>proxy</body></html>"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server
    entry: dict[str, Any]

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        raw = self.rfile.read(length)
        if len(raw) < length:  # the client died while it asked, so it has asked nothing
            self.close_connection = True
            return
        ask = ask_of(self.path.partition("?")[0], raw)
        task = ask.named("task")
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        number, at_once = self.server.take(task)
        self.entry = {
            "request": number,
            "sha256": ask.digest,
            "model": ask.model,
            "agent": ask.named("you"),
            "task": task,
            "at_once": at_once,
            "at": time.monotonic(),
            "client": key if key.startswith("client-") else "",
        }
        self.server.write({"event": "received", **self.entry, "messages": ask.messages})
        try:
            self._answer(ask, key)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
            self.server.write({"event": "abandoned", **self.entry})
        finally:
            self.server.let_go(self.entry)

    def _answer(self, ask: Ask, key: str) -> None:
        name, fault = self.server.fault(ask, self.entry, key)
        if not self.server.gather(self.entry):
            name, fault = "came-alone", Fault("refuse", 400, "came_alone")
        while self._is_held(ask) and not self.server.mended:
            time.sleep(0.01)
        if fault is None or fault.how == "say":
            self._say(ask, self.server.answer(ask, name, key))
        elif fault.how == "refuse":
            # Some vendors repeat the key they refuse.
            self._refuse(ask, fault.status, fault.code, f"{fault.code}, key {key}", fault.headers)
        else:
            getattr(self, fault.how)(ask)

    def _is_held(self, ask: Ask) -> bool:
        return ask.model in HELD and (ask.model == "held" or ask.schema is not None)

    # -- the faults

    def out_of_quota(self, ask: Ask) -> None:
        self._refuse(ask, *QUOTA[ask.vendor])

    def hang_up(self, ask: Ask) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def be_silent(self, ask: Ask) -> None:
        self._begin("application/json")
        select.select([self.connection], [], [], PATIENCE)
        self.hang_up(ask)

    def dribble(self, ask: Ask) -> None:
        """A byte now and then that says nothing: of a comment in a stream of events, of white space elsewhere."""
        kind = ask.form.kind if self._streams(ask) else "application/json"
        self._begin(kind)
        self._drop(b"1\r\n:\r\n" if kind == "text/event-stream" else b"1\r\n \r\n")

    def dribble_headers(self, ask: Ask) -> None:
        """A header whose line does not end."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Word: ")
        self._drop(b"a")

    def hint(self, ask: Ask) -> None:
        """Word, again and again, that the answer is about to begin."""
        self._drop(b"HTTP/1.1 103 Early Hints\r\n\r\n")

    def _drop(self, what: bytes) -> None:
        """The same now and then, until the client hangs up or long after it should have."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            self.wfile.write(what)
            time.sleep(0.05)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def go_on(self, ask: Ask) -> None:
        if self._streams(ask):
            self._stream(ask, Answer("", 1), repeat("and so on " * 400))
        self._begin("application/json")
        for piece in chain([b'{"id": "'], repeat(b"and so on " * 6000)):
            self._send(piece)

    def compress(self, ask: Ask) -> None:
        """A whole answer, compressed whatever the client takes."""
        answer = json.dumps(ask.form.whole(ask.model, self.server.answer(ask, ""))).encode()
        kind = {"Content-Encoding": "gzip"}
        self._bytes(200, "application/json", gzip.compress(answer), kind)

    def cut_off(self, ask: Ask) -> None:
        answer = self.server.answer(ask, "")
        if self._streams(ask):
            self._begin(ask.form.kind)
            for event in self._half(ask, answer):
                self._send(ask.form.frame(event))
        else:
            whole = json.dumps(ask.form.whole(ask.model, answer)).encode()
            self._begin("application/json", length=len(whole))
            self.wfile.write(whole[: len(whole) // 2])
        self.hang_up(ask)

    def end_early(self, ask: Ask) -> None:
        answer = self.server.answer(ask, "")
        if self._streams(ask):
            self._begin(ask.form.kind)
            for event in self._half(ask, answer):
                self._send(ask.form.frame(event))
            self.wfile.write(b"0\r\n\r\n")
            return
        half = Answer(answer.text[: len(answer.text) // 2], answer.asked, None)
        self._json(200, ask.form.whole(ask.model, half))

    def garble(self, ask: Ask) -> None:
        answer = self.server.answer(ask, "")
        if self._streams(ask):
            self._begin(ask.form.kind)
            for event in self._half(ask, answer):
                self._send(ask.form.frame(event))
            broken = ask.form.frame(ask.form.piece(ask.model, "broken"))
            self._send(broken[: len(broken) // 2] + b"\n\n")
            self.wfile.write(b"0\r\n\r\n")
            return
        whole = json.dumps(ask.form.whole(ask.model, answer)).encode()
        self._bytes(200, "application/json", whole[: len(whole) // 2])

    def show_page(self, ask: Ask) -> None:
        self._bytes(200, "text/html", PAGE)

    def redirect(self, ask: Ask) -> None:
        self._bytes(307, "text/plain", b"", {"Location": f"/elsewhere{self.path}"})

    # -- the answers

    def _say(self, ask: Ask, answer: Answer) -> None:
        self.entry["answer"] = fingerprint(answer.text)
        self.entry["tokens"] = answer.asked + answer.took
        if not self._streams(ask):
            time.sleep(self.server.seconds(self.entry))
            self.server.let_go(self.entry)
            self._json(200, ask.form.whole(ask.model, answer))
        else:
            pieces = in_pieces(ask.model, answer.text) or _pieces(answer.text, self.server.words)
            if ask.model == "halves":  # as servers do that count in UTF-16 units
                pieces += ["\ud83d", "\ude00", " \ud83d"]
            endless = ask.model in ENDLESS and not self.server.mended
            cut = ask.model in CUT_OFF and not self.server.mended
            self._stream(ask, answer, repeat(answer.text) if endless else pieces, ends=not cut)
        self.server.write({"event": "answered", **self.entry})

    def _stream(
        self, ask: Ask, answer: Answer, pieces: Iterable[str], *, ends: bool = True
    ) -> None:
        form, model = ask.form, ask.model
        self._begin(form.kind)
        for event in form.head(model, answer):
            self._send(form.frame(event))
        count = len(pieces) if isinstance(pieces, list) else 1
        if answer.finish != "refusal":
            for piece in pieces:
                time.sleep(self.server.seconds(self.entry) / count)
                self._send(form.frame(form.piece(model, piece)))
        self.server.let_go(self.entry)
        if ends:
            for event in form.tail(model, answer, ask.body):
                self._send(form.frame(event))
            if last := form.last():
                self._send(last)
        self.wfile.write(b"0\r\n\r\n")

    def _half(self, ask: Ask, answer: Answer) -> Iterator[dict[str, Any]]:
        pieces = _pieces(answer.text, self.server.words)
        yield from ask.form.head(ask.model, answer)
        for piece in pieces[: len(pieces) // 2]:
            yield ask.form.piece(ask.model, piece)

    def _streams(self, ask: Ask) -> bool:
        return ask.form.streamed(ask.path, ask.body)

    def _refuse(
        self, ask: Ask, status: int, code: str, said: str, headers: Any | None = None
    ) -> None:
        self.server.let_go(self.entry)
        self._json(status, ask.form.error(status, code, f"refused: {said}"), headers)

    def _json(self, status: int, content: Any, headers: Any | None = None) -> None:
        self._bytes(status, "application/json", json.dumps(content).encode(), headers)

    def _bytes(self, status: int, kind: str, payload: bytes, headers: Any | None = None) -> None:
        self._begin(kind, status=status, length=len(payload), headers=headers)
        self.wfile.write(payload)

    def _begin(
        self,
        kind: str,
        *,
        status: int = 200,
        length: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _send(self, event: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what was asked is in the log."""


def _pieces(text: str, words: int) -> list[str]:
    """A text as it is streamed: so many words at a time, but for one that no model would write."""
    if len(text) > 100_000:
        return [text[at : at + 50_000] for at in range(0, len(text), 50_000)]
    single = re.findall(r"\S+\s*", text)
    return ["".join(single[at : at + words]) for at in range(0, len(single), words)]
