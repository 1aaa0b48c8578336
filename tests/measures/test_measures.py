"""What the measures make of sessions: finished, under way, of earlier releases, and really held."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import THEME, answers, checked_updates, where
from tests.measures.sessions import session
from virtual_agora.flow.graph_v13 import VirtualAgoraV13Flow
from virtual_agora.measures import measure
from virtual_agora.measures.agreement import consensus
from virtual_agora.measures.text import Forms, content_words, similarity, words

PEOPLE = ["ada", "bruno", "chen"]


def topic_of(state: dict[str, Any]) -> Any:
    (found,) = measure(state)["topics"]
    return found


def test_a_session_that_was_held_is_measured_after_every_step(
    make_flow: Callable[..., VirtualAgoraV13Flow],
) -> None:
    flow = make_flow(min_rounds=2, max_rounds=2, participation="end_of_round")
    session_id = flow.create_session(THEME)
    speak = {"action": "participate", "text": "What about cyclists?"}
    for _ in checked_updates(flow, session_id, answers(user_turn=[speak])):
        before = flow.state_manager.get_snapshot()
        under_way = measure(before)
        assert before == flow.state_manager.get_snapshot()
        assert json.loads(json.dumps(under_way)) == under_way

    state = flow.graph.get_state(where(session_id)).values
    measures = measure(state)
    assert measures["agenda"] == measure(before)["agenda"]
    assert -1 <= measures["agenda"]["kendall_tau"] <= 1
    assert [topic["topic"] for topic in measures["topics"]] == state["completed_topics"]
    for topic in measures["topics"]:
        held = [entry for entry in topic["agreement"] if entry["round"]]
        assert [entry["round"] for entry in held] == [1, 2]
        assert all(0 < entry["words"] < 0.5 for entry in held)
        assert held[-1]["poll"] is not None
        assert len(topic["drift"]) == 2
        assert 0.9 < topic["participation"]["balance"] < 1
    assert measures["participation"]["turns"]["user"] == 1
    assert sum(measures["participation"]["turns"].values()) == len(state["messages"])
    assert measures["claims"] > 10


def test_nothing_is_none() -> None:
    empty = {"config": {"session": {"voting_rule": "borda"}}}
    assert measure(empty) == {
        "agenda": {"winner_margin": None, "kendall_tau": None, "rule_agreement": None},
        "topics": [],
        "participation": {"turns": {}, "words": {}, "balance": None},
        "retained_turns": [],
        "tokens_per_retained_turn": None,
        "claims": 0,
        "unsupported_claims": 0,
    }
    just_announced = topic_of(session(PEOPLE, closed=False))
    for name, value in just_announced.items():
        if name not in ("topic", "participation", "minority"):
            assert value in (None, []), name
    assert just_announced["minority"]["survival"] is None
    assert just_announced["participation"]["words"] == dict.fromkeys(PEOPLE, 0)


def test_a_session_that_took_no_positions_has_the_rest() -> None:
    state = session(
        PEOPLE,
        said=[("ada", 1, "Open the library."), ("bruno", 1, "Why the library?")],
        polls=[(1, {"ada": ["yes"], "bruno": ["no"], "chen": []})],
    )
    del state["positions"]
    measured = topic_of(state)
    assert measured["agreement"] == [
        {"round": 1, "stances": None, "words": pytest.approx(2 / 3), "poll": 0.5}
    ]
    assert measured["shifts"] == []
    assert measured["vote_only"] is measured["decided"] is measured["collapse"] is None


def test_if_all_abstained_there_is_no_ballot_and_no_side() -> None:
    state = session(
        PEOPLE,
        ballots={name: [] for name in PEOPLE},
        polls=[(1, {name: [] for name in PEOPLE})],
        said=[(name, 1, "Nothing.") for name in PEOPLE],
    )
    assert set(measure(state)["agenda"].values()) == {None}
    measured = topic_of(state)
    assert measured["agreement"][0]["poll"] is None
    assert measured["minority"]["agents"] == []


def test_one_ballot_is_enough_for_a_winner_and_too_few_to_compare() -> None:
    state = session(PEOPLE, ballots={"ada": ["a", "b"], "bruno": [], "chen": []})
    assert measure(state)["agenda"] == {
        "winner_margin": 1.0,
        "kendall_tau": None,
        "rule_agreement": 1.0,
    }


def test_the_latest_ballot_counts_and_a_winner_may_be_behind() -> None:
    # Borda elects b by its second places, though three of five put a first.
    rankings = [["a", "b", "c"]] * 3 + [["b", "c", "a"]] * 2
    state = session([*"vwxyz"], ballots=dict(zip("vwxyz", rankings, strict=True)))
    earlier = [{**vote, "ballot": 0, "choice": ["c", "b", "a"]} for vote in state["vote_history"]]
    state["vote_history"] = earlier + state["vote_history"]
    assert measure(state)["agenda"]["winner_margin"] == pytest.approx(-1 / 5)
    assert measure(state)["agenda"]["rule_agreement"] == 0.0


def test_winners_that_the_rule_leaves_tied_have_no_margin() -> None:
    # Two of three put a before b, and Borda gives both 4 points.
    rankings = {"ada": ["a", "b", "c"], "bruno": ["a", "b", "c"], "chen": ["b", "c", "a"]}
    assert measure(session(PEOPLE, ballots=rankings))["agenda"]["winner_margin"] == 0.0


def test_a_rule_that_cannot_be_followed_neither_agrees_nor_disagrees() -> None:
    # Twelve circles one behind another leave ranked pairs with more orders than it can take; z stands among the first.
    circles = [[f"{at}{option}" for option in "abc"] for at in range(12)]
    rankings = [[o for abc in circles for o in [*abc[turn:], *abc[:turn]]] for turn in range(3)]
    for ranking, place in zip(rankings, (1, 2, 1), strict=True):
        ranking.insert(place, "z")
    state = session(PEOPLE, ballots=dict(zip(PEOPLE, rankings, strict=True)))
    shares = {}
    for rule in ("borda", "schulze", "ranked_pairs"):
        state["config"]["session"]["voting_rule"] = rule
        shares[rule] = measure(state)["agenda"]["rule_agreement"]
    assert shares == {"borda": 1 / 4, "schulze": 0.0, "ranked_pairs": None}


def test_the_agreement_is_leiks_on_his_successors_example() -> None:
    # Frequencies of seven places and their dispersion, from the documentation of the R package agrmt.
    frequencies = [30, 40, 210, 130, 530, 50, 10]
    stances = [s for s, times in zip(range(-3, 4), frequencies, strict=True) for _ in range(times)]
    assert consensus(stances) == pytest.approx(1 - 0.287, abs=0.0005)


@pytest.mark.parametrize(
    ("rounds", "collapse"),
    [
        ([(2, -1), (2, -1), (1, 0), (1, 1)], 2),
        ([(2, -1), (2, 1), (2, -1), (1, 1)], 3),
        ([(2, 1), (2, 0), (3, 3)], 0),
        ([(2, 1), (2, 0), (3, -3)], None),
        ([(2, None), (2, -1), (1, 1)], 2),
        ([(2, 1)], None),
        ([(None, None), (None, None)], None),
    ],
)
def test_disagreement_ends_for_good(
    rounds: list[tuple[int | None, int | None]], collapse: int | None
) -> None:
    moments = [("before", 0), *(("round", number) for number in range(1, len(rounds)))]
    people = ["ada", "bruno"]
    stances = {
        moment: dict(zip(people, both, strict=True))
        for moment, both in zip(moments, rounds, strict=True)
    }
    assert topic_of(session(people, stances=stances))["collapse"] == collapse


def test_the_positions_after_the_last_round_stand_for_that_round() -> None:
    stances = {
        ("before", 0): {"ada": 3, "bruno": -3},
        ("round", 1): {"ada": 2, "bruno": -2},
        ("after", 1): {"ada": 1, "bruno": 1},
    }
    said = [("ada", 1, "Open it."), ("bruno", 1, "Close it.")]
    measured = topic_of(session(["ada", "bruno"], said=said, stances=stances))
    assert [entry["stances"] for entry in measured["agreement"]] == [0.0, 1.0]
    under_way = {moment: by for moment, by in stances.items() if moment[0] != "after"}
    measured = topic_of(session(["ada", "bruno"], said=said, stances=under_way, closed=False))
    assert [shift["after"] for shift in measured["shifts"]] == [2, -2]


def test_who_did_not_answer_is_left_out_of_the_means() -> None:
    stances: dict[tuple[str, int], dict[str, int | None]] = {
        ("before", 0): {"ada": 3, "bruno": -2, "chen": 0},
        ("after", 2): {"ada": 1, "bruno": 2},
        ("control", 2): {"bruno": -1, "chen": None},
    }
    measured = topic_of(session(PEOPLE, stances=stances))
    assert (measured["opinion_shift"], measured["gross_shift"]) == (1.0, 3.0)
    assert (measured["control_shift"], measured["gross_control_shift"]) == (1.0, 1.0)
    assert measured["net_shift"] == 3.0
    assert measured["toward_majority"] == 1.0
    assert measured["shifts"][2]["after"] is None
    assert measured["decided"] == {"support": 2, "oppose": 0, "undecided": 0}


def test_a_single_model_is_no_participant() -> None:
    stances = {("before", 0): {"ada": 1, "bruno": 1}, ("single_model", 0): {"moderator": -2}}
    measured = topic_of(session(["ada", "bruno"], stances=stances))
    assert measured["single_model"] == -2
    assert measured["vote_only"] == {"support": 2, "oppose": 0, "undecided": 0}
    assert [shift["agent"] for shift in measured["shifts"]] == ["ada", "bruno"]


def test_the_user_moves_others_and_nobody_moves_itself() -> None:
    state = session(
        PEOPLE,
        said=[("ada", 1, "Open."), ("user", 1, "Cost?"), ("bruno", 1, "Dear.")],
        stances={
            ("round", 1): {"ada": 1, "bruno": 1},
            ("after", 1): {"ada": 1, "bruno": 1},
        },
        moved_by={"ada": ["m0001", "m0002", "m0999"], "bruno": ["m0002", "m0001"]},
    )
    assert topic_of(state)["influence"] == [
        {"speaker": "ada", "agent": "bruno", "turns": ["m0001"]},
        {"speaker": "user", "agent": "ada", "turns": ["m0002"]},
        {"speaker": "user", "agent": "bruno", "turns": ["m0002"]},
    ]
    shares = topic_of(state)["participation"]
    assert shares["turns"] == {"ada": 1, "bruno": 1, "chen": 0, "user": 1}


def test_who_was_excluded_before_the_end_does_not_decide() -> None:
    stances = {
        ("before", 0): {"ada": 3, "bruno": -3},
        ("round", 1): {"ada": 2, "bruno": -3},
        ("after", 1): {"ada": 2},
    }
    measured = topic_of(session(["ada", "bruno"], stances=stances))
    assert measured["vote_only"] == {"support": 1, "oppose": 1, "undecided": 0}
    assert measured["decided"] == {"support": 1, "oppose": 0, "undecided": 0}


CLOSING = {("after", 1): {"ada": 2, "bruno": 1, "chen": -1}}


@pytest.mark.parametrize(
    ("polls", "stances", "minority"),
    [
        ([(1, {"ada": ["no"], "bruno": ["yes"], "chen": ["yes"]})], CLOSING, ["ada"]),
        ([(1, {"ada": ["yes"], "bruno": ["yes"], "chen": ["yes"]})], CLOSING, ["chen"]),
        ([(1, {"ada": ["no"], "bruno": ["no"], "chen": ["yes"]})], CLOSING, ["chen"]),
        ([], CLOSING, ["chen"]),
        ([], {("after", 1): {"ada": 2, "bruno": 0, "chen": -1}}, []),
        ([], {("after", 1): {"ada": 2, "bruno": 1, "chen": 0}}, []),
        (
            [
                (1, {"ada": ["no"], "bruno": ["yes"], "chen": ["yes"]}),
                (2, {"ada": ["yes"], "bruno": ["no"], "chen": ["yes"]}),
            ],
            {},
            ["bruno"],
        ),
    ],
)
def test_who_the_minority_is(polls: Any, stances: Any, minority: list[str]) -> None:
    state = session(
        PEOPLE, said=[(name, 1, "Hm.") for name in PEOPLE], polls=polls, stances=stances
    )
    assert topic_of(state)["minority"]["agents"] == minority


@pytest.mark.parametrize(
    ("topic_report", "final_report", "survival"),
    [
        ("Said by all [m0001].", "", 0.0),
        ("Said by one [m0002, m0777].", "And again [m0002].", 0.5),
        ("Said by all [m0001].", "And at last [m0004].\n\n- [m0002]", 1.0),
        ("Nothing is cited.", "Here neither.", None),
        ("", "", None),
    ],
)
def test_what_survives_of_the_minority(
    topic_report: str, final_report: str, survival: float | None
) -> None:
    state = session(
        PEOPLE,
        said=[("ada", 1, "Yes."), ("bruno", 1, "No."), ("chen", 1, "Yes."), ("bruno", 0, "No!")],
        polls=[(1, {"ada": ["yes"], "bruno": ["no"], "chen": ["yes"]})],
        topic_report=topic_report,
        final_report=final_report,
    )
    assert topic_of(state)["minority"]["survival"] == survival


def test_citing_a_turn_that_does_not_exist_supports_nothing() -> None:
    state = session(
        PEOPLE,
        said=[("ada", 1, "Open it.")],
        topic_report="# Heading\n\nTrue [m0001].\n\n- Invented [m0777].\n- Bare.",
    )
    measures = measure(state)
    assert (measures["claims"], measures["unsupported_claims"]) == (3, 2)
    assert measures["retained_turns"] == ["m0001"]
    assert measures["tokens_per_retained_turn"] == 1000


def test_drift_takes_forms_of_a_word_for_the_word() -> None:
    off, on = "The budget is short.", "Libraries opened anyway."
    state = session(["ada", "bruno"], said=[("ada", 1, off), ("bruno", 1, on), ("ada", 3, off)])
    assert topic_of(state)["drift"] == [0.5, None, 1.0]
    state["main_topic"], state["completed_topics"] = "What is it?", ["Why?"]
    for message in state["messages"]:
        message["topic"] = "Why?"
    assert topic_of(state)["drift"] == [None, None, None]


def test_forms() -> None:
    forms = Forms(["city", "transport", "taxes", "fare"])
    assert all(word in forms for word in ("cities", "transportation", "tax", "fares"))
    assert not any(word in forms for word in ("translate", "cat", "task", "firm"))


def test_words_of_several_scripts() -> None:
    assert words("“Don’t!” — they’d said: free‑of‑charge [m0001], 200,000…") == [
        *("don't", "they'd", "said", "free", "of", "charge", "200", "000"),
    ]
    assert words("क्या यह मुफ़्त है?") == ["क्या", "यह", "मुफ़्त", "है"]
    assert words("公共交通、無料") == ["公共", "共交", "交通", "無料"]
    assert similarity(content_words("公共交通は無料"), content_words("無料の公共交通")) > 0.5


def test_the_time_grows_with_the_rounds_and_not_with_their_square() -> None:
    people = [f"participant-{number}" for number in range(1, 5)]
    text = " ".join(f"word{number} of the town" for number in range(60))

    def seconds(rounds: int) -> float:
        said = [(name, at, f"{text} {at}") for at in range(1, rounds + 1) for name in people]
        stances = {("round", at): dict.fromkeys(people, at % 7 - 3) for at in range(1, rounds + 1)}
        state = session(people, said=said, stances=stances, topic_report="So it is [m0001].")
        begun = time.process_time()
        assert len(topic_of(state)["drift"]) == rounds
        return time.process_time() - begun

    assert seconds(300) < 30 * seconds(30)
