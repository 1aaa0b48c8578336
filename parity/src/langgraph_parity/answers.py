"""Scripted answers as LangChain's messages: whole, in chunks, and with the faults that models have."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import BaseModel

__all__ = [
    "Answer",
    "CutOff",
    "Malformed",
    "Refusal",
    "calls",
    "chunks",
    "message_of",
    "said",
    "whole",
]

Answer = Any
"""A string, an AIMessage, a pydantic object or a dict (structured answers), an exception to raise, or a fault."""


@dataclass(frozen=True)
class Malformed:
    """A structured answer, or arguments of a tool, that does not parse."""

    text: str = '{"unfinished": '


@dataclass(frozen=True)
class Refusal:
    """The model declines, as vendors mark it: no content, the reason in `additional_kwargs["refusal"]`."""

    text: str = "I can't help with that."


@dataclass(frozen=True)
class CutOff:
    """A stream that breaks off in the middle: by `error`, or simply without a finish reason.

    Asked for in one piece, it is half the text with the finish reason `length`, or the error.
    """

    text: str = "This answer breaks off before it has said everything"
    error: BaseException | None = None


def calls(name: str, /, **arguments: Any) -> AIMessage:
    """An answer that calls a tool."""
    digest = hashlib.sha256(json.dumps([name, arguments], default=str).encode()).hexdigest()
    made = tool_call(name=name, args=arguments, id=f"call_{digest[:12]}")
    return AIMessage("", tool_calls=[made])


def said(message: AIMessage) -> str:
    """All that an answer says: its text, and the arguments of its tools."""
    return message.text + "".join(json.dumps(call["args"]) for call in message.tool_calls)


def message_of(answer: Answer, tools: Sequence[str], choice: Any) -> AIMessage:
    """The message that says `answer`; structured answers go into a tool, where one is meant for them."""
    match answer:
        case AIMessage():
            return answer
        case CutOff(text=text):
            return AIMessage(text)
        case Refusal(text=text):
            return AIMessage("", additional_kwargs={"refusal": text})
        case Malformed(text=text) if choice and tools:
            broken = invalid_tool_call(name=tools[0], args=text, id="call_malformed", error=None)
            return AIMessage("", invalid_tool_calls=[broken])
        case Malformed(text=text) | str(text):
            return AIMessage(text)
        case BaseModel() | dict():
            name = type(answer).__name__
            content = answer.model_dump(mode="json") if isinstance(answer, BaseModel) else answer
            if name in tools or (choice and tools):
                return calls(name if name in tools else tools[0], **content)
            return AIMessage(json.dumps(content, ensure_ascii=False))
    raise TypeError(f"A scripted answer cannot be {type(answer).__name__}: {answer!r}.")


def whole(message: AIMessage, fault: CutOff | None) -> ChatResult:
    """The message in one piece."""
    if fault and fault.error:
        raise fault.error
    if fault:
        half = message.text[: len(message.text) // 2]
        metadata = {**message.response_metadata, "finish_reason": "length"}
        message = message.model_copy(update={"content": half, "response_metadata": metadata})
    return ChatResult(generations=[ChatGeneration(message=message)])


def chunks(message: AIMessage, fault: CutOff | None) -> list[ChatGenerationChunk]:
    """The message word by word, tools after the text, usage and finish reason last."""
    words = re.findall(r"\S+\s*|\s+", message.text)
    if fault:
        words = words[: max(1, len(words) // 2)]
    parts = [AIMessageChunk(content=word, id=message.id) for word in words]
    made = [
        *((c["name"], json.dumps(c["args"]), c["id"]) for c in message.tool_calls),
        *((c["name"], c["args"] or "", c["id"]) for c in message.invalid_tool_calls),
    ]
    for index, (name, args, id_) in enumerate(made):
        for half, text in enumerate((args[: len(args) // 2], args[len(args) // 2 :])):
            piece = tool_call_chunk(
                name=None if half else name, args=text, id=None if half else id_, index=index
            )
            parts.append(AIMessageChunk(content="", id=message.id, tool_call_chunks=[piece]))
    if not fault:
        parts.append(
            AIMessageChunk(
                content="",
                id=message.id,
                additional_kwargs=message.additional_kwargs,
                usage_metadata=message.usage_metadata,
                response_metadata=message.response_metadata,
                chunk_position="last",
            )
        )
    return [ChatGenerationChunk(message=part) for part in parts]
