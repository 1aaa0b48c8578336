"""The order desk, tested with pytest alone, as its engineer would."""

from __future__ import annotations

from typing import Any

import pytest
from desk import Desk, StaleAnswer, StepFailed, WrongAnswer, wrong
from langchain_core.language_models import FakeListChatModel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphInterrupt

from conftest import World

YES, NO, OTHER = ({"action": a, "remark": r} for a, r in (("approve", ""), ("refuse", "no"), ("change", "less jam")))  # fmt: skip
LINES = [{"sku": "tea", "quantity": 2, "price": 300}, {"sku": "milk", "quantity": 3, "price": 120}]
ORDER = {"order_id": "A1", "customer": "ada@example.org", "lines": LINES}
CONFIG = {"configurable": {"thread_id": "A1"}}


@pytest.fixture
def saver() -> InMemorySaver:
    return InMemorySaver()


@pytest.fixture
def desk(saver: InMemorySaver, world: World) -> Desk:
    return Desk(saver, FakeListChatModel(responses=["by van on Monday", "a fine offer"]), world)


def drive(desk: Desk, *answers: Any, order: Any = ORDER) -> tuple[list[str], dict[str, Any]]:
    """The names of the updates, and the state at the end."""
    given = iter(answers)
    names = [next(iter(u)) for u in desk.run(order, CONFIG, lambda question: next(given))]
    assert next(given, None) is None
    return names, desk.graph.get_state(CONFIG).values


def test_an_approved_order_is_paid_packed_and_shipped(desk: Desk, world: World) -> None:
    names, values = drive(desk, YES)
    assert names[0] == "intake"
    assert names.count("check_stock") == 2
    assert set(names[-3:-1]) == {"pack", "invoice"}
    assert names[-1] == "close"
    assert values["status"] == "shipped"
    assert values["total"] == 960
    assert values["stock"] == {"tea": 9, "milk": 2}
    assert values["receipt"] == "receipt for 960"
    assert values["log"] == ["taken in", "offer 1", "customer: approve", "paid 960", "invoice sent", "packed 2"]  # fmt: skip
    assert sorted(world.done, key=str) == [("charge", 960), ("mail", "ada@example.org"), ("reserve", ("milk", 3)), ("reserve", ("tea", 2))]  # fmt: skip


def test_a_refused_order_costs_nothing(desk: Desk, world: World) -> None:
    names, values = drive(desk, NO)
    assert values["status"] == "refused"
    assert "charge" not in names
    assert world.done == []


def test_a_change_is_drafted_anew_twice_at_most(desk: Desk) -> None:
    asked: list[Any] = []
    answers = iter([OTHER, OTHER, YES])
    list(desk.run(ORDER, CONFIG, lambda question: asked.append(question) or next(answers)))
    assert [("change" in question["options"]) for question in asked] == [True, True, False]
    assert desk.graph.get_state(CONFIG).values["round"] == 3
    assert desk.graph.get_state(CONFIG).values["status"] == "shipped"


def test_an_order_waits_and_goes_on_in_another_process(
    desk: Desk, saver: Any, world: World
) -> None:
    with pytest.raises(GraphInterrupt) as pause:
        drive(desk, None)
    (question,) = pause.value.args[0]
    assert question.value["type"] == "offer"
    assert desk.graph.get_state(CONFIG).next == ("approve",)
    other = Desk(saver, desk.model, world)
    _, values = drive(other, YES, order=None)
    assert values["status"] == "shipped"
    assert other.copy.values["status"] == "shipped"
    assert list(other.run(None, CONFIG, lambda question: YES)) == []


def test_answers_are_checked(desk: Desk) -> None:
    with pytest.raises(GraphInterrupt) as pause:
        drive(desk, None)
    (question,) = pause.value.args[0]
    with pytest.raises(WrongAnswer):
        list(desk.reply(CONFIG, {question.id: {"action": "shout", "remark": ""}}))
    with pytest.raises(StaleAnswer):
        list(desk.reply(CONFIG, {"0" * 32: YES}))
    list(desk.reply(CONFIG, {question.id: YES}))
    assert desk.graph.get_state(CONFIG).values["status"] == "shipped"
    assert wrong(question.value, {"action": "approve", "remark": "x" * 501})
    assert not wrong(question.value, YES)


def test_a_failing_model_stops_the_order_and_it_can_go_on(saver: Any, world: World) -> None:
    class Broken(FakeListChatModel):
        def _call(self, *args: Any, **kwargs: Any) -> str:
            raise ConnectionError("no line")

    broken = Desk(saver, Broken(responses=[]), world)
    with pytest.raises(StepFailed, match="draft") as failure:
        drive(broken, YES)
    assert isinstance(failure.value.__cause__, ConnectionError)
    _, values = drive(Desk(saver, FakeListChatModel(responses=["fine"]), world), YES, order=None)
    assert values["status"] == "shipped"
    assert values["offer"] == "fine"
