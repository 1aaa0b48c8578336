"""What every vendor must deliver: text, streamed; answers in a given form; what they took."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal, Self

import pytest
from pydantic import BaseModel, Field

from tests.providers.conftest import Bench
from virtual_agora.errors import MalformedAnswerError, PermanentProviderError
from virtual_agora.events import CallFailed, CallFinished, CallStarted

SPEECH = "Bees need flowers all year round, so plant late ones."


class Topic(BaseModel):
    title: str
    why: str


class Proposals(BaseModel):
    """Topics worth discussing."""

    topics: list[Topic] = Field(min_length=1, max_length=5)


class Poll(BaseModel):
    conclude: Literal["yes", "no"]
    reason: str

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        said = text.lower().startswith("yes")
        return cls(conclude="yes", reason="") if said else None


GOOD = json.dumps({"topics": [{"title": "Späte Blüher", "why": "Bees starve in autumn."}]})


def schema_sent(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema in a request, wherever its wire format has it."""
    for path in (
        ("response_format", "json_schema", "schema"),
        ("output_config", "format", "schema"),
        ("generationConfig", "responseJsonSchema"),
        ("format",),
    ):
        found: Any = body
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if found:
            return dict(found)
    raise AssertionError(f"no schema in {body}")


def conversation(body: dict[str, Any]) -> str:
    return json.dumps(body.get("messages") or body.get("contents"), ensure_ascii=False)


class TestFreeText:
    def test_it_streams_and_is_whole(self, bench: Bench) -> None:
        bench.says(SPEECH)
        result = bench.ask()
        assert result["text"] == SPEECH
        assert len(bench.tokens()) > 3
        assert "".join(bench.tokens()) == SPEECH
        assert bench.kinds() == ["CallStarted", "Token", "CallFinished"]

    def test_what_it_took_is_counted(self, bench: Bench) -> None:
        bench.says(SPEECH)
        result = bench.ask()
        assert result["output_tokens"] > 3
        assert result["attempts"] == 1
        assert result["repairs"] == 0
        assert result["prompt_chars"] == len("You are brief.") + len("What do you say?")
        assert result["model"] == f"{bench.provider}/{bench.model}"
        assert result["at"] == "2026-11-22T12:00:00+00:00"
        if bench.provider == "ollama":
            assert result["cost"] == 0.0
        elif bench.provider == "openai_compatible":
            assert result["cost"] is None
        else:
            assert result["cost"] is not None
            assert 0 < result["cost"] < 0.01

    def test_events_say_who_was_asked_for_what(self, bench: Bench) -> None:
        bench.says(SPEECH)
        result = bench.ask()
        called = f"{bench.provider}/{bench.model}"
        first, last = bench.events[0], bench.events[-1]
        who = ("call-1", "participant-1")
        assert first == CallStarted(*who, "participant", called, "statement", "Bees", 2)
        assert last == CallFinished(
            *who,
            "statement",
            result["input_tokens"],
            result["output_tokens"],
            result["cost"],
            result["seconds"],
        )

    def test_both_prompts_arrive(self, bench: Bench) -> None:
        bench.says(SPEECH)
        bench.ask()
        (body,) = bench.sent()
        assert "What do you say?" in conversation(body)
        assert "You are brief." in json.dumps(body)

    def test_an_answer_as_long_as_it_may_be_is_taken(self, bench: Bench) -> None:
        bench.says(SPEECH, finish="length")
        assert bench.ask()["text"] == SPEECH

    def test_an_empty_answer_is_asked_for_again(self, bench: Bench) -> None:
        bench.says("")
        bench.says(SPEECH)
        assert bench.ask()["text"] == SPEECH
        assert len(bench.sent()) == 2

    def test_a_refusal_is_final(self, bench: Bench) -> None:
        bench.says("I", finish="content_filter")
        with pytest.raises(PermanentProviderError, match="declined to answer"):
            bench.ask()
        assert len(bench.sent()) == 1
        assert isinstance(bench.events[-1], CallFailed)

    def test_settings_reach_the_vendor(self, bench: Bench) -> None:
        takes_temperature = {"openai": "gpt-4.1-mini", "anthropic": "claude-sonnet-4-6"}
        bench.model = takes_temperature.get(bench.provider, bench.model)
        bench.says(SPEECH)
        bench.ask(temperature=0.25, max_tokens=321)
        body = json.dumps(bench.sent()[0])
        assert "0.25" in body
        assert "321" in body


class TestStructured:
    def test_the_answer_is_read(self, bench: Bench) -> None:
        bench.says(GOOD)
        result = bench.ask(Proposals)
        assert result["data"] == json.loads(GOOD)
        assert result["text"] == GOOD
        assert result["repairs"] == 0
        assert not result["read_from_text"]
        assert bench.kinds() == ["CallStarted", "CallFinished"]

    def test_the_vendor_is_told_the_schema(self, bench: Bench) -> None:
        bench.says(json.dumps({"conclude": "no", "reason": "Too early."}))
        bench.ask(Poll)
        schema = schema_sent(bench.sent()[0])
        assert schema["properties"]["conclude"]["enum"] == ["yes", "no"]
        assert schema["required"] == ["conclude", "reason"]

    def test_an_answer_that_does_not_fit_is_repaired(self, bench: Bench) -> None:
        bench.says('{"topics": []}')
        bench.says(GOOD)
        result = bench.ask(Proposals)
        assert result["data"] == json.loads(GOOD)
        assert (result["repairs"], result["attempts"]) == (1, 2)
        second = conversation(bench.sent()[1])
        assert '{\\"topics\\": []}' in second, "the model must see what it answered"
        assert "at least 1 item" in second, "and what was wrong with it"
        assert bench.kinds() == ["CallStarted", "CallRetried", "CallFinished"]
        assert bench.clock.slept == []

    def test_usage_is_summed_over_repairs(self, bench: Bench) -> None:
        bench.says(GOOD)
        once = bench.ask(Proposals)
        bench.says("No.")
        bench.says(GOOD)
        twice = bench.ask(Proposals)
        assert twice["input_tokens"] >= 2 * once["input_tokens"] > 0
        assert twice["output_tokens"] > once["output_tokens"] > 0
        assert twice["prompt_chars"] > 2 * once["prompt_chars"]

    def test_repairs_come_to_an_end(self, bench: Bench) -> None:
        bench.says('{"topics": 5}', times=3)
        with pytest.raises(
            MalformedAnswerError, match=r"topics: Input should be a valid list"
        ) as caught:
            bench.ask(Proposals)
        assert caught.value.answer == '{"topics": 5}'
        assert (caught.value.provider, caught.value.model) == (bench.provider, bench.model)
        assert len(bench.sent()) == 3
        assert bench.kinds()[-1] == "CallFailed"

    def test_an_answer_cut_off_is_asked_for_again(self, bench: Bench) -> None:
        bench.says('{"topics": [{"title": "La', finish="length")
        bench.says(GOOD)
        result = bench.ask(Proposals)
        assert (result["data"], result["repairs"]) == (json.loads(GOOD), 1)
        assert "cut off" in conversation(bench.sent()[1])

    def test_a_refusal_is_final(self, bench: Bench) -> None:
        bench.says("I", finish="content_filter")
        with pytest.raises(PermanentProviderError, match="declined to answer"):
            bench.ask(Proposals)
        assert len(bench.sent()) == 1

    def test_natural_language_is_read_when_nothing_else_helps(self, bench: Bench) -> None:
        bench.says("Yes, we have heard enough.", times=3)
        result = bench.ask(Poll)
        assert result["data"] == {"conclude": "yes", "reason": ""}
        assert result["read_from_text"]
        assert (result["repairs"], result["attempts"]) == (2, 3)

    def test_natural_language_that_says_nothing_clear_is_not_guessed(self, bench: Bench) -> None:
        bench.says("I recommend that we continue.", times=3)
        with pytest.raises(MalformedAnswerError):
            bench.ask(Poll)


def test_openai_models_that_are_served_by_the_responses_api(
    bench_for: Callable[[str], Bench],
) -> None:
    bench = bench_for("openai")
    bench.model = "gpt-5.6-sol"
    bench.says(SPEECH)
    bench.says(GOOD)
    spoken, structured = bench.ask(), bench.ask(Proposals)
    assert spoken["text"] == SPEECH
    assert spoken["output_tokens"] > 0
    assert structured["data"] == json.loads(GOOD)
    assert all("input" in body for body in bench.sent())


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_models_that_cannot_decode_by_a_schema_are_given_a_tool(
    bench_for: Callable[[str], Bench], provider: str
) -> None:
    bench = bench_for(provider)
    bench.model = {"openai": "gpt-4-turbo", "anthropic": "claude-haiku-5-5"}[provider]
    result = bench.ask(Poll)
    assert result["data"] is not None
    assert result["data"]["conclude"] == "yes"
    (tool,) = bench.sent()[0]["tools"]
    assert "conclude" in json.dumps(tool)
