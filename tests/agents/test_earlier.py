"""How much an agent is told of what came before: never more than there is room for, and never silently less."""

from __future__ import annotations

import re

import pytest

from virtual_agora.agents.context import CONCLUSIONS, shared_context
from virtual_agora.agents.earlier import KEPT, LONGEST, SUMMARIES, due, stand_in, told
from virtual_agora.agents.lengths import first_sentence, fitted, shortened
from virtual_agora.agents.summarizer import Summarizer
from virtual_agora.prompts import Prompts

TOPIC = "What does it cost?"
BOUND = LONGEST + SUMMARIES + LONGEST + 1_000
"""A digest, the summaries that stand whole, one more that made them too many, and the tags."""


def summary(number, text, topic=TOPIC):
    return {"topic": topic, "round": number, "text": text}


def state(*texts, **more):
    summaries = [summary(number, text) for number, text in enumerate(texts, start=1)]
    return {"main_topic": "Free buses?", "round_summaries": summaries, **more}


def test_nothing_is_condensed_while_there_is_room():
    held = state(*["x" * 960] * 12)
    assert due(held, TOPIC) == []
    held["round_summaries"].append(summary(13, "x"))
    # The latest that stay whole have room for four with the tags around them, of which the thirteenth is one.
    assert [old["round"] for old in due(held, TOPIC)] == list(range(1, 10))
    assert due(held, "Another topic") == []


@pytest.mark.parametrize("written", [700, 3_000, 100_000])
@pytest.mark.parametrize("condensed", [1_500, 100_000])
def test_a_prompt_stays_bounded_however_many_rounds_there_were_and_however_much_is_written(
    written, condensed
):
    held, rounds_of_a_digest, longest = state(digests=[]), [], 0
    for number in range(1, 101):
        context = shared_context(held, topic=TOPIC)
        assert len(context) <= BOUND
        longest = max(longest, len(context))
        digest, summaries = told(held, TOPIC)
        # Each earlier round is in the digest or has its summary in the prompt, and the prompt says which.
        assert [s["round"] for s in summaries] == list(
            range((digest["condensed"] if digest else 0) + 1, number)
        )
        assert all(f'<summary round="{s["round"]}">' in context for s in summaries)
        assert not digest or f'<digest rounds="1 to {digest["condensed"]}">' in context
        if old := due(held, TOPIC):
            rounds_of_a_digest.append(len(old))
            made = {"topic": TOPIC, "round": number, "condensed": old[-1]["round"]}
            held["digests"].append({**made, "text": "d" * condensed})
        held["round_summaries"].append(summary(number, "s" * written))
    assert longest > KEPT
    assert rounds_of_a_digest
    if written == 700:  # as it usually is
        assert min(rounds_of_a_digest) >= 8


def test_without_a_summarizer_the_first_sentences_stand_for_the_rounds():
    texts = [f"Point {n} was made [m000{n}]. It was disputed." for n in range(1, 6)]
    held = state(*texts)
    said = stand_in(held, TOPIC, held["round_summaries"][:3])
    assert "rounds 1 to 3" in said
    assert said.endswith(
        "Point 1 was made [m0001]. Point 2 was made [m0002]. Point 3 was made [m0003]."
    )
    held["digests"] = [{"topic": TOPIC, "round": 4, "condensed": 3, "text": said}]
    again = stand_in(held, TOPIC, held["round_summaries"][3:])
    assert again.startswith(said)
    assert "rounds 4 to 5" in again

    # As the summarizer is asked to cite: after the point.
    asked = [f"Point {n} was made. [m000{n}, m0009] It was disputed. [m0008]" for n in (1, 2)]
    held = state(*asked)
    said = stand_in(held, TOPIC, held["round_summaries"])
    assert said.endswith("Point 1 was made. [m0001, m0009] Point 2 was made. [m0002, m0009]")

    long = state(*["word " * 5_000] * 40)
    long["digests"] = [{"topic": TOPIC, "round": 9, "condensed": 1, "text": "digest " * 9_000}]
    assert len(stand_in(long, TOPIC, long["round_summaries"][1:])) <= LONGEST


@pytest.mark.parametrize(
    "sentence",
    [
        "St. Gallen made it free for 3.5 m. [m0001]",
        "J. S. Mill and Mrs. Taylor said so.[m0001]",
        "1. It costs 12.5 % more [m0001].",
        "“It does!” [m0001] [m0002].",
        "It left the EU.",
        "一二三。[m0001]",
    ],
)
def test_a_sentence_has_its_citations_and_does_not_end_at_an_abbreviation(sentence):
    assert first_sentence(f"{sentence} More [m0003]. Most.") == sentence


def test_a_digest_that_is_too_long_or_cites_what_nobody_said_is_asked_for_again():
    turns = [{"id": "m0001", "topic": TOPIC}, {"id": "m0002", "topic": "Another"}]
    record = {"id": "summarizer", "name": "S", "role": "summarizer", "persona": ""}
    held = state("It was said. [m0001]", messages=turns)
    check = Summarizer(record, Prompts()).digest(held, TOPIC, 9, 5).call.check
    assert check("It was said. [m0001]") == ""
    assert check("It was said. [m0001, m0777]") == "it cites turns that there are not: m0777"
    assert check("It was said. [m0002]") == "it cites turns that there are not: m0002"
    assert "400 words" in check("word " * 1_001)


def test_the_conclusions_of_many_topics_share_the_room_there_is():
    closed = [
        {"topic": f"Topic {n}", "text": "It was so. " * 70, "rounds": 1, "concluded_by": "vote"}
        for n in range(60)
    ]
    few = shared_context({"main_topic": "Free buses?", "topic_summaries": closed[:20]})
    assert "Shortened" not in few
    many = shared_context({"main_topic": "Free buses?", "topic_summaries": closed})
    assert all(f'topic="Topic {n}"' in many for n in range(60))
    assert "the whole has 770 characters.]" in many
    assert len(many) < CONCLUSIONS + 60 * 60


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("One two. Three four. Five six. " * 9, "One two. Three four. "),
        ("One two three four five six " * 9, "One two three four "),
        ("A paragraph [m0001].\n\nX. Y. " * 9, "A paragraph [m0001]. "),
        (
            "一二三四五六七八九十。一二三四五六七八九十。" * 9,
            "一二三四五六七八九十。一二三四五六七八九十。 ",
        ),
        ("A point. [m0001] " * 9, "A point. [m0001] "),
        ("x" * 200, "x" * 22 + " "),
    ],
)
def test_a_text_ends_after_a_paragraph_a_sentence_or_a_word_and_says_so(text, kept):
    mark = f"[Shortened here; the whole has {len(text)} characters.]"
    assert shortened(text, len(mark) + 23) == kept + mark
    assert shortened(text, len(text)) == text


def test_the_longest_of_several_texts_are_shortened_to_one_length():
    short, long, longer = "a" * 100, "b" * 500, "c" * 900
    assert fitted([longer, short, long], 1_500) == [longer, short, long]
    one, whole, other = fitted([longer, short, long], 900)
    assert whole == short
    assert len(one) == len(other) == 400
    assert fitted([], 10) == []


@pytest.mark.parametrize("limit", [0, 1, 3, 20, 60, 90])
def test_no_text_is_longer_than_its_room_however_little_there_is(limit):
    text = "It was so. " * 70
    assert len(shortened(text, limit)) <= limit
    many = fitted([text] * 1_000, 1_000 * limit)
    assert sum(map(len, many)) <= 1_000 * limit
    if limit >= 20:
        assert re.fullmatch(r"(It was so\. )+\[(…|Shortened .+)\]", many[0])
