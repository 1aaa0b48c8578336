"""The scripted assembly in discussion, from the first statement to the report."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from tests.providers.scripted import (
    THEME,
    TOPICS,
    Outline,
    Poll,
    ask,
    assigned,
    prompt,
    say,
    sentences,
    tag,
)
from virtual_agora.citations import cited, claims
from virtual_agora.config.defaults import PERSONAS
from virtual_agora.providers.offline_stock import STAGES, angles, common, kinds
from virtual_agora.providers.offline_words import clauses, kind_of


def discussion() -> dict[tuple[int, int], list[str]]:
    """The statements of two topics of three rounds by the default panel, by topic and round."""
    spoken: dict[tuple[int, int], list[str]] = {}
    closed: list[tuple[str, str]] = []
    for number, topic in enumerate(TOPICS):
        rounds: list[str] = []
        for round_number in (1, 2, 3):
            live: list[str] = []
            for name in PERSONAS:
                said = prompt(
                    "statement", name, topic=topic, closed=closed, rounds=rounds, live=live
                )
                live.append(say(said))
            spoken[number, round_number] = live
            summary = prompt("round_summary", "Summarizer", topic=topic, rounds=rounds, live=live)
            rounds.append(say(summary))
        closed.append(
            (topic, say(prompt("topic_summary", "Summarizer", topic=topic, rounds=rounds)))
        )
    return spoken


def test_nobody_repeats_a_sentence_in_a_session_and_statements_are_of_the_length_asked_for() -> (
    None
):
    statements = [said for turn in discussion().values() for said in turn]
    own = Counter(s for said in statements for s in sentences(said) if "“" not in s)

    assert len(statements) == 24
    assert [sentence for sentence, times in own.items() if times > 1] == []
    assert all(80 <= len(said.split()) <= 170 for said in statements)


def test_later_speakers_take_up_what_was_said_before_them_in_the_round() -> None:
    for turn in discussion().values():
        for at, said in enumerate(turn[1:], 1):
            quote = re.findall(r"“([^”]+)”", said)[0].casefold()
            assert any(quote in earlier.casefold() for earlier in turn[:at]), said


def test_a_later_round_begins_with_the_summary_of_the_one_before() -> None:
    summary = "One line was “a bridge is only as good as its inspector”."
    said = say(prompt("statement", topic=TOPICS[0], rounds=[summary]))

    assert "bridge is only as good as its inspector" in sentences(said)[0]


def test_a_new_topic_begins_with_the_one_closed_before() -> None:
    said = say(prompt("statement", topic=TOPICS[1], closed=[(TOPICS[0], "It costs.")]))

    assert TOPICS[0] in said or TOPICS[1] in said


def test_the_users_words_are_answered_by_whoever_speaks_next() -> None:
    said = say(prompt("statement", topic=TOPICS[0], live=["user:What about the bus drivers?"]))

    assert "What about the bus drivers?" in sentences(said)[0] + sentences(said)[1]


def test_documents_are_mentioned_by_name() -> None:
    papers = tag("documents", tag("document", "<topic>Not this</topic>", name="fares.md"))
    said = say(
        prompt("statement", "Bruno", papers, topic=TOPICS[0], live=["Fares are only a part of it."])
    )

    assert "“fares.md”" in said
    assert "Not this" not in said


def test_late_rounds_of_a_long_discussion_still_find_something_to_say() -> None:
    rounds: list[str] = []
    said = []
    for number in range(1, 41):
        said.append(say(prompt("statement", topic=TOPICS[0], rounds=rounds)))
        rounds.append(
            f"In round {number} it was said that “patience number {number} is a virtue as well”."
        )

    assert len(set(said)) == 40
    assert "ound 40" in said[-1]


def test_a_round_summary_quotes_the_round_and_names_nobody() -> None:
    live = discussion()[0, 1]
    summary = say(
        prompt("round_summary", "Summarizer", topic=TOPICS[0], live=[*live, "user:Buses matter."])
    )
    quotes = re.findall(r"“([^”]+)”", summary)

    assert len(quotes) == 5
    assert all(
        any(quote.casefold() in said.casefold() for said in [*live, "Buses matter"])
        for quote in quotes
    )
    assert not any(name in summary for name in PERSONAS)
    assert 70 <= len(summary.split()) <= 150


def test_every_angle_has_something_quotable_to_say_at_every_stage_on_every_kind_of_topic() -> None:
    blanks = {
        "subject": "bees",
        "topic": "Bees",
        "n": "six",
        "weeks": "six",
        "pct": "20",
        "round": "4",
    }
    for angle in angles().values():
        for place, stage in enumerate(STAGES):
            for core in angle.cores(stage):
                for takes in angle.takes.values():
                    text = " ".join([takes[place], core]).format(**blanks)
                    assert not any(found.endswith("…") for found in clauses(text)), text


def test_the_script_is_whole() -> None:
    for angle in angles().values():
        assert set(angle.takes) == {*kinds(), "any"}
        assert {len(takes) for kind, takes in angle.takes.items() if kind != "any"} == {3}
        assert len(angle.takes["any"]) == 6
        assert set(angle.whys) == set(angle.prefers) == set(kinds())
        assert all(set(choices) <= set(kinds()) for choices in (angle.proposes, angle.whys))
    for name, kind in kinds().items():
        assert [kind_of(title.format(subject="bees"), "Bees") for title in kind.titles] == [
            name
        ] * 3
    assert set(common().section_kinds) < set(common().sections)


def test_the_sceptic_dissents_a_majority_concludes_in_round_three_and_everybody_in_time() -> None:
    def yes(round_number: int) -> list[str]:
        rounds = ["It was said."] * round_number
        return [
            name
            for name in PERSONAS
            if ask(Poll, prompt("poll", name, topic=TOPICS[0], rounds=rounds)).conclude == "yes"
        ]

    assert yes(1) == []
    assert yes(2) == ["Bruno"]
    assert yes(3) == yes(4) == ["Ada", "Bruno", "Celia"]
    assert yes(5) == yes(10) == list(PERSONAS)


def test_the_session_goes_on_after_one_topic_and_a_majority_ends_it_after_two() -> None:
    def yes(closed: int) -> int:
        agenda = tag("agenda", "- Drones")
        done = [(title, "Closed.") for title in TOPICS[:closed]]
        polls = [ask(Poll, prompt("session_poll", name, agenda, closed=done)) for name in PERSONAS]
        return sum(poll.conclude == "yes" for poll in polls)

    assert (yes(1), yes(2)) == (1, 3)


def test_the_outvoted_speak_as_such_and_others_do_not() -> None:
    why = tag("dissent", "The assembly voted to conclude; you voted against it.")
    outvoted = say(prompt("final_words", "Dmitri", why, topic=TOPICS[0], rounds=["x"] * 3))
    ended = tag("dissent", "The user closed the topic.")
    stopped = say(prompt("final_words", "Dmitri", ended, topic=TOPICS[0], rounds=["x"] * 3))

    assert outvoted in angles()["sceptic"].last_words.dissent
    assert stopped in angles()["sceptic"].last_words.closing


@pytest.mark.parametrize("topic", [TOPICS[0], ""])
def test_a_report_has_an_outline_and_sections_that_rest_on_what_was_said(topic: str) -> None:
    rounds = [
        f"It was said that “the {word} argument holds more water than wine”."
        for word in ("first", "second", "third")
    ]
    material: dict[str, Any] = (
        {"topic": topic, "rounds": rounds} if topic else {"closed": [(TOPICS[0], " ".join(rounds))]}
    )
    outline = ask(Outline, prompt("report_outline", "Writer", **material))
    titles = [section.title for section in outline.sections]
    poll = tag("dissent", "The last poll:\n- yes: It is enough.\n- no: Nobody asked the drivers.")
    texts = {
        title: say(prompt("report_section", "Writer", poll, assigned(title), **material))
        for title in titles
    }

    assert len(set(titles)) == 3
    assert len(set(texts.values())) == 3
    assert all(60 <= len(text.split()) <= 250 for text in texts.values())
    assert any("Nobody asked the drivers." in text for text in texts.values())
    quoted = re.findall("[Tt]he (first|second|third) argument", " ".join(texts.values()))
    assert len(quoted) == len(set(quoted)) >= 2
    assert topic or "assembled from a script" in texts[titles[-1]]


def test_where_nothing_was_said_nothing_is_quoted() -> None:
    section = say(prompt("report_section", "Writer", assigned("The answer"), topic=TOPICS[0]))
    summary = say(prompt("topic_summary", "Summarizer", topic=TOPICS[0]))

    assert common().without_quotes in section
    assert "no statement that could be quoted" in summary


def test_a_form_nobody_foresaw_is_filled_with_something_that_fits() -> None:
    class Strange(BaseModel):
        colour: Literal["red", "green"]
        size: int
        note: str
        parts: list[str]
        done: bool
        extra: str = "left out"

    filled = ask(Strange, prompt("riddle"))

    assert filled.colour == "red"
    assert filled.note
    assert filled.extra == "left out"


def test_the_final_report_quotes_from_the_sections_of_its_own_kind() -> None:
    written = [
        tag(
            "section", "- “The pilot paid for itself in spring.”", title="What was found", topic="A"
        ),
        tag("section", "- “Nobody counted those who stayed home.”", title="Objections", topic="A"),
    ]
    found, disputed = (
        say(prompt("report_section", "Writer", *written, assigned(title)))
        for title in ("What held", "Disagreements")
    )

    assert "pilot paid for itself" in found
    assert "stayed home" not in found
    assert "stayed home" in disputed
    assert "pilot paid for itself" not in disputed


def test_summaries_and_sections_cite_what_they_quote_by_the_ids_they_were_given() -> None:
    live = discussion()[0, 1]
    said = [tag("statement", text, id=f"m{at:04}") for at, text in enumerate(live, 5)]
    said.append(
        tag(
            "statement",
            "Buses matter more than we have said in [m0099].",
            **{"id": "m0009", "from": "user"},
        )
    )
    summary = say(prompt("round_summary", "Summarizer", *said, topic=TOPICS[0]))
    quotes = re.findall(r"“([^”]+)” \[([^\]]+)\]", summary)
    assert [id_ for _, id_ in quotes] == ["m0005", "m0006", "m0007", "m0008", "m0009"]
    for quote, id_ in quotes[:4]:
        assert quote.casefold() in live[int(id_[1:]) - 5].casefold()

    rounds = [summary]
    closed = say(prompt("topic_summary", "Summarizer", topic=TOPICS[0], rounds=rounds))
    assert len(set(cited(closed))) == 2
    words = tag("final_words", "Nobody has ever asked the people who drive them.", id="m0010")
    theme = f"{THEME} [m0777]"
    for heading in ("What was found", "Objections", "What to do next"):
        section = say(
            prompt(
                "report_section",
                "Writer",
                words,
                assigned(heading),
                theme=theme,
                topic=TOPICS[0],
                rounds=rounds,
            )
        )
        made = list(claims(section, {f"m{n:04}" for n in range(5, 11)}))
        assert all(claim.turns and not claim.unknown for claim in made), section
        assert heading != "Objections" or "who drive them.” [m0010]" in section
    speech = say(prompt("statement", topic=TOPICS[0], rounds=rounds))
    assert cited(speech) == []


def test_nobody_claims_a_move_that_its_stances_do_not_show() -> None:
    """Whoever does not move says nothing of having moved, nor does what all of them share."""
    moves = re.compile(r"\bmoved\b|come round|come some way|a smaller one|where they had entered")
    unmoved = [angle for angle in angles().values() if angle.stand.moved[0] == 0]
    assert unmoved
    assert [
        line for stock in (*unmoved, common()) for line in lines(stock) if moves.search(line)
    ] == []


def lines(stock: Any) -> list[str]:
    """Every text within `stock`."""
    if isinstance(stock, str):
        return [stock]
    if isinstance(stock, BaseModel):
        return lines(dict(stock))
    inside = (
        stock.values()
        if isinstance(stock, dict)
        else stock
        if isinstance(stock, list | tuple)
        else ()
    )
    return [line for part in inside for line in lines(part)]
