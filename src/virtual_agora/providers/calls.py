"""One question to a model, until it is answered: retries, timeouts, repairs, usage, cost.

This is the only place that repeats a request. What is worth repeating is said by `faults.py`, how often by
the policy handed in.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import KW_ONLY, dataclass
from typing import Any, TypeVar, cast

import tenacity
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from pydantic import BaseModel

from virtual_agora.clock import Clock
from virtual_agora.errors import (
    MalformedAnswerError,
    PermanentProviderError,
    ProviderError,
    TransientProviderError,
)
from virtual_agora.events import CallFailed, CallFinished, CallRetried, CallStarted, Event, Token
from virtual_agora.providers.caching import asking
from virtual_agora.providers.faults import translate
from virtual_agora.providers.pricing import price
from virtual_agora.providers.redaction import RedactedStream, redact, redacted
from virtual_agora.providers.replies import Reply, cut_off, read_reply
from virtual_agora.providers.requests import (
    NOTHING,
    Caller,
    CallPolicy,
    CallResult,
    CallStopped,
    ModelRequest,
    Took,
)
from virtual_agora.providers.structured import Asked, ask_again, bind_schema, parse, read_from_text
from virtual_agora.providers.vendors import check_provider

__all__ = ["CallPolicy", "CallResult", "Caller", "ModelCall", "ModelRequest"]

T = TypeVar("T")

MAX_ANSWER = 400_000
"""Characters of an answer, more than any model writes: what is longer has no end."""


class _Limit(BaseCallbackHandler):
    """Ends a structured answer that an integration streams and puts together by itself, once it is too long.

    Putting together takes time that grows with the square of the length.
    """

    raise_error = True

    def __init__(self, error: ProviderError) -> None:
        self._error = error
        self._left = MAX_ANSWER

    def on_llm_new_token(self, token: str | list[str | dict[str, Any]], **_: Any) -> None:
        """Take in a piece of the answer."""
        self._left -= len(str(token)) or 1
        if self._left < 0:
            raise self._error


@dataclass
class ModelCall:
    """A call under way: the conversation so far, and in `took` a running count of what it took.

    `seed` makes the waits between attempts reproducible. Once `stopping` says so, no further attempt begins.
    """

    model: BaseChatModel
    request: ModelRequest
    caller: Caller
    _: KW_ONLY
    policy: CallPolicy
    clock: Clock
    emit: Callable[[Event], None]
    seed: int
    stopping: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        caller = self.caller
        self.took: Took = NOTHING.copy()
        self._named: dict[str, Any] = {"provider": caller.provider, "model": caller.model}
        self._who = f"{check_provider(caller.provider).label} ({caller.model})"
        # Calls that fail together must not come back together, so each has waits of its own.
        self._random = random.Random(f"{self.seed}:{caller.call_id}")
        self._conversation: list[BaseMessage] = [
            SystemMessage(self.request.system),
            asking(self.request, marked=check_provider(caller.provider).marked_cache),
        ]
        self._written_to_cache = 0
        self._read_from_text = False

    def complete(self) -> CallResult:
        """Ask the model and return its answer; free text streams out as `Token` events meanwhile.

        Raises ProviderAccessError, PermanentProviderError (also when all attempts failed),
        MalformedAnswerError or CallStopped. What no provider is to blame for passes through.
        """
        request, caller, took = self.request, self.caller, self.took
        called = f"{caller.provider}/{caller.model}"
        about = (request.task, request.topic, request.round, request.charge, caller.node)
        self.emit(CallStarted(caller.call_id, caller.agent, caller.role, called, *about))
        started = self.clock.elapsed()
        try:
            try:
                schema = request.schema
                reply, data = self._structured(schema) if schema else (self._text(), None)
            finally:
                took["seconds"] = self.clock.elapsed() - started
        except ProviderError as error:
            failed = type(error).__name__
            self.emit(CallFailed(**self._account(), reason=error.message, error=failed))
            raise
        self.emit(CallFinished(**self._account()))
        return CallResult(
            **took,
            text=reply.text,
            data=data,
            read_from_text=self._read_from_text,
            model=called,
            at=self.clock.timestamp(),
        )

    def _account(self) -> dict[str, Any]:
        """Who was asked and what it took, as the events that end a call have it."""
        who = {"call_id": self.caller.call_id, "agent": self.caller.agent}
        spent = {name: value for name, value in self.took.items() if name != "prompt_chars"}
        return {**who, "task": self.request.task, **spent}

    def _text(self) -> Reply:
        """An answer in free text, asked for once more if its check finds a fault.

        The second answer counts whatever it is. If none is to be had the first does: it is usable, fault and all.
        """
        reply = self._persist(self._stream)
        problem = self.request.check(reply.text) if self.request.check else ""
        if not problem or not self.policy.reasks:
            return reply
        self._reask(reply, "a faulty answer", problem, form="the whole text, without that fault")
        try:
            return self._persist(self._stream)
        except ProviderError:
            return reply

    def _reask(self, reply: Reply, gave: str, problem: str, **form: str) -> None:
        self.took["repairs"] += 1
        self._tell_retry(0.0, f"{self._who} gave {gave}: {problem}", MalformedAnswerError)
        self._conversation += ask_again(reply.text, problem, **form)

    def _structured(self, schema: type[BaseModel]) -> tuple[Reply, dict[str, Any]]:
        """An answer in the form of `schema`, asked for again while it does not fit."""
        bound = bind_schema(self.model, schema)
        while True:
            reply, data, problem = self._persist(lambda: self._ask(bound, schema))
            if data is not None:
                # Once more, as JSON may have written a key in another way.
                return reply, redacted(data.model_dump(mode="json"))
            if self.took["repairs"] == self.policy.reasks:
                break
            self._reask(reply, "an answer that does not fit", problem)
        understood = read_from_text(schema, reply.text)
        if understood is None:
            raise MalformedAnswerError(
                f"{self._who} did not answer in the form asked for, not even when asked again: {problem}.",
                answer=reply.text,
                **self._named,
            )
        self._read_from_text = True
        return reply, redacted(understood.model_dump(mode="json"))

    def _stream(self) -> Reply:
        chunks: list[AIMessage] = []
        shown, length = RedactedStream(), 0
        try:
            stream = cast("Generator[AIMessage]", self.model.stream(self._conversation))
            # Closed when it is left early, too: the model would go on writing, and be paid for it.
            with self._sending(), closing(stream):
                for chunk in stream:
                    chunks.append(chunk)
                    text = str(chunk.text)
                    length += len(text) or 1  # even a stream of nothing must come to its end
                    if length > MAX_ANSWER:
                        raise self._endless()
                    self._show(shown.feed(text))
                self._show(shown.close())
        finally:
            reply = self._count(chunks)
        if reply.ending == "missing":
            raise self._passing("broke off before the end of its answer")
        return self._usable(reply)

    def _show(self, text: str) -> None:
        if text:
            self.emit(Token(self.caller.call_id, self.caller.agent, text))

    def _ask(self, bound: Asked, schema: type[BaseModel]) -> tuple[Reply, BaseModel | None, str]:
        """One asking for a structured answer: the reply, the answer if it fits, and why it does not."""
        with self._sending():
            try:
                limit = _Limit(self._endless())
                raw = bound.invoke(self._conversation, {"callbacks": [limit]})["raw"]
            except Exception as error:
                raw = cut_off(error)
                if raw is None:
                    raise
        reply = self._count([raw])
        if len(reply.text) > MAX_ANSWER:
            raise self._endless()
        self._usable(reply)
        if reply.ending == "length":
            return reply, None, "it is longer than the limit and was cut off"
        try:
            return reply, parse(schema, reply.text), ""
        except ValueError as error:
            # A whole answer proves that it is whole; half of one may just have lost its end on the way.
            if reply.ending == "missing":
                raise self._passing("broke off before the end of its answer") from None
            return reply, None, redact(str(error))  # it names fields as the server did

    @contextmanager
    def _sending(self) -> Iterator[None]:
        if self.stopping():
            raise CallStopped
        self.took["attempts"] += 1
        self.took["prompt_chars"] += sum(len(message.text) for message in self._conversation)
        try:
            yield
        except Exception as error:
            fault = translate(error, now=self.clock.now(), **self._named)
            if fault is None:
                raise
            # What led to it stays out of sight: an SDK's message may show the key.
            raise fault from None

    def _count(self, parts: Sequence[AIMessage]) -> Reply:
        reply, took = read_reply(parts), self.took
        took["input_tokens"] += reply.input_tokens
        took["output_tokens"] += reply.output_tokens
        took["cached_tokens"] += reply.cached_tokens
        self._written_to_cache += reply.written_to_cache
        if parts:  # where nothing came back, nothing is to be paid
            took["cost"] = price(
                **self._named,
                input_tokens=took["input_tokens"],
                output_tokens=took["output_tokens"],
                cached_tokens=took["cached_tokens"],
                written_to_cache=self._written_to_cache,
            )
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

    def _endless(self) -> PermanentProviderError:
        # Not worth another attempt: it would cost as much again, and most likely go on as long.
        return PermanentProviderError(
            f"{self._who} did not come to an end within {MAX_ANSWER:,} characters.",
            hint="Set `max_tokens` for this agent, or give it another model.",
            **self._named,
        )

    def _persist(self, ask: Callable[[], T]) -> T:
        """`ask`, again while it fails in passing, as often as the policy has it."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientProviderError),
            stop=tenacity.stop_after_attempt(self.policy.attempts),
            wait=self._wait,
            before_sleep=self._before_sleep,
            sleep=lambda seconds: self.clock.sleep(seconds, self.stopping),
            reraise=True,
        )
        try:
            return retrying(ask)
        except TransientProviderError as error:
            times = "1 attempt" if self.policy.attempts == 1 else f"{self.policy.attempts} attempts"
            raise PermanentProviderError(
                f"{error.message} Given up after {times}.",
                hint=error.hint,
                **self._named,
            ) from None

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt: what the provider asked for, else twice as long each time."""
        error = state.outcome and state.outcome.exception()
        asked = error.retry_after if isinstance(error, TransientProviderError) else None
        if asked is not None:
            return asked + self._random.uniform(0, self.policy.base_delay)
        delay = self.policy.base_delay * 2.0 ** (state.attempt_number - 1)
        return min(self.policy.max_delay, delay) * self._random.uniform(0.5, 1)

    def _before_sleep(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome and state.outcome.exception()
        assert isinstance(error, TransientProviderError)  # nothing else is tried again
        self._tell_retry(state.upcoming_sleep, error.message, type(error))

    def _tell_retry(self, wait: float, reason: str, error: type[ProviderError]) -> None:
        who, attempt = (self.caller.call_id, self.caller.agent), self.took["attempts"]
        self.emit(CallRetried(*who, attempt, wait, reason, error.__name__))
