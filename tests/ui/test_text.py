from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from virtual_agora.cleaning import clean, plain_json
from virtual_agora.ui.text import Cleaner, duration, money, one_line, tokens, wrap

NASTY = "a\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x1b\\ \x1b[2J\x9b1m\r\nb\tc \u202edrawkcab\u202c\x00\x07"


def test_what_steers_a_terminal_is_taken_out() -> None:
    assert clean(NASTY) == "ared link \nb    c drawkcab"


def test_a_letter_is_treated_alike_wherever_it_stands() -> None:
    for code in (*range(0x10000), *range(0x1F000, 0x20000), *range(0xE0000, 0xE1000)):
        text = f"a{chr(code)}b{chr(code)}{chr(code)}"
        assert clean(text) == clean(text + "\0"), hex(code)
        assert plain_json(text + "\0") == plain_json(text)[:-1] + '\\u0000"', hex(code)


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # the flag of Scotland
        "👩‍👩‍👧 ❤️ 葛\U000e0100 می‌خواهم क्‍ष",
        "ᠬᠠᠭ\u180eᠠ",
        "שלום, العالم",
    ],
)
def test_what_a_script_or_an_emoji_needs_stays(text: str) -> None:
    assert clean(text) == text
    assert plain_json(text) == f'"{text}"'


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\u200bb\u00adc\u3164d\u2800e", "abcd e"),
        ("a" + "".join(chr(0xE0100 + n) for n in range(240)) + "b", "ab"),
        ("葛\U000e0100\U000e0101\U000e0102", "葛\U000e0100"),
        ("❤\ufe0f\ufe01\ufe02", "❤\ufe0f"),
        ("\U0001f3f4" + "\U000e0061" * 40 + "\U000e007f", "\U0001f3f4"),
        ("a\u180eb", "ab"),
    ],
)
def test_letters_that_nobody_sees_carry_nothing(text: str, left: str) -> None:
    assert clean(text) == left


def test_words_in_the_wrong_encoding_are_not_lost() -> None:
    text = "“one” and “two”, “Ûn” or ‘three’".encode().decode("latin-1")
    for word in ("one", " and ", "two", "n", " or ", "three"):
        assert word in clean(text)
    assert clean("\x1b]0;a\nb\x07") == "]0;a\nb"
    assert "long" in clean("\x1b]0;" + "long" * 100 + "\x07")


@given(st.lists(st.integers(0, len(NASTY))))
def test_cleaning_in_pieces_gives_the_same_as_cleaning_the_whole(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(NASTY)]
    cleaner = Cleaner()
    pieces = [cleaner.feed(NASTY[a:b]) for a, b in itertools.pairwise(places)]
    assert "".join(pieces) + cleaner.close() == clean(NASTY)


def test_an_escape_sequence_without_an_end_loses_no_text() -> None:
    cleaner = Cleaner()
    text = (
        cleaner.feed("before \x1b]0;never ended" + "x" * 5000)
        + cleaner.feed(" after")
        + cleaner.close()
    )
    assert text == "before ]0;never ended" + "x" * 5000 + " after"


@given(st.text(alphabet=st.sampled_from("ab  é漢👍-")), st.integers(2, 12))
@example("a" * 30, 7)
@example("   ", 2)
def test_wrapping_loses_nothing_and_keeps_to_the_width(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join(lines) == text
    assert all(cell_len(line.rstrip()) <= width for line in lines)


def test_wrapping_breaks_between_words() -> None:
    assert wrap("the quick brown fox", 10) == ["the quick ", "brown fox"]


def test_one_line_is_short_and_clean() -> None:
    assert one_line("a\n\x1b[1mb\tc") == "a b c"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("cost", "unknown", "said"),
    [
        (0.01234, False, "$0.0123"),
        (12.345, False, "$12.35"),
        (0.0, False, "free"),
        (None, False, "price unknown"),
        (0.0, True, "price unknown"),
        (0.5, True, "over $0.5000"),
    ],
)
def test_money(cost: float | None, unknown: bool, said: str) -> None:
    assert money(cost, and_unknown=unknown) == said


def test_counts_and_times_are_short() -> None:
    assert [tokens(n) for n in (950, 12_345, 1_200_000)] == ["950", "12.3k", "1.20M"]
    assert [duration(s) for s in (7.9, 750, 3723)] == ["0:07", "12:30", "1:02:03"]
