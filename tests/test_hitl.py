"""Questions and answers: what is accepted, and what is said about the rest."""

import pytest

from virtual_agora import hitl
from virtual_agora.errors import InvalidAnswerError, UsageError
from virtual_agora.hitl import check_answer, check_theme, default_answer

APPROVAL = hitl.agenda_approval(["One", "Two", "Three"], {}, rejections_left=1)
THEME = hitl.theme_request()
TURN = hitl.user_turn("One", 1, "start_of_round")
STOP = hitl.periodic_stop("One", 3, {"yes": 1, "no": 3, "abstained": 0, "needed": 3})
NEXT = hitl.topic_continuation("One", ["Two"], {"end": 0, "go_on": 4, "abstained": 0})
REPLACEMENT = {"action": "replace_model", "provider": "openai", "model": "m"}
FAILURE = hitl.provider_failure([], may_exclude=False, step="ballot")
BUDGET = hitl.budget_reached(
    [
        {"kind": "calls", "used": 62, "limit": 60, "suggested": 93},
        {"kind": "cost", "used": 2.51, "limit": 2.5, "suggested": 3.77},
    ],
    scope="session",
    topic="One",
    round_number=2,
    remaining_topics=["Two"],
    going_on=120,
    closing={"calls": 14, "tokens": 9000, "cost": 0.4},
    step="statement",
)


def extend(**caps):
    return {"action": "extend", **caps}


@pytest.mark.parametrize(
    ("question", "answer", "checked"),
    [
        (APPROVAL, "approve", {"action": "approve"}),
        (APPROVAL, " approve ", {"action": "approve"}),
        (APPROVAL, {"action": "approve"}, {"action": "approve"}),
        (
            APPROVAL,
            {"action": "edit", "agenda": [" A\x1b[2J \n topic "]},
            {"action": "edit", "agenda": ["A topic"]},
        ),
        (
            APPROVAL,
            {"action": "reorder", "order": [3, 1]},
            {"action": "reorder", "order": [3, 1]},
        ),
        (APPROVAL, "reject", {"action": "reject", "reason": ""}),
        (TURN, {"action": "participate", "text": "Hm."}, {"action": "participate", "text": "Hm."}),
        (STOP, "skip_to_report", {"action": "skip_to_report"}),
        (NEXT, "modify_agenda", {"action": "modify_agenda"}),
        (BUDGET, "extend", extend(calls=93, tokens=None, cost=3.77)),
        (BUDGET, extend(calls="100", cost=" $5 "), extend(calls=100, tokens=None, cost=5.0)),
        (BUDGET, extend(calls=63, cost=2.52), extend(calls=63, tokens=None, cost=2.52)),
        (
            THEME,
            {"action": "start", "theme": "Bread?"},
            {"action": "start", "theme": "Bread?", "topics": []},
        ),
    ],
)
def test_good_answers_come_out_whole(question, answer, checked):
    assert check_answer(question, answer) == checked


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        (APPROVAL, None, "names an action"),
        (APPROVAL, {}, "names an action"),
        (APPROVAL, [], "names an action"),
        (APPROVAL, 7, "names an action"),
        (APPROVAL, {"action": 7}, "names an action"),
        (APPROVAL, "", "not possible here"),
        (APPROVAL, "x" * 10_000, "not possible here"),
        (APPROVAL, "continue", "choose approve, edit, reorder or reject"),
        (APPROVAL, {"action": "edit"}, "agenda: is missing"),
        (APPROVAL, {"action": "edit", "agenda": []}, "The agenda is empty."),
        (APPROVAL, {"action": "edit", "agenda": [""]}, "Topic 1 is empty."),
        (APPROVAL, {"action": "edit", "agenda": ["a", "\x1b[2J"]}, "Topic 2 is empty."),
        (
            APPROVAL,
            {"action": "edit", "agenda": ["a"] * 21},
            "There are 21 topics; 20 are the most.",
        ),
        (
            APPROVAL,
            {"action": "edit", "agenda": ["a", "b", "c" * 301]},
            "Topic 3 is too long: 300 characters are the most.",
        ),
        (APPROVAL, {"action": "edit", "agenda": ["A", "a"]}, "listed twice"),
        (APPROVAL, {"action": "approve", "agenda": ["A"]}, "agenda: does not belong there"),
        (APPROVAL, {"action": "reorder", "order": [1, 1]}, "1 to 3"),
        (APPROVAL, {"action": "reorder", "order": [0]}, "1 to 3"),
        (APPROVAL, {"action": "reorder", "order": []}, "1 to 3"),
        (TURN, {"action": "participate", "text": "  "}, "The text is empty."),
        (FAILURE, "exclude_agent", "not possible here"),
        (FAILURE, {"action": "replace_model", "provider": "openai"}, "model"),
        (FAILURE, {**REPLACEMENT, "base_url": "https://u:s3cret@h/v1"}, "base_url: an address has"),
        (FAILURE, {**REPLACEMENT, "base_url": "https://h?key=s3cret"}, "in a file named .env"),
        (BUDGET, extend(calls=62), "must be above 62 calls, which are used already"),
        (BUDGET, extend(calls=-5), "must be above 62 calls"),
        (BUDGET, extend(calls=99.5), "must be a whole number, not 99.5"),
        (BUDGET, extend(calls="many"), "“many” is not a number"),
        (BUDGET, extend(calls=True), "“True” is not a number"),
        (BUDGET, extend(calls=[90]), "is not a number"),
        (BUDGET, extend(calls=10**30), "is larger than"),
        (BUDGET, extend(cost="2,60"), "“2,60” is not a number"),
        (BUDGET, extend(cost="2.50"), "must be above $2.51, which is used already"),
        (BUDGET, extend(cost=float("nan")), "“nan” is not a number"),
        (BUDGET, extend(cost="inf"), "“inf” is not a number"),
        (BUDGET, extend(cost=""), "“” is not a number"),
        (BUDGET, extend(tokens=10**6), "no cap on tokens; raise calls or cost"),
        (BUDGET, extend(rounds=3), "rounds: does not belong there"),
        (BUDGET, "retry", "choose extend, conclude or stop"),
        (THEME, "start", "theme"),
        (THEME, {"action": "start", "theme": " "}, "The theme is empty."),
        (THEME, {"action": "start", "theme": "x" * 20_001}, "The theme is too long: 20,000"),
    ],
)
def test_wrong_answers_are_refused_in_one_sentence(question, answer, reason):
    with pytest.raises(InvalidAnswerError) as refused:
        check_answer(question, answer)
    assert reason in refused.value.message
    assert "s3cret" not in refused.value.message
    assert len(refused.value.message) < 300


def test_a_used_up_rejection_is_not_offered():
    question = hitl.agenda_approval(["One"], {}, rejections_left=0)
    with pytest.raises(InvalidAnswerError):
        check_answer(question, "reject")


@pytest.mark.parametrize("question", [APPROVAL, TURN, STOP, NEXT, FAILURE, BUDGET])
def test_every_question_but_the_theme_has_a_default(question):
    assert default_answer(question)["action"] == question["default"]
    with pytest.raises(InvalidAnswerError):
        default_answer(THEME)


def test_without_them_is_the_default_only_where_it_is_possible():
    assert hitl.provider_failure([], may_exclude=True, step="poll")["default"] == "exclude_agent"
    assert FAILURE["default"] == "stop"


@pytest.mark.parametrize(
    ("theme", "says"),
    [("", "empty"), (" \n\x00 ", "empty"), ("x" * 100_000, "--context")],
)
def test_a_theme_that_is_none_is_refused(theme, says):
    with pytest.raises(UsageError) as refused:
        check_theme(theme)
    assert says in str(refused.value)


def test_a_topic_that_is_none_is_refused():
    with pytest.raises(UsageError) as refused:
        check_theme("Bread?", ["Who bakes?", ""])
    assert refused.value.message == "Topic 2 is empty."


def test_a_theme_loses_what_steers_a_terminal():
    theme, topics = check_theme("\x1b]0;title\x07<b>Bread?</b>\u202e", ["One\ttopic"])
    assert (theme, topics) == ("<b>Bread?</b>", ["One topic"])
