"""A chat model that says what a test wants: a real LangChain model, with nothing behind it."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

from langgraph_parity.answers import (
    Answer,
    CutOff,
    Malformed,
    Refusal,
    calls,
    chunks,
    message_of,
    said,
    whole,
)
from langgraph_parity.structured import by_json_schema

__all__ = [
    "Call",
    "CutOff",
    "Malformed",
    "Refusal",
    "ScriptEndedError",
    "ScriptedChatModel",
    "calls",
    "models_made",
]


class ScriptEndedError(LookupError):
    """The model was called more often than the script has answers, or with a prompt that it does not name."""


@dataclass(frozen=True)
class Call:
    """One call of the model, as it arrived. `chars` counts the text of the whole prompt."""

    number: int
    messages: tuple[BaseMessage, ...]
    answer: Answer
    streamed: bool
    tools: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def prompt(self) -> str:
        """The text of all messages."""
        return _text(self.messages)

    @property
    def chars(self) -> int:
        """The size of the prompt."""
        return len(self.prompt)


class ScriptedChatModel(BaseChatModel):
    """Answers from `answers`, and keeps every call in `calls`.

    `answers` is an iterable, used up in the order of the calls; or a callable of the messages; or a mapping from a
    key to an answer, or to a list of answers used up in order. The key is what `key(messages)` returns; without
    it, the longest of the mapping's keys that stands in the prompt. Calls that run side by side arrive in any
    order, so give those a mapping or a callable: then the same prompts get the same answers in every run.

    `latency` is the time an answer takes, in seconds.
    """

    answers: Any
    key: Callable[[Sequence[BaseMessage]], Any] | None = None
    model_name: str = "scripted"
    latency: float = 0.0

    _lock: Any = PrivateAttr(default_factory=threading.Lock)
    _calls: list[Call] = PrivateAttr(default_factory=list)
    _iterators: dict[Any, Iterator[Answer]] = PrivateAttr(default_factory=dict)
    _asked: Counter[str] = PrivateAttr(default_factory=Counter)

    def __init__(self, answers: Any = (), /, **options: Any) -> None:
        super().__init__(**{"answers": answers, **options})
        for made in _collecting:
            made.append(self)

    @property
    def calls(self) -> list[Call]:
        """All calls so far, in the order in which they arrived."""
        with self._lock:
            return list(self._calls)

    @property
    def begins_again(self) -> bool:
        """Has it given answers from a list, which another model made like this one begins at the first again?"""
        if callable(self.answers) or not self.calls:
            return False
        if isinstance(self.answers, Mapping):
            return any(isinstance(answer, list | tuple) for answer in self.answers.values())
        return iter(self.answers) is not self.answers

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name}

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[Any, AIMessage]:
        """The model with tools; the script says when they are called."""
        made = [convert_to_openai_tool(tool) for tool in tools]
        return cast(
            "Runnable[Any, AIMessage]", self.bind(tools=made, tool_choice=tool_choice, **kwargs)
        )

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: Literal["json_schema", "function_calling", "json_mode"] = "json_schema",
        **kwargs: Any,
    ) -> Runnable[Any, Any]:
        """Structured answers by JSON schema, or by a tool (`function_calling`)."""
        if method == "function_calling":
            return super().with_structured_output(schema, include_raw=include_raw)
        return by_json_schema(self, schema, include_raw=include_raw)

    # -- what LangChain calls --------------------------------------------------------------------------

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        message, fault = self._answer(messages, kwargs, streamed=False)
        time.sleep(self.latency)
        return whole(message, fault)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        message, fault = self._answer(messages, kwargs, streamed=False)
        await asyncio.sleep(self.latency)
        return whole(message, fault)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        message, fault = self._answer(messages, kwargs, streamed=True)
        parts = chunks(message, fault)
        for chunk in parts:
            time.sleep(self.latency / len(parts))
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk
        if fault and fault.error:
            raise fault.error

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        message, fault = self._answer(messages, kwargs, streamed=True)
        parts = chunks(message, fault)
        for chunk in parts:
            await asyncio.sleep(self.latency / len(parts))
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk
        if fault and fault.error:
            raise fault.error

    # -- the script ------------------------------------------------------------------------------------

    def _answer(
        self, messages: Sequence[BaseMessage], options: dict[str, Any], *, streamed: bool
    ) -> tuple[AIMessage, CutOff | None]:
        """The next answer as a message, and the fault with which it is to be sent."""
        answer = self._scripted(messages)
        tools = [tool["function"]["name"] for tool in options.get("tools") or ()]
        with self._lock:
            call = Call(
                number=len(self._calls) + 1,
                messages=tuple(messages),
                answer=answer,
                streamed=streamed,
                tools=tuple(tools),
                options={name: value for name, value in options.items() if name != "tools"},
            )
            self._calls.append(call)
            digest = hashlib.sha256(repr([(m.type, m.content) for m in messages]).encode())
            self._asked[digest.hexdigest()] += 1
            name = f"scripted-{digest.hexdigest()[:12]}-{self._asked[digest.hexdigest()]}"
        if isinstance(answer, BaseException) or (
            isinstance(answer, type) and issubclass(answer, BaseException)
        ):
            raise answer
        fault = answer if isinstance(answer, CutOff) else None
        message = message_of(answer, tools, options.get("tool_choice"))
        usage = {"input_tokens": call.chars // 4, "output_tokens": len(said(message)) // 4}
        finish = "tool_calls" if message.tool_calls else "stop"
        return message.model_copy(
            update={
                "id": message.id or name,
                "usage_metadata": message.usage_metadata
                or {**usage, "total_tokens": sum(usage.values())},
                "response_metadata": {
                    "model_name": self.model_name,
                    "finish_reason": finish,
                    **message.response_metadata,
                },
            }
        ), fault

    def _scripted(self, messages: Sequence[BaseMessage]) -> Answer:
        if callable(self.answers):
            return self.answers(list(messages))
        if not isinstance(self.answers, Mapping):
            return self._next("", self.answers, "The script")
        if self.key is not None:
            key = self.key(messages)
        else:
            prompt = _text(messages)
            key = max((str(k) for k in self.answers if str(k) in prompt), key=len, default=None)
        if key not in self.answers:
            raise ScriptEndedError(f"No answer is scripted for {key or _text(messages)[-200:]!r}.")
        answer = self.answers[key]
        if isinstance(answer, list | tuple):
            return self._next(key, answer, f"The script for {key!r}")
        return answer

    def _next(self, key: Any, answers: Iterable[Answer], whose: str) -> Answer:
        with self._lock:
            iterator = self._iterators.setdefault(key, iter(answers))
            try:
                return next(iterator)
            except StopIteration:
                number = len(self._calls) + 1
        raise ScriptEndedError(f"{whose} has no more answers; this was call {number}.") from None


_collecting: list[list[ScriptedChatModel]] = []


@contextmanager
def models_made() -> Iterator[list[ScriptedChatModel]]:
    """The models that are made in the block."""
    made: list[ScriptedChatModel] = []
    _collecting.append(made)
    try:
        yield made
    finally:
        _collecting[:] = [one for one in _collecting if one is not made]


def _text(messages: Iterable[BaseMessage]) -> str:
    return "\n".join(message.text for message in messages)
