"""One question to a model, until it is answered: retries, timeouts, repairs, usage, cost.

This is the only place that repeats a request. What is worth repeating is said by `faults.py`, how often by
the policy handed in.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import tenacity
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel

from virtual_agora.clock import Clock
from virtual_agora.errors import (
    MalformedAnswerError,
    PermanentProviderError,
    ProviderError,
    TransientProviderError,
)
from virtual_agora.events import CallFailed, CallFinished, CallRetried, CallStarted, Event, Token
from virtual_agora.providers.faults import translate
from virtual_agora.providers.pricing import price
from virtual_agora.providers.replies import Reply, cut_off, read_reply
from virtual_agora.providers.requests import Caller, CallPolicy, CallResult, ModelRequest
from virtual_agora.providers.structured import Asked, ask_again, bind_schema, parse, read_from_text
from virtual_agora.providers.vendors import check_provider

__all__ = ["CallPolicy", "CallResult", "Caller", "ModelRequest", "complete"]

T = TypeVar("T")


def complete(
    model: BaseChatModel,
    request: ModelRequest,
    caller: Caller,
    *,
    policy: CallPolicy,
    clock: Clock,
    emit: Callable[[Event], None],
    seed: int,
) -> CallResult:
    """Ask `model` and return its answer; free text streams out as `Token` events meanwhile.

    `seed` makes the waits between attempts reproducible. Raises ProviderAccessError, PermanentProviderError
    (also when all attempts failed) or MalformedAnswerError. What no provider is to blame for passes through.
    """
    called = f"{caller.provider}/{caller.model}"
    emit(
        CallStarted(
            caller.call_id,
            caller.agent,
            caller.role,
            called,
            request.task,
            request.topic,
            request.round,
        )
    )
    started = clock.elapsed()
    call = _Call(model, request, caller, policy, clock, emit, seed)
    try:
        reply, data = call.structured(request.schema) if request.schema else (call.text(), None)
    except ProviderError as error:
        emit(CallFailed(caller.call_id, caller.agent, request.task, error.message))
        raise
    seconds = clock.elapsed() - started
    cost = price(
        caller.provider,
        caller.model,
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        cached_tokens=call.cached_tokens,
    )
    emit(
        CallFinished(
            caller.call_id,
            caller.agent,
            request.task,
            call.input_tokens,
            call.output_tokens,
            cost,
            seconds,
        )
    )
    return CallResult(
        text=reply.text,
        data=data,
        repairs=call.repairs,
        read_from_text=call.read_from_text,
        model=called,
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        cached_tokens=call.cached_tokens,
        prompt_chars=call.prompt_chars,
        cost=cost,
        seconds=seconds,
        at=clock.timestamp(),
        attempts=call.attempts,
    )


class _Call:
    """A call under way: the conversation so far, and a running count of what it took."""

    def __init__(
        self,
        model: BaseChatModel,
        request: ModelRequest,
        caller: Caller,
        policy: CallPolicy,
        clock: Clock,
        emit: Callable[[Event], None],
        seed: int,
    ) -> None:
        self._model = model
        self._caller = caller
        self._policy = policy
        self._clock = clock
        self._emit = emit
        self._named: dict[str, Any] = {"provider": caller.provider, "model": caller.model}
        self._who = f"{check_provider(caller.provider).label} ({caller.model})"
        # Calls that fail together must not come back together, so each has waits of its own.
        self._random = random.Random(f"{seed}:{caller.call_id}")
        self._conversation: list[BaseMessage] = [
            SystemMessage(request.system),
            HumanMessage(request.prompt),
        ]
        self.attempts = 0
        self.repairs = 0
        self.read_from_text = False
        self.prompt_chars = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.cached_tokens = 0

    def text(self) -> Reply:
        """An answer in free text."""
        return self._persist(self._stream)

    def structured(self, schema: type[BaseModel]) -> tuple[Reply, dict[str, Any]]:
        """An answer in the form of `schema`, asked for again while it does not fit."""
        bound = bind_schema(self._model, schema)
        while True:
            reply, data, problem = self._persist(lambda: self._ask(bound, schema))
            if data is not None:
                return reply, data.model_dump(mode="json")
            if self.repairs == self._policy.reasks:
                break
            self.repairs += 1
            self._tell_retry(0.0, f"{self._who} gave an answer that does not fit: {problem}")
            self._conversation += ask_again(reply.text, problem)
        understood = read_from_text(schema, reply.text)
        if understood is None:
            raise MalformedAnswerError(
                f"{self._who} did not answer in the form asked for, not even when asked again: {problem}.",
                answer=reply.text,
                **self._named,
            )
        self.read_from_text = True
        return reply, understood.model_dump(mode="json")

    def _stream(self) -> Reply:
        chunks: list[AIMessage] = []
        try:
            with self._sending():
                for chunk in self._model.stream(self._conversation):
                    chunks.append(chunk)
                    if text := str(chunk.text):
                        self._emit(Token(self._caller.call_id, self._caller.agent, text))
        finally:
            reply = self._count(chunks)
        if reply.ending == "missing":
            raise self._passing("broke off before the end of its answer")
        return self._usable(reply)

    def _ask(self, bound: Asked, schema: type[BaseModel]) -> tuple[Reply, BaseModel | None, str]:
        """One asking for a structured answer: the reply, the answer if it fits, and why it does not."""
        with self._sending():
            try:
                raw = bound.invoke(self._conversation)["raw"]
            except Exception as error:
                raw = cut_off(error)
                if raw is None:
                    raise
        reply = self._usable(self._count([raw]))
        if reply.ending == "length":
            return reply, None, "it is longer than the limit and was cut off"
        try:
            return reply, parse(schema, reply.text), ""
        except ValueError as error:
            # A whole answer proves that it is whole; half of one may just have lost its end on the way.
            if reply.ending == "missing":
                raise self._passing("broke off before the end of its answer") from None
            return reply, None, str(error)

    @contextmanager
    def _sending(self) -> Iterator[None]:
        self.attempts += 1
        self.prompt_chars += sum(len(str(message.content)) for message in self._conversation)
        try:
            yield
        except Exception as error:
            fault = translate(error, now=self._clock.now(), **self._named)
            if fault is None:
                raise
            # What led to it stays out of sight: an SDK's message may show the key.
            raise fault from None

    def _count(self, parts: Sequence[AIMessage]) -> Reply:
        reply = read_reply(parts)
        self.input_tokens += reply.input_tokens
        self.output_tokens += reply.output_tokens
        self.cached_tokens += reply.cached_tokens
        return reply

    def _usable(self, reply: Reply) -> Reply:
        if reply.ending == "refused":
            raise PermanentProviderError(
                f"{self._who} declined to answer ({reply.reason}).", **self._named
            )
        if reply.ending == "broken":
            raise self._passing("reported an error in the middle of its answer")
        if not reply.text.strip() and reply.ending == "length":
            raise self._passing("spent the whole length of its answer without saying anything")
        if not reply.text.strip():
            raise self._passing("gave an empty answer")
        return reply

    def _passing(self, what: str) -> TransientProviderError:
        return TransientProviderError(f"{self._who} {what}.", **self._named)

    def _persist(self, ask: Callable[[], T]) -> T:
        """`ask`, again while it fails in passing, as often as the policy has it."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientProviderError),
            stop=tenacity.stop_after_attempt(self._policy.attempts),
            wait=self._wait,
            before_sleep=self._before_sleep,
            sleep=self._clock.sleep,
            reraise=True,
        )
        try:
            return retrying(ask)
        except TransientProviderError as error:
            raise PermanentProviderError(
                f"{error.message} Given up after {self._policy.attempts} attempts.",
                hint=error.hint,
                **self._named,
            ) from None

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt: what the provider asked for, else twice as long each time."""
        error = state.outcome and state.outcome.exception()
        asked = error.retry_after if isinstance(error, TransientProviderError) else None
        if asked is not None:
            return asked + self._random.uniform(0, self._policy.base_delay)
        delay = self._policy.base_delay * 2.0 ** (state.attempt_number - 1)
        return min(self._policy.max_delay, delay) * self._random.uniform(0.5, 1)

    def _before_sleep(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome and state.outcome.exception()
        assert isinstance(error, TransientProviderError)  # nothing else is tried again
        self._tell_retry(state.upcoming_sleep, error.message)

    def _tell_retry(self, wait: float, reason: str) -> None:
        self._emit(
            CallRetried(self._caller.call_id, self._caller.agent, self.attempts, wait, reason)
        )
