"""What is so for whatever session: ranges, and that the order of the members changes nothing."""

from __future__ import annotations

from itertools import combinations
from math import sqrt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.measures.sessions import session
from virtual_agora.measures import measure
from virtual_agora.measures.agenda import kendall_tau
from virtual_agora.measures.participation import evenness
from virtual_agora.measures.text import Forms, mean_similarity

PEOPLE = ["ada", "bruno", "chen", "dalia"]
STANCES = st.none() | st.integers(-3, 3)
WORDS = st.lists(
    st.sampled_from(
        [
            "library",
            "open",
            "staff",
            "shifts",
            "budget",
            "a",
            "of",
            "not",
            "Sunday",
            "reader",
            "公共交通",
        ]
    ),
    max_size=6,
).map(" ".join)
TURNS = st.lists(st.sampled_from([f"m{number:04}" for number in range(1, 12)]), max_size=3)


def by_person(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(PEOPLE), values)


SESSIONS = st.fixed_dictionaries(
    {
        "said": st.lists(
            st.tuples(st.sampled_from([*PEOPLE, "user"]), st.integers(1, 3), WORDS), max_size=12
        ),
        "stances": st.dictionaries(
            st.sampled_from(
                [("before", 0), ("round", 1), ("round", 2), ("after", 3), ("control", 3)]
            ),
            by_person(STANCES),
        ),
        "texts": st.dictionaries(
            st.tuples(st.sampled_from(PEOPLE), st.sampled_from(["before", "after"])), WORDS
        ),
        "moved_by": by_person(TURNS),
        "ballots": by_person(st.permutations(["a", "b", "c"]) | st.just([])),
        "polls": st.lists(
            st.tuples(st.integers(1, 3), by_person(st.sampled_from([["yes"], ["no"], []]))),
            max_size=2,
        ),
        "topic_report": TURNS.map(lambda turns: f"So [{', '.join(turns)}].\n\nAnd."),
    }
)

UNIT = (
    *("toward_majority", "diversity", "survival", "balance", "rewording"),
    *("stances", "words", "poll", "rule_agreement"),
)
RANGES = {
    **dict.fromkeys(UNIT, (0, 1)),
    **dict.fromkeys(("winner_margin", "kendall_tau"), (-1, 1)),
    **dict.fromkeys(("opinion_shift", "control_shift", "net_shift"), (-6, 6)),
    **dict.fromkeys(("gross_shift", "gross_control_shift"), (0, 6)),
    "collapse": (0, 3),
}


def numbers(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from numbers(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from numbers(part, name)
    elif isinstance(value, int | float):
        yield name, value


@given(SESSIONS)
@settings(max_examples=40)
def test_every_measure_is_in_its_range(parts: dict[str, Any]) -> None:
    for name, value in numbers(measure(session(PEOPLE, **parts))):
        low, high = RANGES.get(name, (value, value))
        assert low <= value <= high, name
    (topic,) = measure(session(PEOPLE, **parts))["topics"]
    assert all(share is None or 0 <= share <= 1 for share in topic["drift"])
    shift, gross = topic["opinion_shift"], topic["gross_shift"]
    assert (shift is None) == (gross is None)
    assert shift is None or abs(shift) <= gross


def unordered(value: Any) -> Any:
    """A comparable form in which the order of entries counts for nothing, and rounding for little."""
    if isinstance(value, dict):
        return sorted((key, unordered(part)) for key, part in value.items())
    if isinstance(value, list):
        return sorted((unordered(part) for part in value), key=repr)
    return round(value, 9) if isinstance(value, float) else value


@given(SESSIONS, st.permutations(PEOPLE))
@settings(max_examples=40)
def test_the_order_of_the_members_changes_nothing(parts: dict[str, Any], other: list[str]) -> None:
    state = session(PEOPLE, **parts)
    mixed = session(other, **parts)
    for field in ("positions", "vote_history"):
        mixed[field] = sorted(mixed[field], key=lambda entry: other.index(entry["agent"]))
        mixed[field].sort(key=lambda entry: (entry.get("ballot", 0), entry["round"]))
    assert unordered(measure(mixed)) == unordered(measure(state))


def tau_b(one: list[str], other: list[str]) -> float:
    """Kendall's tau-b as it is defined, over all pairs of options."""
    signs = [
        (
            (one.index(a) > one.index(b)) - (one.index(a) < one.index(b)),
            (other.index(a) > other.index(b)) - (other.index(a) < other.index(b)),
        )
        for a, b in combinations(sorted(one), 2)
    ]
    untied = [sum(x != 0 for x, _ in signs), sum(y != 0 for _, y in signs)]
    return sum(x * y for x, y in signs) / sqrt(untied[0] * untied[1])


@given(
    st.integers(2, 6).flatmap(
        lambda size: st.lists(st.permutations("abcdef"[:size]), min_size=2, max_size=7)
    )
)
def test_kendalls_tau_is_the_mean_over_all_pairs(rankings: list[list[str]]) -> None:
    pairs = [tau_b(one, other) for one, other in combinations(rankings, 2)]
    expected = sum(pairs) / len(pairs)
    assert kendall_tau(sorted(rankings[0]), rankings) == pytest.approx(expected)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=20), st.integers(1, 50))
def test_evenness_is_about_shares(amounts: list[int], times: int) -> None:
    even = evenness(amounts)
    assert (even is None) == (sum(amounts) == 0)
    if even is not None:
        assert evenness([amount * times for amount in amounts]) == pytest.approx(even)
        assert (even == pytest.approx(0)) == (sum(amount > 0 for amount in amounts) == 1)
        assert (even == pytest.approx(1)) <= (max(amounts) - min(amounts) <= max(amounts) / 2)


@given(st.lists(WORDS, max_size=4))
def test_likeness_has_ends(texts: list[str]) -> None:
    alike = mean_similarity(texts)
    assert alike is None or 0 <= alike <= 1
    same = mean_similarity([*texts[:1], *texts[:1]])
    assert same in (None, 1.0)


@given(
    st.text("abc", min_size=1, max_size=9),
    st.text("abc", min_size=1, max_size=9),
)
def test_forms_are_those_of_the_definition(one: str, other: str) -> None:
    common = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    shared = min(len(one), len(other)) if common is None else common
    assert (one in Forms([other])) == (4 * shared >= 3 * min(len(one), len(other)))
