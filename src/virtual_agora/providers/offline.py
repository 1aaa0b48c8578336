"""The scripted provider: a deliberation without a model, for a first look and for tests.

A real LangChain chat model, so that it goes down the same path as every other. Its answer depends on the
messages, the seed and the persona alone. It says nothing that a model thought, and whoever shows its words
says so: see `state.demo`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.utils.json_schema import dereference_refs
from pydantic import BaseModel, Field

from virtual_agora.clock import Clock
from virtual_agora.providers.offline_answers import fill_in
from virtual_agora.providers.offline_prompt import read_prompt
from virtual_agora.providers.offline_prose import write
from virtual_agora.providers.offline_stock import Voice, number
from virtual_agora.providers.offline_words import clean

__all__ = ["OfflineChatModel"]

CHARACTERS_PER_TOKEN = 4
SECONDS_PER_WORD = 0.0033
STRUCTURED_SECONDS = 0.15
SHORTEST_PAUSE = 0.01
"""Seconds; no eye sees a shorter wait, and each costs something."""


class OfflineChatModel(BaseChatModel):
    """A chat model that composes its answers from packaged phrases.

    `latency` is how long a call takes, in seconds, however many chunks it is streamed in; None is a pace at
    which one can see it speak and a whole session still takes well under half a minute.
    """

    model_name: str = "scripted"
    persona: str | None = None
    seed: int = 0
    latency: float | None = Field(default=None, ge=0)
    clock: Clock = Field(default_factory=Clock, exclude=True, repr=False)

    @property
    def _llm_type(self) -> str:
        return "offline"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"model_name": self.model_name, "persona": self.persona, "seed": self.seed}

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        **_: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Answer with JSON of that schema. Ways of asking for it, such as `method`, make no difference."""
        typed = schema if isinstance(schema, type) and issubclass(schema, BaseModel) else None
        form: Any = typed.model_json_schema() if typed else schema
        model = self.bind(answer_schema=dereference_refs(form))

        # One function, where a chain of runnables would start a thread for each of its parts.
        def respond(messages: LanguageModelInput) -> Any:
            raw = model.invoke(messages)
            answer: dict[str, Any] = {"raw": raw, "parsed": None, "parsing_error": None}
            try:
                said = json.loads(raw.text)
                answer["parsed"] = typed.model_validate(said) if typed else said
            except ValueError as error:
                if not include_raw:
                    raise
                answer["parsing_error"] = error
            return answer if include_raw else answer["parsed"]

        return RunnableLambda(respond)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        started = self.clock.elapsed()
        text = self._answer(messages, **kwargs)
        self._wait_until(started + self._duration(text, **kwargs))
        message = AIMessage(
            text, usage_metadata=_usage(messages, text), response_metadata=self._metadata()
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        started = self.clock.elapsed()
        text = self._answer(messages, **kwargs)
        duration = self._duration(text, **kwargs)
        words = re.findall(r"\S+\s*", text)
        for place, word in enumerate(words, 1):
            message = AIMessageChunk(content=word)
            if place == len(words):
                message = AIMessageChunk(
                    content=word,
                    usage_metadata=_usage(messages, text),
                    response_metadata=self._metadata(),
                    chunk_position="last",
                )
            # Paced against the whole, so that what the listener takes for a word is not added to it.
            shortest = 0.0 if place == len(words) else SHORTEST_PAUSE
            self._wait_until(started + duration * place / len(words), shortest)
            yield ChatGenerationChunk(message=message)

    def _answer(
        self,
        messages: Sequence[BaseMessage],
        *,
        answer_schema: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> str:
        fields = (answer_schema or {}).get("properties", {})
        prompt = read_prompt(messages, persona=self.persona, fields=fields)
        seed = number(self.seed, clean(prompt.theme))
        voice = Voice.of(prompt.persona, prompt.name, seed)
        if answer_schema is None:
            return write(prompt, voice, seed)
        return json.dumps(fill_in(prompt, voice, answer_schema, seed), ensure_ascii=False)

    def _duration(
        self, text: str, *, answer_schema: Mapping[str, Any] | None = None, **_: Any
    ) -> float:
        if self.latency is not None:
            return self.latency
        if answer_schema is not None:
            return STRUCTURED_SECONDS
        return min(0.5, max(0.35, SECONDS_PER_WORD * len(text.split())))

    def _wait_until(self, moment: float, shortest: float = 0.0) -> None:
        if self.latency == 0:
            return
        rest = moment - self.clock.elapsed()
        if rest > shortest:
            self.clock.sleep(rest)

    def _metadata(self) -> dict[str, Any]:
        return {"finish_reason": "stop", "model_name": self.model_name}


def _usage(messages: Sequence[BaseMessage], text: str) -> UsageMetadata:
    """An estimate, by characters; nobody bills for it."""
    read = sum(len(message.text) for message in messages) // CHARACTERS_PER_TOKEN + 1
    written = len(text) // CHARACTERS_PER_TOKEN + 1
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
