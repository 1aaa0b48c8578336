"""What each rule promises, on random ballots, and the intricate rules against their definitions spelt out."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtual_agora.voting.ballots import Unsettled, shuffled
from virtual_agora.voting.pairwise import margins
from virtual_agora.voting.points import approval, cumulative, quadratic
from virtual_agora.voting.ranked_pairs import ranked_pairs
from virtual_agora.voting.rules import RULES, verdicts, winners
from virtual_agora.voting.runoff import instant_runoff

CONDORCET = ("copeland", "ranked_pairs", "schulze")
MONOTONE = sorted(set(RULES) - {"instant_runoff"})

profiles = st.integers(1, 5).flatmap(
    lambda size: st.lists(st.permutations([f"o{n}" for n in range(size)]), min_size=1, max_size=9)
)
few = st.integers(2, 4).flatmap(
    lambda size: st.lists(st.permutations([f"o{n}" for n in range(size)]), min_size=1, max_size=5)
)


@pytest.mark.parametrize("rule", RULES)
@given(profile=profiles, data=st.data())
def test_it_treats_voters_and_options_alike(rule, profile, data):
    options = sorted(profile[0])
    named = dict(zip(options, data.draw(st.permutations(options)), strict=True))
    others = data.draw(st.permutations([[named[option] for option in r] for r in profile]))
    before = RULES[rule](options, profile)
    assert RULES[rule](data.draw(st.permutations(options)), others) == {
        named[option]: score for option, score in before.items()
    }


@pytest.mark.parametrize("rule", RULES)
@given(profile=profiles)
def test_an_option_that_all_prefer_to_another_is_never_placed_behind_it(rule, profile):
    options = sorted(profile[0])
    scores = RULES[rule](options, profile)
    for one in options:
        for other in options:
            if one != other and all(r.index(one) < r.index(other) for r in profile):
                assert scores[one] >= scores[other]


@pytest.mark.parametrize("rule", CONDORCET)
@given(profile=profiles)
def test_it_elects_the_option_that_beats_all_others_alone(rule, profile):
    options = sorted(profile[0])
    margin = margins(options, profile)
    beating = [
        option
        for at, option in enumerate(options)
        if all(m > 0 for other, m in enumerate(margin[at]) if other != at)
    ]
    if beating:
        assert winners(RULES[rule](options, profile)) == beating


@pytest.mark.parametrize(
    "rule", ["copeland", "instant_runoff", "plurality", "ranked_pairs", "schulze"]
)
@given(profile=profiles, data=st.data())
def test_it_elects_the_favourite_of_more_than_half(rule, profile, data):
    options = sorted(profile[0])
    favourite = data.draw(st.sampled_from(options))
    most = len(profile) // 2 + 1
    profile = [
        [favourite, *(o for o in ranking if o != favourite)] if at < most else ranking
        for at, ranking in enumerate(profile)
    ]
    assert winners(RULES[rule](options, profile)) == [favourite]


@pytest.mark.parametrize("rule", MONOTONE)
@given(profile=profiles, data=st.data())
def test_a_winner_that_a_voter_moves_up_still_wins(rule, profile, data):
    options = sorted(profile[0])
    winner = data.draw(st.sampled_from(winners(RULES[rule](options, profile))))
    voter = data.draw(st.sampled_from(range(len(profile))))
    others = [option for option in profile[voter] if option != winner]
    place = data.draw(st.integers(0, profile[voter].index(winner)))
    changed = list(profile)
    changed[voter] = [*others[:place], winner, *others[place:]]
    assert winner in winners(RULES[rule](options, changed))


def test_instant_runoff_can_turn_against_an_option_that_gains_voters():
    before = ["abc"] * 39 + ["bca"] * 35 + ["cab"] * 26
    after = ["abc"] * 49 + ["bca"] * 25 + ["cab"] * 26
    assert winners(instant_runoff("abc", before)) == ["a"]
    assert winners(instant_runoff("abc", after)) == ["c"]


@given(profile=profiles)
def test_borda_turns_round_with_the_ballots(profile):
    options = sorted(profile[0])
    most = len(profile) * (len(options) - 1)
    reversed_ = RULES["borda"](options, [ranking[::-1] for ranking in profile])
    assert reversed_ == {o: most - s for o, s in RULES["borda"](options, profile).items()}


@pytest.mark.parametrize("rule", CONDORCET)
@given(profile=profiles)
def test_the_only_winner_does_not_win_when_all_ballots_are_turned_round(rule, profile):
    options = sorted(profile[0])
    won = winners(RULES[rule](options, profile))
    if len(won) == 1 < len(options):
        assert won[0] not in winners(RULES[rule](options, [r[::-1] for r in profile]))


@given(profile=profiles)
def test_two_options_are_decided_by_majority_whatever_the_rule(profile):
    two = sorted(profile[0])[:2]
    duel = [[option for option in ranking if option in two] for ranking in profile]
    assert verdicts(two, duel)["agree"]


def places(options, orders):
    """Scores from the best place that an option has in any of the orders."""
    return {o: float(len(options) - 1 - min(order.index(o) for order in orders)) for o in options}


@given(profile=few)
def test_instant_runoff_takes_every_way_to_break_a_tie(profile):
    options = sorted(profile[0])

    def outcomes(left):
        if not left:
            return [[]]
        firsts = [next(o for o in ranking if o in left) for ranking in profile]
        fewest = min(firsts.count(o) for o in left)
        return [
            [*order, gone]
            for gone in left
            if firsts.count(gone) == fewest
            for order in outcomes(left - {gone})
        ]

    assert instant_runoff(options, profile) == places(options, outcomes(set(options)))


@given(profile=few)
def test_ranked_pairs_takes_every_order_of_equal_majorities(profile):
    options = sorted(profile[0])
    margin = margins(options, profile)

    def prefers(one, other):
        return margin[options.index(one)][options.index(other)]

    def is_stack(order):
        """Each is ahead of those behind it by a chain of pairs, none weaker than what speaks against it."""
        for at, one in enumerate(order):
            for to in range(at + 1, len(order)):
                widest = {one: len(profile) + 1}
                for via in order[at + 1 : to + 1]:
                    widest[via] = max(min(w, prefers(o, via)) for o, w in widest.items())
                if widest[order[to]] < prefers(order[to], one):
                    return False
        return True

    stacks = [order for order in permutations(options) if is_stack(order)]
    assert ranked_pairs(options, profile) == places(options, stacks)


@given(profile=few)
def test_schulze_compares_the_strongest_paths(profile):
    options = sorted(profile[0])
    margin = margins(options, profile)
    size = range(len(options))
    path = [[m if m > 0 else 0 for m in row] for row in margin]
    for via in size:
        for one in size:
            for other in size:
                path[one][other] = max(path[one][other], min(path[one][via], path[via][other]))
    assert RULES["schulze"](options, profile) == {
        options[at]: sum(path[at][o] >= path[o][at] for o in size if o != at) for at in size
    }


def turned(options, times):
    return [*options[times:], *options[:times]]


def test_too_many_orders_of_equal_majorities_to_take_leave_all_winners_named():
    """Twelve circles one behind another: each can be cut at three places, whatever the others are."""
    circles = [[f"{circle}{option}" for option in "abc"] for circle in range(12)]
    profile = [[o for circle in circles for o in turned(circle, voter)] for voter in range(3)]
    scores = ranked_pairs(profile[0], profile)
    assert isinstance(scores, Unsettled)
    assert winners(scores) == circles[0]
    assert all(scores[o] == 35 - 3 * at for at, circle in enumerate(circles) for o in circle)


def test_too_many_universes_of_a_runoff_leave_all_winners_named():
    """The ballots look the same from each of twenty options, so that each may win, but for one that all rank last."""
    options = [f"o{number}" for number in range(20)]
    steps = shuffled(range(20), "runoff")
    profile = [[turned(options, start)[step] for step in steps] for start in range(20)]
    scores = instant_runoff([*options, "last"], [[*ranking, "last"] for ranking in profile])
    assert isinstance(scores, Unsettled)
    assert winners(scores) == options
    assert scores["last"] == 0


own = st.integers(1, 5).flatmap(
    lambda size: st.lists(
        st.dictionaries(st.sampled_from([f"o{n}" for n in range(size)]), st.integers(0, 3)),
        max_size=6,
    )
)
OWN = {
    "approval": lambda options, ballots: approval(options, [set(b) for b in ballots]),
    "cumulative": lambda options, ballots: cumulative(options, ballots, points=15),
    "quadratic": lambda options, ballots: quadratic(options, ballots, credits=45),
}


@pytest.mark.parametrize("rule", OWN)
@given(ballots=own, data=st.data())
def test_a_rule_on_ballots_of_its_own_treats_voters_and_options_alike(rule, ballots, data):
    options = [f"o{n}" for n in range(5)]
    named = dict(zip(options, data.draw(st.permutations(options)), strict=True))
    others = data.draw(st.permutations([{named[o]: n for o, n in b.items()} for b in ballots]))
    before = OWN[rule](options, ballots)
    assert OWN[rule](options, others) == {named[o]: score for o, score in before.items()}


@pytest.mark.parametrize("rule", OWN)
@given(ballots=own, more=st.integers(1, 3))
def test_support_never_harms(rule, ballots, more):
    options = [f"o{n}" for n in range(5)]
    before = OWN[rule](options, ballots)
    after = OWN[rule](options, [*ballots, {"o1": more}])
    assert after["o1"] > before["o1"]
    assert all(after[o] == before[o] for o in options if o != "o1")
