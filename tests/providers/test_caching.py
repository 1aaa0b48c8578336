"""Vendors that keep of a prompt what they are told to are told to keep what comes again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.conftest import Bench
from virtual_agora.agents.participant import Participant
from virtual_agora.prompts import Prompts
from virtual_agora.providers.calls import ModelRequest
from virtual_agora.providers.pricing import price

SPOKEN = [
    {"id": f"m{n:04d}", "kind": "statement", "speaker": "Ada", "content": f"Reason {n}."}
    for n in range(3)
]


def statement(round: int, spoken: int) -> ModelRequest:
    """What a participant is asked when so many have spoken in a round."""
    record = {"id": "participant-1", "name": "Ada", "role": "participant", "persona": "A baker."}
    state = {
        "main_topic": "Bread?",
        "config": {"session": {}},
        "context_documents": [{"name": "recipe", "text": "Flour and water."}],
        "topic_summaries": [{"topic": "Flour?", "text": "Rye."}],
        "round_summaries": [
            {"topic": "Salt?", "round": n, "text": f"Sum {n}."} for n in range(1, round)
        ],
    }
    asked = Participant(record, Prompts()).statement(state, "Salt?", round, SPOKEN[:spoken])
    return asked.call


def content(bench: Bench, request: ModelRequest) -> Any:
    bench.says("Less salt.")
    bench.ask(request=request)
    (told,) = [message for message in bench.sent()[-1]["messages"] if message["role"] == "user"]
    return told["content"]


def kept(blocks: list[dict[str, Any]]) -> list[list[str]]:
    """What the vendor keeps: the beginnings that end with a mark."""
    texts = [block["text"] for block in blocks]
    return [texts[: at + 1] for at, block in enumerate(blocks) if "cache_control" in block]


@pytest.mark.parametrize(
    ("before", "after"),
    [((1, 2), (1, 3)), ((1, 3), (2, 0)), ((2, 1), (2, 2)), ((3, 3), (4, 1))],
)
def test_what_the_next_to_speak_hears_as_well_is_kept_and_found_again(bench_for, before, after):
    bench = bench_for("anthropic")
    first, second = content(bench, statement(*before)), content(bench, statement(*after))
    for blocks, at in ((first, before), (second, after)):
        assert "".join(block["text"] for block in blocks) == statement(*at).prompt
        assert 2 <= len(kept(blocks)) <= 3, "four marks are allowed"
    found = [text for text in kept(first) if text == [b["text"] for b in second[: len(text)]]]
    in_the_same_round = before[0] == after[0]
    known = "".join(found[-1])
    assert "Flour and water." in known
    assert "Rye." in known
    assert (f"Sum {before[0] - 1}." in known) == (before[0] > 1)
    assert (f"Reason {before[1] - 1}." in known) == in_the_same_round


def test_others_are_sent_one_text(bench_for):
    assert content(bench_for("openai"), statement(2, 1)) == statement(2, 1).prompt


def test_what_is_put_into_a_cache_costs_more_and_what_comes_from_it_less():
    counted = {"input_tokens": 10_000, "output_tokens": 100}
    model = ("anthropic", "claude-sonnet-4-5")
    plain = price(*model, **counted)
    written = price(*model, **counted, written_to_cache=9_000)
    read = price(*model, **counted, cached_tokens=9_000)
    assert plain is not None
    assert read < plain < written
