"""The order desk, tested with the kit."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import desk
import pytest
from desk import Desk

from conftest import STOCK, World
from langgraph_parity import Parity, Target
from langgraph_parity.effects import Effects
from langgraph_parity.lint import lint
from langgraph_parity.models import ScriptedChatModel

HERE = Path(__file__).parent
YES, NO, OTHER = ({"action": a, "remark": r} for a, r in (("approve", ""), ("refuse", "no"), ("change", "less jam")))  # fmt: skip
NODES = ["intake", "check_stock", "draft", "approve", "charge", "pack", "invoice", "close"]
LINES = [{"sku": "tea", "quantity": 2, "price": 300}, {"sku": "milk", "quantity": 3, "price": 120}, {"sku": "jam", "quantity": 1, "price": 250}]  # fmt: skip
ORDER = {"order_id": "A1", "customer": "ada@example.org", "lines": LINES}


def whole(values: Any) -> list[str]:
    """Every line's stock is known once there is an offer; the log tells every offer; what is shipped is paid."""
    wrong = [f"no stock of {n['sku']}" for n in values["lines"] if values.get("offer") and n["sku"] not in values["stock"]]  # fmt: skip
    offers = [line for line in values["log"] if line.startswith("offer")]
    wrong += [] if len(offers) == values.get("round", 0) else [f"{len(offers)} offers in the log"]
    paid = sum(n["quantity"] * n["price"] for n in values["lines"])
    wrong += [] if values.get("total", paid) == paid else ["the total is not the sum of the lines"]
    return wrong + ([] if values.get("status") != "shipped" or values.get("receipt") else ["shipped unpaid"])  # fmt: skip


def target(model: Any, outside: Any) -> Target:
    return Target(
        name="desk",
        build=lambda checkpointer: Desk(checkpointer, model, outside),
        graph=lambda app: app.graph,
        entry=lambda app, order, config, answer: app.run(order, config, answer),
        resume=lambda app, config, answers: app.reply(config, answers),
        coordinator=Desk.stream,
        projection=lambda app: app.copy.values,
        default_answer=lambda question: YES,
        terminal=lambda values: values.get("status") in ("shipped", "refused"),
        invariants={"whole": whole},
        reducers={"log": "append", "stock": "merge"},
        superstep_limit=40,
        time_limit=120,
    )


@pytest.fixture
def calls() -> ScriptedChatModel:
    return ScriptedChatModel(lambda messages: f"text of {len(messages[-1].text)} letters")


@pytest.fixture
def parity_target(calls: Any, effects: Effects) -> Target:
    return target(calls, World(effects))


@pytest.fixture
def order(request: pytest.FixtureRequest) -> dict[str, Any]:
    """An order drawn by the seed."""
    dice = random.Random(request.config.getoption("--parity-seed"))
    lines = [{"sku": s, "quantity": dice.randint(1, 6), "price": dice.randint(1, 999)} for s in dice.sample(sorted(STOCK), dice.randint(1, 3))]  # fmt: skip
    return {"order_id": f"B{dice.randint(1, 99)}", "customer": "bob@example.org", "lines": lines}


@pytest.mark.parity_budget(HERE / "parity_baseline.json", tolerance=0.02)
def test_budget(parity: Parity) -> None:
    assert parity.run(ORDER, answers={"offer": [OTHER, OTHER, YES]}).outcome == "done"


def test_shipped_or_refused(parity: Parity, order: Any, effects: Effects) -> None:
    assert parity.run(order, answers={"offer": [OTHER, NO]}).values["status"] == "refused"
    assert effects.count() == 0
    parity.target = replace(parity.target, default_answer=None)
    assert (waiting := parity.run(order)).outcome == "waiting"
    assert parity.resume(waiting, {"offer": [YES]}).values["status"] == "shipped"
    effects.once_each("charge", "reserve", "mail")


@pytest.mark.parity_crash
def test_crashes(parity: Parity, order: Any, effects: Effects) -> None:
    assert parity.run(order, answers={"offer": [OTHER, YES]}).outcome == "done"


@pytest.mark.parity_faults(nodes=NODES, errors=["exception", "timeout", "call"])
def test_faults(parity: Parity, order: Any) -> None:
    assert parity.run(order).outcome == "done"


def test_answers_of_every_kind(parity: Parity, order: Any, request: Any) -> None:
    parity.explore(order, examples=20, seed=request.config.getoption("--parity-seed"))


@pytest.mark.parametrize("history", ["done", "waiting"])
def test_sessions_of_the_last_release(parity: Parity, history: str) -> None:
    parity.replay(HERE / f"histories/{history}.json")


def test_source(parity: Parity) -> None:
    parity.add(*lint([Path(desk.__file__), Path(__file__)], packages=["desk"]))
