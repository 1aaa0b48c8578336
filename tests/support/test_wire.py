"""The double for whole sessions: what it answers fits, and its log tells what happened."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from tests.support.examples import example
from tests.support.wire import ROOT, Wire, fingerprint
from virtual_agora.clock import Clock
from virtual_agora.events import Event, Token
from virtual_agora.providers import create_provider
from virtual_agora.providers.calls import Caller, CallPolicy, CallResult, ModelCall, ModelRequest


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Item(BaseModel):
    title: str = Field(min_length=3, max_length=200)
    colour: Colour
    note: str | None
    share: float = Field(ge=0.5)
    done: bool


class Everything(BaseModel):
    """All that a form of ours may contain, and more."""

    ranking: list[Literal["a", "b", "c"]] = Field(min_length=3, max_length=3)
    some: list[Literal["x", "y"]] = Field(min_length=1)
    choice: Literal["yes", "no"]
    items: list[Item] = Field(min_length=3, max_length=5)
    few: list[Item] = Field(max_length=1)
    none: list[str] = Field(max_length=0)
    long: str = Field(min_length=100)
    short: str = Field(max_length=5)


def call(wire: Wire, schema: type[BaseModel] | None = None, task: str = "statement") -> CallResult:
    return tokens_of(wire, schema, task)[0]


def tokens_of(
    wire: Wire, schema: type[BaseModel] | None = None, task: str = "statement"
) -> tuple[CallResult, int]:
    events: list[Event] = []
    result = ModelCall(
        create_provider("openai_compatible", "double", base_url=wire.base_url),
        ModelRequest(task, "Be brief.", f'<task name="{task}">Speak.</task>', schema),
        Caller("1", "participant-1", "participant", "openai_compatible", "double"),
        policy=CallPolicy(),
        clock=Clock(),
        emit=events.append,
        seed=1,
    ).complete()
    return result, sum(isinstance(event, Token) for event in events)


def test_examples_fit_any_schema() -> None:
    answer = Everything.model_validate(example(Everything.model_json_schema(), "salt"))
    assert answer.ranking == ["a", "b", "c"]
    assert (answer.some, answer.choice) == (["x"], "yes")
    assert len({item.title for item in answer.items}) == len(answer.items) == 3
    assert len(answer.few) == 1


def test_it_answers_and_keeps_its_log(tmp_path: Path) -> None:
    with Wire(tmp_path / "log.jsonl") as wire:
        spoken, tokens = tokens_of(wire)
        answered = call(wire, Everything, "ballot")
        again, _ = tokens_of(wire)
        assert "statement" in spoken["text"]
        assert tokens > 5
        assert spoken["output_tokens"] > 0
        assert answered["data"] is not None
        assert answered["data"]["choice"] == "yes"
        assert again["text"] == spoken["text"]
        received = wire.received()
        assert [line["task"] for line in received] == ["statement", "ballot", "statement"]
        assert [line["request"] for line in received] == [1, 2, 3]
        assert received[0]["sha256"] == received[2]["sha256"] != received[1]["sha256"]
        assert {line["model"] for line in received} == {"double"}
        asked = [{k: v for k, v in line.items() if k != "messages"} for line in received]
        sent = wire.answered()
        said = [sent[n].pop("answer") for n in (0, 2)]
        assert said == [fingerprint(spoken["text"])] * 2 != [sent[1].pop("answer")] * 2
        assert all(line.pop("tokens") > 50 for line in sent)
        assert all(line.pop("until") > line["at"] for line in sent)
        assert [{**line, "event": "received"} for line in sent] == asked


def test_a_client_that_is_killed_leaves_its_request_unanswered(tmp_path: Path) -> None:
    code = (
        "import sys, urllib.request as r\n"
        'body = b\'{"model": "double", "stream": true, "messages": []}\'\n'
        "r.urlopen(r.Request(sys.argv[1] + '/chat/completions', body)).read()"
    )
    with Wire(tmp_path / "log.jsonl", latency=1.5) as wire:
        client = subprocess.Popen([sys.executable, "-c", code, wire.base_url])
        until = time.monotonic() + 10
        while not wire.received() and time.monotonic() < until:
            time.sleep(0.01)
        client.kill()
        client.wait()
        call(wire)
        assert len(wire.received()) == 2
        assert [line["request"] for line in wire.answered()] == [2]


@pytest.mark.parametrize("schema", [None, Everything])
def test_latency_is_the_time_an_answer_takes(
    tmp_path: Path, schema: type[BaseModel] | None
) -> None:
    with Wire(tmp_path / "log.jsonl", latency=0.2) as wire:
        assert call(wire, schema)["seconds"] >= 0.2


def test_it_prints_its_port_first(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.wire", "--port", "0", "--log"]
    process = subprocess.Popen(
        [*command, str(tmp_path / "log")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert 0 < int(process.stdout.readline()) < 65536
    process.kill()
    process.communicate()


def test_an_uneven_server_answers_those_in_hand_one_after_the_other(tmp_path: Path) -> None:
    with (
        Wire(tmp_path / "log.jsonl", latency=0.1, uneven=True) as wire,
        ThreadPoolExecutor() as two,
    ):
        for done in [two.submit(call, wire) for _ in range(2)]:
            done.result()
        took = sorted(line["until"] - line["at"] for line in wire.answered())
        assert took[0] >= 0.1
        assert took[1] >= 0.2
