"""`mock_user_input` and `patched_interrupt`."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.types import interrupt

import toy
from langgraph_parity import Parity, ParityError, ParityUsageError, mock_user_input
from toy import target

TOPIC = {"topic": " bread "}


def two_gates(state: Any) -> Any:
    first = interrupt({"type": "approval", "options": ["approve", "reject"], "default": "reject"})
    second = interrupt({"type": "budget", "options": {"keep": "…", "cut": "…"}})
    third = interrupt({"type": "name"})
    return {"decision": f"{first} {second} {third}"}


def decision(**changes: Any) -> str:
    parity = Parity(target({"approve": two_gates}, **changes))
    run = parity.run(TOPIC)
    assert parity.findings == []
    return str(run.values.get("decision", run.outcome))


def test_a_bare_answer_is_given_where_it_is_an_option_and_each_other_gate_gets_its_default() -> (
    None
):
    with mock_user_input("approve") as human:
        assert decision(default_answer=lambda q: "cut" if q["type"] == "budget" else None) == (
            "approve cut approve"
        )
    assert [(q.type, q.node, q.answer) for q in human.questions] == [
        ("approval", "approve", "approve"),
        ("budget", "approve", "cut"),
        ("name", "approve", "approve"),
    ]
    assert human.questions[1].value["options"] == {"keep": "…", "cut": "…"}
    with mock_user_input("keep"):
        assert decision() == "reject keep keep"


def test_the_innermost_answers_first() -> None:
    with (
        mock_user_input("keep"),
        mock_user_input("Ann", type="name"),
        mock_user_input("approve", type="approval", times=1) as human,
    ):
        assert decision() == "approve keep Ann"
    assert len(human.questions) == 3


def test_p304_and_p305_at_the_end_of_the_block() -> None:
    with (
        pytest.raises(ParityError) as caught,
        mock_user_input("x", type="nmae"),
        mock_user_input("approve", type="approval"),
    ):
        assert decision() == "waiting"
    assert [f.rule for f in caught.value.findings] == ["P305"]
    assert "type budget" in str(caught.value)
    with pytest.raises(ParityError, match="P304 unused-answer  any question"), mock_user_input("x"):
        pass
    with (
        pytest.raises(ParityError, match="used 1 of 2 times"),
        mock_user_input("keep"),
        mock_user_input("approve", type="approval", times=2),
    ):
        decision()


def test_an_error_of_the_test_is_not_hidden_by_findings() -> None:
    with pytest.raises(LookupError), mock_user_input("x"):
        raise LookupError


def test_inside_the_node_by_patching_its_interrupt() -> None:
    parity = Parity(target())
    config: Any = {"configurable": {"thread_id": "t"}}
    real = toy.interrupt
    with mock_user_input("approve", patch="toy.interrupt") as human:
        updates = list(parity.app.stream(TOPIC, config))
    assert any("approve" in update for update in updates)
    assert [(q.type, q.node) for q in human.questions] == [("approval", "approve")]
    assert toy.interrupt is real


def test_inside_the_node_a_question_nobody_answers_is_asked_for_real() -> None:
    parity = Parity(target())
    with (
        pytest.raises(ParityError, match="P304"),
        mock_user_input("x", type="y", patch="toy.interrupt"),
    ):
        assert parity.run(TOPIC).outcome == "waiting"


def test_what_the_coordinator_makes_of_an_answer_is_done_in_the_node_too() -> None:
    parity = Parity(target())
    with mock_user_input("approve", patch="toy.interrupt", accept=lambda q, a: f"{q['type']}: {a}"):
        assert parity.run(TOPIC).values["decision"] == "approval: approve"


def test_a_name_that_does_not_exist_is_told() -> None:
    for name in ("toy.interupt", "nowhere.interrupt", "interrupt"):
        with (
            pytest.raises(ParityUsageError, match="names nothing"),
            mock_user_input("x", patch=name),
        ):
            pass


def test_p304_says_what_was_asked() -> None:
    parity = Parity(target({"approve": two_gates}))
    parity.run(TOPIC, answers={"approval": "approve", "bugdet": "cut"})
    (unused,) = [finding for finding in parity.findings if finding.rule == "P304"]
    assert unused.detail.endswith("asked was: approval, budget")
