"""The rules against examples whose results are in the literature, and against each other's definitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtual_agora.voting.ballots import needed, shuffled
from virtual_agora.voting.rules import RULES, borda, copeland, plurality
from virtual_agora.voting.tally import order_with, tally

# Tennessee choosing its capital: the standard example of rules disagreeing.
TENNESSEE = (
    [["Memphis", "Nashville", "Chattanooga", "Knoxville"]] * 42
    + [["Nashville", "Chattanooga", "Knoxville", "Memphis"]] * 26
    + [["Chattanooga", "Knoxville", "Nashville", "Memphis"]] * 15
    + [["Knoxville", "Chattanooga", "Nashville", "Memphis"]] * 17
)
CITIES = ["Memphis", "Nashville", "Chattanooga", "Knoxville"]

profiles = st.integers(2, 5).flatmap(
    lambda size: st.lists(st.permutations([f"o{n}" for n in range(size)]), min_size=1, max_size=7)
)


def test_borda_on_tennessee():
    assert borda(CITIES, TENNESSEE) == {
        "Memphis": 126,
        "Nashville": 194,
        "Chattanooga": 173,
        "Knoxville": 107,
    }


def test_plurality_on_tennessee():
    assert plurality(CITIES, TENNESSEE)["Memphis"] == 42


def test_copeland_on_tennessee_elects_the_condorcet_winner():
    assert copeland(CITIES, TENNESSEE) == {
        "Memphis": 0,
        "Nashville": 3,
        "Chattanooga": 2,
        "Knoxville": 1,
    }


@pytest.mark.parametrize("rule", RULES)
@given(profile=profiles, data=st.data())
def test_the_order_of_voters_does_not_matter(rule, profile, data):
    options = sorted(profile[0])
    other = data.draw(st.permutations(profile))
    assert RULES[rule](options, profile) == RULES[rule](options, other)


@pytest.mark.parametrize("rule", RULES)
@given(profile=profiles)
def test_renaming_the_options_renames_the_result(rule, profile):
    options = sorted(profile[0])
    renamed = [[f"x-{option}" for option in ranking] for ranking in profile]
    before = RULES[rule](options, profile)
    after = RULES[rule]([f"x-{option}" for option in options], renamed)
    assert after == {f"x-{option}": score for option, score in before.items()}


@pytest.mark.parametrize("rule", RULES)
@given(profile=profiles)
def test_everybodys_favourite_wins(rule, profile):
    options = sorted(profile[0])
    favourite = options[0]
    agreed = [[favourite, *(o for o in ranking if o != favourite)] for ranking in profile]
    assert tally(rule, options, agreed)["order"][0] == [favourite]


def test_no_ballots_tie_everything():
    count = tally("borda", ["a", "b"], [], abstained=3)
    assert count["order"] == [["a", "b"]]
    assert (count["ballots"], count["abstained"]) == (0, 3)


def test_a_tie_break_orders_only_what_is_tied():
    count = tally("borda", ["a", "b", "c"], [["c", "a", "b"], ["c", "b", "a"]])
    assert count["order"] == [["c"], ["a", "b"]]
    assert order_with(count, ["b", "a"]) == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("threshold", "voters", "yes"),
    [
        ("majority", 4, 3),
        ("majority", 5, 3),
        ("two_thirds", 4, 3),
        ("two_thirds", 6, 4),
        ("unanimous", 4, 4),
        ("majority", 0, 1),
        ("two_thirds", 0, 1),
        ("unanimous", 0, 1),
    ],
)
def test_thresholds(threshold, voters, yes):
    assert needed(threshold, voters) == yes


def test_shuffling_depends_on_the_seed_alone():
    options = [str(n) for n in range(10)]
    assert shuffled(options, 1, "a") == shuffled(options, 1, "a")
    assert shuffled(options, 1, "a") != shuffled(options, 1, "b")
    assert sorted(shuffled(options, 1, "a")) == options
