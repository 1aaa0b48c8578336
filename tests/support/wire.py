"""An OpenAI-compatible server in a process of its own, which answers anything and keeps a log of what it was asked.

    python -m tests.support.wire --port 0 --log requests.jsonl --latency 0.05

prints its port and serves `/v1/chat/completions` until it is ended. Free text is streamed when the client asks
for that; a request with a JSON schema gets an answer that fits it. Answers depend on the request alone.

Some models misbehave, by their name (`FAULTS`), until the file `<log>.mended` exists.

The log outlives any client: one JSON line for every request received, one more when its answer has been sent
in full, or when the client hung up before. So a test can kill its client at any moment and count what was asked
again. A request's line has its `messages`. `at_once` in it says how many requests for the same task, this one included, were in hand when the request
came, `at` the time on the machine's steady clock, and `client` the key, where that begins with `client-`: so several processes can be told apart.
The second line also has the `answer`'s fingerprint. `Wire` runs all this.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import Any

from tests.support.examples import example

ROOT = Path(__file__).parents[2]

# -- what it says --------------------------------------------------------------------------------------


def task_of(body: dict[str, Any]) -> str:
    """The name of the task in the prompt, `""` if the prompt has none."""
    prompt = json.dumps(body.get("messages", []), ensure_ascii=False)
    tasks: list[str] = re.findall(r'<task name=\\?"(\w+)\\?"', prompt)
    return tasks[-1] if tasks else ""


def fingerprint(text: str) -> str:
    """What tells an answer from all others."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def answer_to(body: dict[str, Any], digest: str) -> str:
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        answer = example(form["json_schema"]["schema"], digest[:6])
        if body.get("model") == "adds-nothing" and "add" in answer:
            answer["add"] = []
        if body.get("model") == "goes-on" and "conclude" in answer:
            answer["conclude"] = "no"
        if "moved_by" in answer:
            turns = re.findall(r'<statement id=\\"(\w+)', json.dumps(body["messages"]))
            most = form["json_schema"]["schema"]["properties"]["moved_by"]["maxItems"]
            answer["moved_by"] = [*turns[: most - 1], "m9999"]
        return json.dumps(answer, ensure_ascii=False)
    about = task_of(body) or "question"
    return (
        f"This is the {about.replace('_', ' ')} for request {digest[:6]}. It weighs what was said before, "
        "adds one point of its own, and ends where the next speaker can take it up."
    )


# -- how it fails --------------------------------------------------------------------------------------

Refusal = tuple[int, str, dict[str, str]]
"""Status, error code, further headers."""

FAULTS: dict[str, Refusal] = {
    "refuses-key": (401, "invalid_api_key", {}),
    "out-of-quota": (429, "insufficient_quota", {}),
    "always-500": (500, "server_error", {}),
    "busy-twice": (429, "rate_limit_exceeded", {"Retry-After": "7"}),
    "busy-for-long": (429, "rate_limit_exceeded", {"Retry-After": "100"}),
    "refuses-old-key": (401, "invalid_api_key", {}),
}
"""A model named `500-on-<task>` fails like `always-500`, but at that task only. `busy-twice` answers in the end,
and `refuses-old-key` where the key has no “old” in it."""

OFF_FORM = {"off-form", "off-form-once", "says-yes"}
"""Structured answers of these are not in the form asked for; `off-form-once` does better when told so."""

CUT_OFF = {"cut-off"}
"""Streams of these just end, without a finish reason."""

ENDLESS = {"endless"}
"""Streams of these go on until the client hangs up, which is written down."""

HELD = {"held", "held-forms"}
"""Answers of these are held back until they are mended; `held-forms` holds back structured ones only."""

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

PATIENCE = 20.0
"""Seconds for which the others are waited for."""


def is_held(body: dict[str, Any]) -> bool:
    model = body.get("model", "")
    return model in HELD and (model == "held" or "response_format" in body)


def off_form(body: dict[str, Any]) -> str | None:
    """The unusable answer a model gives to a request with a form; None if it keeps to the form."""
    model = body.get("model", "")
    if model not in OFF_FORM or "response_format" not in body:
        return None
    if model == "off-form-once" and any(m["role"] == "assistant" for m in body["messages"]):
        return None
    return "Yes." if model == "says-yes" else "I would rather not fill in forms."


# -- how it says it ------------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, log: Path, latency: float) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.latency = latency
        self._log = log.open("a", encoding="utf-8")
        self._mended = log.with_suffix(".mended")
        self._lock = threading.Lock()
        self._count = 0
        self._times: Counter[str] = Counter()
        self._in_hand: dict[str, set[int]] = defaultdict(set)
        self._barriers: dict[str, threading.Barrier] = {}

    def take(self, task: str) -> tuple[int, int]:
        """A request comes in: its number, and how many for the same task are in hand with it."""
        with self._lock:
            self._count += 1
            self._in_hand[task].add(self._count)
            return self._count, len(self._in_hand[task])

    def let_go(self, entry: dict[str, Any]) -> None:
        """A request is out of hand; said before its client can know that it is answered."""
        with self._lock:
            self._in_hand[entry["task"]].discard(entry["request"])

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

    def fault(self, body: dict[str, Any], digest: str, key: str) -> Refusal | None:
        """How this request is refused; None if it is answered."""
        model = body.get("model", "")
        with self._lock:
            self._times[digest] += 1
            well = (model == "busy-twice" and self._times[digest] > 2) or (
                model == "refuses-old-key" and "old" not in key
            )
            if well or self._mended.exists():
                return None
        if model == f"500-on-{task_of(body)}":
            return FAULTS["always-500"]
        return FAULTS.get(model)

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
        body = json.loads(raw)
        digest = hashlib.sha256(raw).hexdigest()
        task = task_of(body)
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        number, at_once = self.server.take(task)
        self.entry = {
            "request": number,
            "sha256": digest,
            "model": body.get("model", ""),
            "task": task,
            "at_once": at_once,
            "at": time.monotonic(),
            "client": key if key.startswith("client-") else "",
        }
        self.server.write({"event": "received", **self.entry, "messages": body.get("messages", [])})
        try:
            self._answer(raw, body, digest, key)
        finally:
            self.server.let_go(self.entry)

    def _answer(self, raw: bytes, body: dict[str, Any], digest: str, key: str) -> None:
        fault = self.server.fault(body, digest, key)
        if not self.server.gather(self.entry):
            fault = (400, "came_alone", {})
        if fault:
            self.server.let_go(self.entry)
            self._refuse(*fault, key)
            return
        while is_held(body) and not self.server.mended:
            time.sleep(0.01)
        spoilt = None if self.server.mended else off_form(body)
        text = answer_to(body, digest) if spoilt is None else spoilt
        self.entry["answer"] = fingerprint(text)
        usage = {"prompt_tokens": len(raw) // 4, "completion_tokens": len(text) // 4}
        usage["total_tokens"] = sum(usage.values())
        try:
            if body.get("stream"):
                self._stream(body, digest, text, usage)
            else:
                self._whole(body, digest, text, usage)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
            self.server.write({"event": "abandoned", **self.entry})
            return
        self.server.write({"event": "answered", **self.entry})

    def _whole(self, body: dict[str, Any], digest: str, text: str, usage: dict[str, int]) -> None:
        time.sleep(self.server.latency)
        self.server.let_go(self.entry)
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self._json(
            200, {**_envelope(body, digest, "chat.completion"), "choices": [choice], "usage": usage}
        )

    def _refuse(self, status: int, code: str, headers: dict[str, str], key: str) -> None:
        # Some vendors repeat the key they refuse.
        error = {"message": f"refused: {code}, key {key}", "code": code, "type": code}
        self._json(status, {"error": error}, headers)

    def _json(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        payload = json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _stream(self, body: dict[str, Any], digest: str, text: str, usage: dict[str, int]) -> None:
        pieces = re.findall(r"\S+\s*", text)
        if body.get("model") == "halves":  # as servers do that count in UTF-16 units
            pieces += ["\ud83d", "\ude00", " \ud83d"]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        endless = body.get("model") in ENDLESS and not self.server.mended
        for piece in cycle([text]) if endless else pieces:
            time.sleep(self.server.latency / len(pieces))
            self._chunk(
                body, digest, [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]
            )
        self.server.let_go(self.entry)
        if body.get("model") in CUT_OFF and not self.server.mended:
            self.wfile.write(b"0\r\n\r\n")
            return
        self._chunk(body, digest, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
        if (body.get("stream_options") or {}).get("include_usage"):
            self._chunk(body, digest, [], usage)
        self._send(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(
        self,
        body: dict[str, Any],
        digest: str,
        choices: list[dict[str, Any]],
        usage: dict[str, int] | None = None,
    ) -> None:
        chunk = {**_envelope(body, digest, "chat.completion.chunk"), "choices": choices}
        self._send(f"data: {json.dumps({**chunk, 'usage': usage})}\n\n".encode())

    def _send(self, event: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what was asked is in the log."""


def _envelope(body: dict[str, Any], digest: str, kind: str) -> dict[str, Any]:
    model = body.get("model", "")
    return {"id": f"chatcmpl-{digest[:12]}", "object": kind, "created": 0, "model": model}


# -- running it ----------------------------------------------------------------------------------------


class Wire:
    """The server as a process of its own, for the length of a `with` block."""

    def __init__(self, log: Path, *, latency: float = 0.0) -> None:
        self.log = log
        self.latency = latency
        self.base_url = ""

    def __enter__(self) -> Wire:
        self.log.touch()
        command = [sys.executable, "-m", "tests.support.wire", "--log", str(self.log)]
        self._process = subprocess.Popen(
            [*command, "--port", "0", "--latency", str(self.latency)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.base_url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/v1"
        return self

    def __exit__(self, *raised: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def mend(self) -> None:
        """From here on every model behaves."""
        self.log.with_suffix(".mended").touch()

    def spoil(self) -> None:
        """From here on models misbehave again."""
        self.log.with_suffix(".mended").unlink()

    def received(self) -> list[dict[str, Any]]:
        """The requests that came in, in order."""
        return [line for line in self.lines() if line["event"] == "received"]

    def answered(self) -> list[dict[str, Any]]:
        """The requests whose answer went out whole, in the order in which that was done."""
        return [line for line in self.lines() if line["event"] == "answered"]

    def abandoned(self) -> list[dict[str, Any]]:
        """The requests whose client hung up in the middle of the answer."""
        return [line for line in self.lines() if line["event"] == "abandoned"]

    def lines(self) -> Iterator[dict[str, Any]]:
        """Everything in the log, in order."""
        for line in self.log.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--log", type=Path, required=True, help="where requests are written down")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds an answer takes")
    options = parser.parse_args()
    server = Server(options.port, options.log, options.latency)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
