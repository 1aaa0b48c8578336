"""The wire at the end of a real SDK."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent
from typing import Any, Literal

import httpx
import openai
import pytest
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from langgraph_parity.wire import Wire
from langgraph_parity.wire_answers import example


class Topic(BaseModel):
    title: str = Field(min_length=3, max_length=12)
    weight: float = Field(ge=0.5, le=2)
    parent: Topic | None = None


class Agenda(BaseModel):
    topics: list[Topic] = Field(min_length=1, max_length=3)
    rule: Literal["borda", "majority"]
    rounds: int = Field(gt=2, lt=9, multiple_of=2)
    notes: dict[str, str] = {}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Wire(tmp_path_factory.mktemp("wire") / "requests.jsonl") as wire:
        yield wire


@pytest.fixture
def wire(tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire:
        yield wire


HTTP = httpx.Client()


@pytest.fixture(scope="module", autouse=True)
def closing():
    with HTTP:
        yield


def chat(wire: Wire, model: str = "any", **options: Any) -> ChatOpenAI:
    settings = {"max_retries": 0, "timeout": 5, "http_client": HTTP, **options}
    return ChatOpenAI(model=model, base_url=wire.base_url, api_key="none", **settings)


def speaks(body: dict[str, Any]) -> Any:
    """What a wire of these tests says, given the request."""
    said = body["messages"][-1]["content"]
    return f"You said: {said}" if said.startswith("say") else None


def test_the_same_request_gets_the_same_answer(shared):
    one, again, other = (chat(shared).invoke(text).text for text in ("a", "a", "b"))
    assert one == again != other


def test_text_is_streamed_with_usage(shared):
    chunks = list(chat(shared, stream_usage=True).stream("hello"))
    assert "".join(chunk.text for chunk in chunks).startswith("This is the answer to request ")
    assert len([chunk for chunk in chunks if chunk.text]) > 5
    assert sum((chunk.usage_metadata or {}).get("total_tokens", 0) for chunk in chunks) > 0


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_answers_fit(shared, method):
    answer = chat(shared).with_structured_output(Agenda, method=method).invoke("an agenda, please")
    assert isinstance(answer, Agenda)
    assert answer.topics


@pytest.mark.parametrize(
    "of",
    [
        Agenda,
        dict[str, int],
        tuple[int, str],
        Literal["only"],
        int | None,
        list[Literal["a", "b"]],
        list[Topic | int],
    ],
)
def test_an_example_fits_its_schema(of):
    adapter = TypeAdapter(of)
    value = example(adapter.json_schema(), "salt")
    adapter.validate_python(value)
    assert value == example(adapter.json_schema(), "salt")


@pytest.mark.parametrize(
    ("limits", "fits"),
    [
        ({"minimum": 3}, lambda n: n >= 3),
        ({"exclusiveMinimum": 0, "exclusiveMaximum": 1}, lambda n: 0 < n < 1),
        ({"maximum": -2}, lambda n: n <= -2),
        ({"minimum": 5, "multipleOf": 4}, lambda n: n >= 5 and n % 4 == 0),
    ],
)
def test_numbers_keep_to_their_limits(limits, fits):
    assert fits(example({"type": "number", **limits}))


def test_a_schema_of_several_parts_and_references_is_followed():
    schema = {
        "$defs": {"a/b": {"type": "object", "properties": {"x": {"type": "integer"}}}},
        "allOf": [
            {"$ref": "#/$defs/a~1b"},
            {"type": "object", "properties": {"when": {"type": "string", "format": "date-time"}}},
        ],
    }
    assert example(schema) == {"x": 1, "when": "2026-01-01T00:00:00Z"}


def test_rules_answer_in_order_and_as_often_as_they_may(tmp_path):
    rules = [
        {"prompt": "weather in (Oslo|Bergen)", "answer": "Rain.", "times": 1},
        {"kind": "schema", "answer": {"topics": [{"title": "Bread", "weight": 1}], "rule": "borda", "rounds": 4}},
        {"model": "small-*", "answer": {"tool_calls": [{"name": "find", "arguments": {"text": "x"}}]}},
        {"prompt": "weather", "answer": "Sun."},
    ]  # fmt: skip
    with Wire(tmp_path / "log", rules=rules) as wire:
        model = chat(wire)
        said = [model.invoke(f"the weather in {c}").text for c in ("Oslo", "Oslo", "Rome")]
        assert said == ["Rain.", "Sun.", "Sun."]
        agenda = model.with_structured_output(Agenda).invoke("an agenda")
        assert agenda.topics[0].title == "Bread"
        for answer in (
            chat(wire, "small-1").invoke("?"),
            _joined(chat(wire, "small-1").stream("?")),
        ):
            (call,) = answer.tool_calls
            assert (call["name"], call["args"]) == ("find", {"text": "x"})
        assert model.invoke("anything else").text.startswith("This is the answer")


def _joined(chunks):
    joined = None
    for chunk in chunks:
        joined = chunk if joined is None else joined + chunk
    return joined


def test_a_function_of_the_request_answers(tmp_path):
    with Wire(tmp_path / "log", answer=speaks) as wire:
        assert chat(wire).invoke("say it").text == "You said: say it"
        assert chat(wire).invoke("else").text.startswith("This is the answer")
    with pytest.raises(ValueError, match="top of a module"):
        Wire(tmp_path / "log", answer=lambda body: "no")


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("refuses-key", openai.AuthenticationError),
        ("out-of-quota", openai.RateLimitError),
        ("always-500", openai.InternalServerError),
        ("hangs", openai.APITimeoutError),
        ("resets", openai.APIConnectionError),
        ("malformed", json.JSONDecodeError),
    ],
)
def test_models_fail_by_their_name(shared, model, error):
    with pytest.raises(error):
        chat(shared, model, timeout=0.5).invoke("hello")


def test_streams_fail_in_the_middle(shared):
    ended = _joined(chat(shared, "cut-off").stream("hello"))
    assert ended.text
    assert "finish_reason" not in ended.response_metadata
    with pytest.raises((httpx.RemoteProtocolError, openai.APIConnectionError)):
        list(chat(shared, "resets").stream("hello"))
    with pytest.raises(json.JSONDecodeError):
        list(chat(shared, "malformed").stream("hello"))


def test_forms_are_refused_or_not_kept_to(shared):
    with pytest.raises(ValidationError, match="I would rather not"):
        chat(shared, "off-form").with_structured_output(Agenda).invoke("?")
    refused = chat(shared, "refuses").invoke("?")
    assert refused.additional_kwargs["refusal"] == "I can't help with that."


def test_a_busy_model_is_reached_by_trying_again(wire):
    assert chat(wire, "busy-twice", max_retries=3).invoke("hello").text
    assert len(wire.received()) == 3
    assert len(wire.answered()) == 1


def test_the_test_says_what_fails_and_when_it_is_mended(wire):
    model = chat(wire)
    wire.fail("status", status=503, prompt="^two$", times=1)
    assert model.invoke("one").text
    with pytest.raises(openai.InternalServerError):
        model.invoke("two")
    assert model.invoke("two").text
    wire.fail("status", status=500)
    with pytest.raises(openai.InternalServerError):
        model.invoke("three")
    wire.mend()
    assert model.invoke("three").text
    assert chat(wire, "always-500").invoke("four").text


def test_answers_overlap_and_take_their_time(tmp_path):
    with Wire(tmp_path / "log", latency=0.3) as wire, ThreadPoolExecutor(8) as pool:
        begun = time.monotonic()
        list(pool.map(lambda number: chat(wire).invoke(f"{number}"), range(8)))
        assert 0.3 <= time.monotonic() - begun < 2.4


def test_the_log_outlives_a_killed_client(wire, tmp_path):
    client = tmp_path / "client.py"
    client.write_text(
        dedent("""
        import sys, time
        from langchain_openai import ChatOpenAI
        model = ChatOpenAI(model="any", base_url=sys.argv[1], api_key="none")
        print(model.invoke("one").text, flush=True)
        time.sleep(60)
        """)
    )
    with subprocess.Popen(
        [sys.executable, client, wire.base_url], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert [line["body"]["messages"][0]["content"] for line in wire.received()] == ["one"]
    assert len(wire.answered()) == 1
    assert wire.asked_again() == []
    chat(wire).invoke("one")
    assert len(wire.received()) == 2


def test_a_call_asked_twice_is_told(wire):
    model = chat(wire)
    for text in ("one", "two", "one"):
        model.invoke(text)
    assert [line["request"] for line in wire.asked_again()] == [3]


def test_the_server_ends_with_the_test_that_started_it(tmp_path):
    starter = tmp_path / "starter.py"
    starter.write_text(
        dedent("""
        import sys, time
        from pathlib import Path
        from langgraph_parity.wire import Wire
        with Wire(Path(sys.argv[1])) as wire:
            print(wire.base_url, flush=True)
            time.sleep(60)
        """)
    )
    command = [sys.executable, starter, tmp_path / "log"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip() + "/models"
        assert httpx.get(url, trust_env=False).status_code == 200
        process.kill()
    for _ in range(500):
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            return
        time.sleep(0.01)
    pytest.fail("the server is still there")


def test_what_is_not_served_is_said(shared):
    with pytest.raises(openai.NotFoundError, match="only_chat_completions"):
        openai.OpenAI(base_url=shared.base_url, api_key="none").embeddings.create(
            model="m", input="x"
        )
