"""What the wire's server does with one request: answer it, or fail as it was told to."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from langgraph_parity.wire_answers import kind_of

if TYPE_CHECKING:
    from langgraph_parity.wire_server import Server

__all__ = ["Handler"]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        """List a model, for clients that look before they ask."""
        if self.path.endswith("/models"):
            self._json(200, {"object": "list", "data": [{"id": "any", "object": "model"}]})
        else:
            self._refuse(404, "not_found", {})

    def do_POST(self) -> None:
        """Answer a chat, or take an order of the test."""
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            return self._refuse(400, "invalid_json", {})
        if self.path.startswith("/control/"):
            return self._control(self.path.rpartition("/")[2], body)
        if not self.path.endswith("/chat/completions"):
            return self._refuse(404, "only_chat_completions_are_served", {})
        digest = hashlib.sha256(raw).hexdigest()
        entry = {"request": self.server.number(), "sha256": digest, "model": body.get("model", "")}
        self.server.write({"event": "received", **entry, "body": body})
        event = "failed"
        try:
            if self._chat(body, digest):
                event = "answered"
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.server.write({"event": event, **entry})

    def _control(self, what: str, body: dict[str, Any]) -> None:
        if what == "faults":
            self.server.faults.append(body)
        elif what == "mend":
            self.server.faults, self.server.named = [], {}
        self._json(200, {})

    def _chat(self, body: dict[str, Any], digest: str) -> bool:
        """Answer or fail; whether the answer went out whole."""
        fault = self.server.fault(body, digest)
        how = fault.get("how", "")
        if how == "status":
            status = fault.get("status", 500)
            self._refuse(status, fault.get("code", "error"), fault.get("headers", {}))
            return False
        if how == "hang":
            time.sleep(fault.get("seconds", 3600))
        text, calls = self.server.said(body, digest) if how != "refusal" else ("", [])
        if how == "off-form" and kind_of(body) != "text":
            text, calls = "I would rather not fill in forms.", []
        message: dict[str, Any] = {"role": "assistant", "content": text or None}
        message |= {"tool_calls": calls} if calls else {}
        message |= (
            {"refusal": fault.get("text", "I can't help with that.")} if how == "refusal" else {}
        )
        finish = "tool_calls" if calls else "stop"
        usage = {"prompt_tokens": len(json.dumps(body)) // 4}
        usage["completion_tokens"] = len(text + "".join(map(json.dumps, calls))) // 4
        usage["total_tokens"] = sum(usage.values())
        send = self._stream if body.get("stream") else self._whole
        return send(body, digest, message, finish, usage, how)

    def _whole(
        self, body: Any, digest: str, message: Any, finish: str, usage: Any, how: str
    ) -> bool:
        time.sleep(self.server.latency)
        choice = {"index": 0, "message": message, "finish_reason": finish}
        whole = {**_envelope(body, digest, "chat.completion"), "choices": [choice], "usage": usage}
        if how in ("malformed", "cut-off", "reset"):
            half = json.dumps(whole)[:-40].encode()
            self._head("application/json", length=len(half) + (0 if how == "malformed" else 40))
            self.wfile.write(half)
            if how != "malformed":
                self._hang_up()
            return False
        self._json(200, whole)
        return True

    def _stream(
        self, body: Any, digest: str, message: Any, finish: str, usage: Any, how: str
    ) -> bool:
        self._head("text/event-stream")
        deltas = list(_deltas(message))
        if how in ("malformed", "cut-off", "reset"):
            deltas = deltas[: max(1, len(deltas) // 2)]
        for delta in deltas:
            time.sleep(self.server.latency / len(deltas))
            self._chunk(body, digest, [{"index": 0, "delta": delta, "finish_reason": None}])
        if how == "reset":
            self._hang_up()
            return False
        if how == "malformed":
            self._send(b'data: {"choices": [{"delta": \n\n')
        if how != "cut-off":
            self._chunk(body, digest, [{"index": 0, "delta": {}, "finish_reason": finish}])
            if (body.get("stream_options") or {}).get("include_usage"):
                self._chunk(body, digest, [], usage)
            self._send(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")
        return not how or how in ("off-form", "refusal", "hang")

    def _chunk(self, body: Any, digest: str, choices: list[Any], usage: Any = None) -> None:
        chunk = {**_envelope(body, digest, "chat.completion.chunk"), "choices": choices}
        self._send(f"data: {json.dumps({**chunk, 'usage': usage})}\n\n".encode())

    def _send(self, event: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))

    def _refuse(self, status: int, code: str, headers: dict[str, str]) -> None:
        error = {"message": f"refused: {code}", "code": code, "type": code}
        self._json(status, {"error": error}, headers)

    def _json(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        payload = json.dumps(content).encode()
        self._head("application/json", status, len(payload), headers)
        self.wfile.write(payload)

    def _head(
        self,
        kind: str,
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

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what was asked is in the log."""


def _deltas(message: dict[str, Any]) -> list[dict[str, Any]]:
    """A message as a stream has it: word by word, tools after the text."""
    first = [{"role": "assistant", "content": ""}]
    words = [{"content": word} for word in re.findall(r"\S+\s*|\s+", message["content"] or "")]
    tools = []
    for index, call in enumerate(message.get("tool_calls", ())):
        said, half = call["function"]["arguments"], len(call["function"]["arguments"]) // 2
        named = {**call, "index": index, "function": {**call["function"], "arguments": said[:half]}}
        rest = {"index": index, "function": {"arguments": said[half:]}}
        tools += [{"tool_calls": [named]}, {"tool_calls": [rest]}]
    refusal = [{"refusal": message["refusal"]}] if "refusal" in message else []
    return [*first, *words, *tools, *refusal]


def _envelope(body: dict[str, Any], digest: str, kind: str) -> dict[str, Any]:
    model = body.get("model", "")
    return {"id": f"chatcmpl-{digest[:12]}", "object": kind, "created": 0, "model": model}
