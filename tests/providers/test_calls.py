"""What a call makes of exceptions of any origin, and of what it is paid for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Self

import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.exceptions import ModelAPIError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel, Field

from tests.providers.conftest import Bench, StillClock
from tests.providers.test_answers import SPEECH, Proposals
from virtual_agora.clock import Clock
from virtual_agora.errors import (
    PermanentProviderError,
    ProviderAccessError,
    TransientProviderError,
    VirtualAgoraError,
)
from virtual_agora.events import CallRetried, CallStarted, Event, Token
from virtual_agora.providers.calls import Caller, CallPolicy, CallResult, ModelCall, ModelRequest
from virtual_agora.providers.faults import translate
from virtual_agora.providers.pricing import price
from virtual_agora.providers.replies import read_reply
from virtual_agora.providers.requests import CallStopped
from virtual_agora.providers.structured import read_from_text

CALLER = Caller("call-1", "participant-1", "participant", "google", "gemini-3.8-flash")
NOW = datetime(2026, 11, 22, tzinfo=UTC)


class Scripted(BaseChatModel):
    """A model outside every vendor's code: says its pieces, raises its errors; None ends an answer."""

    pieces: list[Any]
    asked: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self.asked.append(list(messages))
        while self.pieces:
            piece = self.pieces.pop(0)
            if piece is None:
                return
            if isinstance(piece, BaseException):
                raise piece
            yield ChatGenerationChunk(message=piece)


def chunk(text: str, **more: Any) -> AIMessageChunk:
    return AIMessageChunk(content=text, **more)


END = chunk("", response_metadata={"finish_reason": "stop"})


def made(
    *pieces: Any,
    emit: Callable[[Event], None] = lambda event: None,
    attempts: int = 3,
    check: Callable[[str], str] | None = None,
) -> ModelCall:
    return ModelCall(
        Scripted(pieces=list(pieces)),
        ModelRequest("statement", "", "Speak.", check=check),
        CALLER,
        policy=CallPolicy(attempts=attempts),
        clock=StillClock(),
        emit=emit,
        seed=1,
    )


def call(*pieces: Any, **options: Any) -> CallResult:
    return made(*pieces, **options).complete()


class TestTextThatIsChecked:
    """Free text with a fault that can be named, such as a citation of a turn that there is not."""

    @staticmethod
    def check(text: str) -> str:
        return "it cites turns that there are not: m0099" if "m0099" in text else ""

    def test_it_is_asked_for_once_more_with_what_is_wrong(self) -> None:
        events: list[Event] = []
        pieces = [chunk("So [m0099]."), END, None, chunk("So."), END]
        asking = made(*pieces, emit=events.append, check=self.check)
        result = asking.complete()
        assert (result["text"], result["repairs"], result["attempts"]) == ("So.", 1, 2)
        *_, before, wrong = asking.model.asked[-1]
        assert before.text == "So [m0099]."
        assert "turns that there are not: m0099" in wrong.text
        (retried,) = [event for event in events if isinstance(event, CallRetried)]
        assert "m0099" in retried.reason

    def test_the_second_answer_counts_with_the_same_fault_too(self) -> None:
        pieces = [chunk("m0099"), END, None, chunk("m0099 again"), END, None, chunk("Third."), END]
        result = call(*pieces, check=self.check)
        assert (result["text"], result["repairs"], result["attempts"]) == ("m0099 again", 1, 2)

    def test_the_first_one_counts_if_there_is_no_second(self) -> None:
        result = call(chunk("m0099"), END, None, Refused(401, "Wrong key."), check=self.check)
        assert (result["text"], result["repairs"], result["attempts"]) == ("m0099", 1, 2)

    def test_without_a_fault_it_is_left_alone(self) -> None:
        result = call(chunk("m0001"), END, check=self.check)
        assert (result["text"], result["repairs"], result["attempts"]) == ("m0001", 0, 1)


class TestWhatIsNoProvidersFault:
    @pytest.mark.parametrize(
        "bug",
        [TypeError("a bug of ours"), KeyError("state"), GraphBubbleUp(), DeprecationWarning("old")],
        ids=lambda bug: type(bug).__name__,
    )
    def test_it_passes_through_untouched_and_is_not_tried_again(self, bug: Exception) -> None:
        pieces = [bug, chunk("Too late."), END]
        with pytest.raises(type(bug)) as caught:
            call(*pieces)
        assert caught.value is bug

    def test_it_is_not_mixed_up_with_an_older_fault_that_is_being_handled(self) -> None:
        try:
            raise Refused(401, "Wrong key.")
        except Refused:
            with pytest.raises(TypeError):
                call(TypeError("a bug of ours"))

    def test_an_interruption_from_the_keyboard(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            call(chunk("I was about"), KeyboardInterrupt(), END)

    def test_a_listener_that_breaks(self) -> None:
        def listen(event: Event) -> None:
            if isinstance(event, Token):
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            call(chunk("One."), END, emit=listen)


class TestWhatIs:
    @pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError()])
    def test_the_network(self, error: Exception) -> None:
        assert call(error, chunk("Back."), END)["text"] == "Back."

    def test_our_own_errors_keep_their_meaning(self) -> None:
        with pytest.raises(ProviderAccessError, match="Locked"):
            call(ProviderAccessError("Locked."), chunk("No."), END)
        assert (
            call(TransientProviderError("Busy.", retry_after=4), chunk("Yes."), END)["attempts"]
            == 2
        )

    def test_an_end_may_be_told_by_the_last_chunk_alone(self) -> None:
        assert call(chunk("Done.", chunk_position="last"))["text"] == "Done."

    def test_an_end_that_nobody_told_is_none(self) -> None:
        with pytest.raises(PermanentProviderError, match="broke off before the end"):
            call(chunk("Done?"), attempts=1)

    def test_an_error_told_as_the_reason_of_the_end(self) -> None:
        broken = chunk("", response_metadata={"finish_reason": "error"})
        with pytest.raises(PermanentProviderError, match="reported an error"):
            call(chunk("We"), broken, attempts=1)

    def test_a_length_spent_on_thinking_alone(self) -> None:
        spent = chunk("", response_metadata={"finish_reason": "MAX_TOKENS"})
        with pytest.raises(PermanentProviderError, match="without saying anything"):
            call(spent, attempts=1)

    def test_a_prompt_that_google_blocks(self) -> None:
        blocked = chunk("", response_metadata={"prompt_feedback": {"block_reason": "SAFETY"}})
        with pytest.raises(PermanentProviderError, match="declined to answer"):
            call(blocked)

    @pytest.mark.parametrize(
        ("said", "wait"), [("'retryDelay': '34s'", 34.0), ('"retryDelay": "1.5s"', 1.5)]
    )
    def test_google_says_in_the_body_how_long_to_wait(self, said: str, wait: float) -> None:
        fault = translated(Refused(429, f"429 RESOURCE_EXHAUSTED. {{{said}}}"))
        assert isinstance(fault, TransientProviderError)
        assert fault.retry_after == wait

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            (400, "400 INVALID_ARGUMENT. {'reason': 'API_KEY_INVALID'}"),
            (400, "Your credit balance is too low to access the Anthropic API."),
            (403, "Your team does not have any credits."),
            (429, "quotaId: GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
        ],
    )
    def test_access_refused_under_another_status(self, status: int, said: str) -> None:
        assert isinstance(translated(Refused(status, said)), ProviderAccessError)

    def test_google_may_ask_for_a_wait_beyond_all_numbers(self) -> None:
        fault = translated(Refused(429, f"{{'retryDelay': '{'9' * 400}s'}}"))
        assert isinstance(fault, TransientProviderError)
        assert fault.retry_after is None

    def test_what_cannot_even_be_read_is_no_bug_of_ours(self) -> None:
        class Unreadable(Exception):
            def __str__(self) -> str:
                raise OverflowError

        def caught(module: str) -> Exception:
            try:
                exec("raise error", {"error": Unreadable(), "__name__": module})
            except Unreadable as error:
                return error
            raise AssertionError

        fault = translated(caught("openai.responses"))
        assert isinstance(fault, TransientProviderError)
        assert "could not be understood: Unreadable." in str(fault)
        assert translated(caught("virtual_agora.flow")) is None

    def test_long_refusals_are_cut(self) -> None:
        fault = translated(Refused(400, "word " * 1000))
        assert isinstance(fault, PermanentProviderError)
        assert len(fault.message) < 400

    def test_a_server_error_without_a_status(self) -> None:
        assert isinstance(translated(ModelAPIError("overloaded")), TransientProviderError)


class TestStopping:
    """Once the run is to end, what is in flight is waited for, and no further attempt begins."""

    def test_after_a_fault(self, bench_for: Callable[[str], Bench]) -> None:
        bench = bench_for("openai")
        bench.server.rate_limit(times=9, retry_after=60)
        self.only_one_is_sent(bench, None)

    def test_after_an_answer_that_does_not_fit(self, bench_for: Callable[[str], Bench]) -> None:
        bench = bench_for("openai")
        bench.says("I would rather not.", times=3)
        self.only_one_is_sent(bench, Proposals)

    def only_one_is_sent(self, bench: Bench, schema: type[BaseModel] | None) -> None:
        bench.stopping = lambda: bool(bench.retries())
        with pytest.raises(CallStopped):
            bench.ask(schema)
        assert len(bench.sent()) == 1
        assert bench.kinds() == ["CallStarted", "CallRetried"]

    def test_an_answer_that_is_whole_is_kept(self, bench_for: Callable[[str], Bench]) -> None:
        bench = bench_for("openai")
        bench.says(SPEECH)
        bench.stopping = lambda: bool(bench.tokens())
        assert bench.ask()["text"] == SPEECH

    def test_a_wait_is_cut_short(self) -> None:
        clock = Clock()
        began = clock.elapsed()
        looks = iter([False, True])
        clock.sleep(60, lambda: next(looks))
        assert clock.elapsed() - began < 30


class TestReplies:
    """What integrations put in odd places."""

    def test_a_refusal_beside_the_text(self) -> None:
        message = AIMessage("", additional_kwargs={"refusal": "I cannot help with that."})
        assert read_reply([message]).ending == "refused"

    @pytest.mark.parametrize(
        ("reason", "ending"), [("max_output_tokens", "length"), ("content_filter", "refused")]
    )
    def test_the_responses_api_says_why_it_is_incomplete(self, reason: str, ending: str) -> None:
        told = {"status": "incomplete", "incomplete_details": {"reason": reason}}
        assert read_reply([AIMessage("We", response_metadata=told)]).ending == ending

    def test_arguments_of_a_tool_that_are_no_json(self) -> None:
        garbled = {"name": "Poll", "args": '{"conclude": ye', "id": "1", "error": None}
        assert read_reply([AIMessage("", invalid_tool_calls=[garbled])]).text == '{"conclude": ye'

    def test_plain_text_that_a_form_misreads_is_no_answer(self) -> None:
        class Hasty(BaseModel):
            count: int

            @classmethod
            def from_text(cls, text: str) -> Self:
                return cls.model_validate({"count": text})

        assert read_from_text(Hasty, "many") is None
        assert read_from_text(Hasty, "3") == Hasty(count=3)


class Refused(Exception):
    """A vendor's exception, as far as it is looked at."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status_code = status


def translated(error: Exception) -> VirtualAgoraError | None:
    return translate(error, provider=CALLER.provider, model=CALLER.model, now=NOW)


class TestUsage:
    def test_a_server_that_counts_below_nothing_is_not_believed(self) -> None:
        counted = {"input_tokens": -5, "output_tokens": 3, "total_tokens": -2}
        reply = read_reply([AIMessage("We", usage_metadata=counted)])
        assert (reply.input_tokens, reply.output_tokens) == (0, 3)

    def test_cached_tokens_are_told_apart(self) -> None:
        used = {"input_tokens": 900, "output_tokens": 20, "total_tokens": 920}
        result = call(
            chunk("Yes.", usage_metadata={**used, "input_token_details": {"cache_read": 800}}), END
        )
        assert (result["input_tokens"], result["cached_tokens"]) == (900, 800)
        fresh = price("google", CALLER.model, input_tokens=900, output_tokens=20)
        assert result["cost"] is not None
        assert fresh is not None
        assert 0 < result["cost"] < fresh

    def test_attempts_that_failed_are_counted_as_far_as_they_are_known(self) -> None:
        used = {"input_tokens": 50, "output_tokens": 1, "total_tokens": 51}
        result = call(chunk("We", usage_metadata=used), ConnectionError(), chunk("Yes."), END)
        assert (result["input_tokens"], result["attempts"]) == (50, 2)
        assert result["prompt_chars"] == 2 * len("Speak.")

    def test_a_call_that_fails_says_what_it_took(self) -> None:
        used = {"input_tokens": 900, "output_tokens": 20, "total_tokens": 920}
        failing = made(chunk("We", usage_metadata=used), ConnectionError(), attempts=1)
        with pytest.raises(PermanentProviderError):
            failing.complete()
        took = failing.took
        assert (took["input_tokens"], took["output_tokens"], took["attempts"]) == (900, 20, 1)
        assert took["cost"] == price("google", CALLER.model, input_tokens=900, output_tokens=20)

    def test_a_call_that_nobody_answers_costs_nothing(self) -> None:
        failing = made(ConnectionError(), attempts=1)
        with pytest.raises(PermanentProviderError, match=r"Given up after 1 attempt\."):
            failing.complete()
        assert failing.took["cost"] == 0.0

    def test_a_result_is_plain_data(self, bench_for: Callable[[str], Bench]) -> None:
        bench = bench_for("openai")
        bench.says(SPEECH)
        result = bench.ask()
        assert json.loads(json.dumps(result)) == result
        assert isinstance(bench.events[0], CallStarted)

    @pytest.mark.parametrize(
        ("provider", "model", "expected"),
        [
            ("openai", "gpt-4o", 12.5),
            ("xai", "grok-4.3", 7.5),
            ("openai", "no-such-model", None),
            ("openai_compatible", "gpt-4o", None),
            ("ollama", "llama3.2", 0.0),
            ("offline", "scripted", 0.0),
        ],
    )
    def test_price_of_a_million_tokens_each_way(
        self, provider: str, model: str, expected: float | None
    ) -> None:
        million = 1_000_000
        assert price(provider, model, input_tokens=million, output_tokens=million) == expected
