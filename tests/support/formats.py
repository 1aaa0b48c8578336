"""What the vendors' APIs look like on the wire: chat requests as they come in, answers as they go out.

A format knows nothing of what is answered; `wire.py` does. It is told the end of an answer in OpenAI's words.
"""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

__all__ = ["Answer", "Ask", "Format", "ask_of"]

Json = dict[str, Any]

VENDORS = ("openai", "anthropic", "google", "grok", "ollama", "openai_compatible")
"""What a path may begin with, where more than one vendor speaks a format."""

SAME: Mapping[str | None, str | None] = MappingProxyType(
    {name: name for name in ("stop", "length", "content_filter")}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered. `finish` is `stop`, `length`, `content_filter`, `refusal`, or None where nobody says.

    `tool` is the name of the tool that the text calls with itself as arguments.
    """

    text: str
    asked: int
    """Tokens of the question."""
    finish: str | None = "stop"
    tool: str = ""

    @property
    def took(self) -> int:
        """Tokens of the answer."""
        return len(self.text) // 4


class Format(ABC):
    """One vendor's API."""

    kind = "text/event-stream"
    """The type of a stream."""
    ends: Mapping[str | None, str | None]
    """How the vendor calls the ways an answer can end."""
    opening = 2
    """Messages of a conversation in which nothing is answered yet."""

    def model(self, path: str, body: Json) -> str:
        return str(body.get("model", ""))

    def streamed(self, path: str, body: Json) -> bool:
        return bool(body.get("stream"))

    def declines(self, body: Json) -> bool:
        """Whether there is a word for it that a model declines to answer this; else it says so as it says anything."""
        return True

    def messages(self, body: Json) -> list[Any]:
        found: list[Any] = body.get("messages", [])
        return found

    def tool(self, body: Json) -> str:
        """The tool that must be called, empty if there is none."""
        return ""

    @abstractmethod
    def schema(self, body: Json) -> Json | None:
        """The form that is asked for."""

    @abstractmethod
    def whole(self, model: str, answer: Answer) -> Json:
        """An answer in one piece."""

    @abstractmethod
    def head(self, model: str, answer: Answer) -> list[Json]:
        """How a stream begins."""

    @abstractmethod
    def piece(self, model: str, text: str) -> Json:
        """A piece of a streamed text."""

    @abstractmethod
    def tail(self, model: str, answer: Answer, body: Json) -> list[Json]:
        """How a stream ends."""

    @abstractmethod
    def error(self, status: int, code: str, message: str) -> Json:
        """A refusal."""

    def frame(self, event: Json) -> bytes:
        return f"data: {json.dumps(event)}\n\n".encode()

    def last(self) -> bytes:
        """What a stream says after its last event."""
        return b""


class OpenAI(Format):
    ends = MappingProxyType({**SAME, "refusal": "stop", None: None})

    def declines(self, body: Json) -> bool:
        return self.schema(body) is not None

    def schema(self, body: Json) -> Json | None:
        form = body.get("response_format") or {}
        if form.get("type") == "json_schema":
            return dict(form["json_schema"]["schema"])
        if self.tool(body):
            return dict(body["tools"][0]["function"]["parameters"])
        return None

    def tool(self, body: Json) -> str:
        tools = body.get("tools") or []
        return str(tools[0]["function"]["name"]) if tools else ""

    def whole(self, model: str, answer: Answer) -> Json:
        message: Json = {"role": "assistant", "content": answer.text}
        if answer.finish == "refusal":
            message |= {"content": None, "refusal": answer.text}
        if answer.tool:
            called = {"name": answer.tool, "arguments": answer.text}
            call = {"id": "call-1", "type": "function", "function": called}
            message |= {"content": None, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": self.ends[answer.finish]}
        return {
            **self._named(model, "chat.completion"),
            "choices": [choice],
            "usage": self._usage(answer),
        }

    def head(self, model: str, answer: Answer) -> list[Json]:
        return [self._chunk(model, {"role": "assistant", "content": ""})]

    def piece(self, model: str, text: str) -> Json:
        return self._chunk(model, {"content": text})

    def tail(self, model: str, answer: Answer, body: Json) -> list[Json]:
        events = [self._chunk(model, {}, self.ends[answer.finish])]
        if (body.get("stream_options") or {}).get("include_usage"):
            usage = {"choices": [], "usage": self._usage(answer)}
            events.append({**self._named(model, "chat.completion.chunk"), **usage})
        return events

    def error(self, status: int, code: str, message: str) -> Json:
        return {"error": {"message": message, "code": code, "type": code}}

    def last(self) -> bytes:
        return b"data: [DONE]\n\n"

    def _chunk(self, model: str, delta: Json, finish: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {**self._named(model, "chat.completion.chunk"), "choices": [choice], "usage": None}

    def _named(self, model: str, kind: str) -> Json:
        return {"id": "chatcmpl-1", "object": kind, "created": 0, "model": model}

    def _usage(self, answer: Answer) -> Json:
        asked, took = answer.asked, answer.took
        return {"prompt_tokens": asked, "completion_tokens": took, "total_tokens": asked + took}


class Anthropic(Format):
    opening = 1
    ends = MappingProxyType(
        {
            "stop": "end_turn",
            "length": "max_tokens",
            "content_filter": "refusal",
            "refusal": "refusal",
            None: None,
        }
    )

    def schema(self, body: Json) -> Json | None:
        form = (body.get("output_config") or {}).get("format") or {}
        if form.get("type") == "json_schema":
            return dict(form["schema"])
        return dict(body["tools"][0]["input_schema"]) if self.tool(body) else None

    def tool(self, body: Json) -> str:
        tools = body.get("tools") or []
        return str(tools[0]["name"]) if tools else ""

    def whole(self, model: str, answer: Answer) -> Json:
        said: Json = {"type": "text", "text": answer.text}
        if answer.tool:
            said = {"type": "tool_use", "id": "toolu_1", "name": answer.tool}
            said["input"] = json.loads(answer.text)
        return {**self._message(model, answer), "content": [said] if answer.text else []}

    def head(self, model: str, answer: Answer) -> list[Json]:
        begun = {**self._message(model, answer), "content": [], "stop_reason": None}
        block = {"type": "text", "text": ""}
        return [
            {"type": "message_start", "message": begun},
            {"type": "content_block_start", "index": 0, "content_block": block},
        ]

    def piece(self, model: str, text: str) -> Json:
        delta = {"type": "text_delta", "text": text}
        return {"type": "content_block_delta", "index": 0, "delta": delta}

    def tail(self, model: str, answer: Answer, body: Json) -> list[Json]:
        delta = {"stop_reason": self.ends[answer.finish], "stop_sequence": None}
        return [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": answer.took}},
            {"type": "message_stop"},
        ]

    def error(self, status: int, code: str, message: str) -> Json:
        return {"type": "error", "error": {"type": code, "message": message}}

    def frame(self, event: Json) -> bytes:
        return f"event: {event['type']}\n".encode() + super().frame(event)

    def _message(self, model: str, answer: Answer) -> Json:
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": model,
            "stop_reason": self.ends[answer.finish],
            "stop_sequence": None,
            "usage": {"input_tokens": answer.asked, "output_tokens": answer.took},
        }


class Google(Format):
    opening = 1
    ends = MappingProxyType(
        {
            "stop": "STOP",
            "length": "MAX_TOKENS",
            "content_filter": "SAFETY",
            "refusal": None,
            None: None,
        }
    )

    def model(self, path: str, body: Json) -> str:
        return path.rpartition("/")[2].partition(":")[0]

    def streamed(self, path: str, body: Json) -> bool:
        return ":streamGenerateContent" in path

    def messages(self, body: Json) -> list[Any]:
        found: list[Any] = body.get("contents", [])
        return found

    def schema(self, body: Json) -> Json | None:
        form: Json | None = (body.get("generationConfig") or {}).get("responseJsonSchema")
        return form

    def whole(self, model: str, answer: Answer) -> Json:
        if answer.finish == "refusal":  # of the prompt, which has no answer then
            return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **self._usage(answer)}
        return {**self._said(answer.text, self.ends[answer.finish]), **self._usage(answer)}

    def head(self, model: str, answer: Answer) -> list[Json]:
        return []

    def piece(self, model: str, text: str) -> Json:
        return self._said(text)

    def tail(self, model: str, answer: Answer, body: Json) -> list[Json]:
        if answer.finish == "refusal":
            return [self.whole(model, answer)]
        return [{**self._said("", self.ends[answer.finish]), **self._usage(answer)}]

    def error(self, status: int, code: str, message: str) -> Json:
        return {"error": {"code": status, "message": message, "status": code.upper()}}

    def _said(self, text: str, finish: str | None = None) -> Json:
        said: Json = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
        return {"candidates": [said | ({"finishReason": finish} if finish else {})]}

    def _usage(self, answer: Answer) -> Json:
        asked, took = answer.asked, answer.took
        counts = {"promptTokenCount": asked, "candidatesTokenCount": took}
        return {"usageMetadata": {**counts, "totalTokenCount": asked + took}}


class Ollama(Format):
    kind = "application/x-ndjson"
    ends = SAME

    def declines(self, body: Json) -> bool:
        return False

    def streamed(self, path: str, body: Json) -> bool:
        return bool(body.get("stream", True))

    def schema(self, body: Json) -> Json | None:
        form = body.get("format")
        return dict(form) if isinstance(form, dict) else None

    def whole(self, model: str, answer: Answer) -> Json:
        return {**self._line(model, answer.text), **self._end(answer)}

    def head(self, model: str, answer: Answer) -> list[Json]:
        return []

    def piece(self, model: str, text: str) -> Json:
        return {**self._line(model, text), "done": False}

    def tail(self, model: str, answer: Answer, body: Json) -> list[Json]:
        return [{**self._line(model, ""), **self._end(answer)}]

    def error(self, status: int, code: str, message: str) -> Json:
        return {"error": message}

    def frame(self, event: Json) -> bytes:
        return json.dumps(event).encode() + b"\n"

    def _line(self, model: str, text: str) -> Json:
        message = {"role": "assistant", "content": text}
        return {"model": model, "created_at": "2026-01-01T00:00:00Z", "message": message}

    def _end(self, answer: Answer) -> Json:
        counts = {"prompt_eval_count": answer.asked, "eval_count": answer.took}
        return {"done": True, "done_reason": self.ends[answer.finish], **counts}


@dataclass(frozen=True)
class Ask:
    """A chat request, in whatever format it came."""

    form: Format
    path: str
    raw: bytes
    body: dict[str, Any] = field(repr=False)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def model(self) -> str:
        return self.form.model(self.path, self.body)

    @property
    def messages(self) -> list[Any]:
        return self.form.messages(self.body)

    @property
    def schema(self) -> dict[str, Any] | None:
        return self.form.schema(self.body)

    @property
    def vendor(self) -> str:
        """Whose API it is, by the beginning of the path."""
        first = self.path.split("/")[1]
        return first if first in VENDORS else "openai"

    def named(self, tag: str) -> str:
        """The name in the last such tag of the prompt, `""` if the prompt has none."""
        prompt = json.dumps(self.messages, ensure_ascii=False)
        names: list[str] = re.findall(rf'<{tag} name=\\"([^"\\]+)\\"', prompt)
        return names[-1] if names else ""


def ask_of(path: str, raw: bytes) -> Ask:
    """The request that came to a path, in the format that is spoken there."""
    form: Format = OpenAI()
    if path.endswith("/messages"):
        form = Anthropic()
    elif "enerateContent" in path:
        form = Google()
    elif path.endswith("/api/chat"):
        form = Ollama()
    return Ask(form, path, raw, json.loads(raw))
