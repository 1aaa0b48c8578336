from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from virtual_agora.cleaning import clean
from virtual_agora.ui.text import Cleaner, duration, money, one_line, tokens, wrap

NASTY = "a\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x1b\\ \x1b[2J\x9b1m\r\nb\tc \u202edrawkcab\u202c\x00\x07"


def test_what_steers_a_terminal_is_taken_out() -> None:
    assert clean(NASTY) == "ared link \nb    c drawkcab"


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
