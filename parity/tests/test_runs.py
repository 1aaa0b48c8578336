"""What a run reports, on every saver, in every way of answering."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.errors import InvalidUpdateError
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from langgraph_parity import Human, Parity, ParityError, ParityUsageError, Target, run
from toy import Plan, careful, target

TOPIC = {"topic": " bread "}


@pytest.fixture(params=["memory", "sqlite"])
def saver(request: Any, tmp_path: Any) -> Any:
    if request.param == "memory":
        yield InMemorySaver()
        return
    connection = sqlite3.connect(tmp_path / "x.sqlite3", check_same_thread=False)
    yield SqliteSaver(connection)
    connection.close()


def test_a_clean_run_says_what_happened(saver: Any) -> None:
    parity = Parity(target(), saver)
    made = parity.run(TOPIC, answers={"approval": "approve"})
    assert (made.outcome, made.error) == ("done", None)
    assert [next(iter(u)) for u in made.updates] == [
        "outline",
        "look_up",
        "look_up",
        "approve",
        "polish",
    ]
    assert made.values["topic"] == "bread"
    assert made.supersteps == [{"outline"}, {"look_up"}, {"approve"}, {"polish"}]
    assert made.ways == {
        ("__start__", "outline"): 1,
        ("outline", "look_up"): 2,
        ("look_up", "approve"): 2,
        ("approve", "polish"): 1,
        ("polish", "__end__"): 1,
    }
    (question,) = made.questions
    assert (question.type, question.node, question.answer) == ("approval", "approve", "approve")
    assert question.value["options"] == ["approve", "reject"]
    assert question.id
    assert made.counts["checkpoints"] == 9  # six of the graph, three of its subgraph
    assert made.counts["bytes"] > 100
    parity.check()


def test_nobody_answers_and_a_new_application_goes_on(saver: Any) -> None:
    parity = Parity(target(), saver)
    waiting = parity.run(TOPIC)
    assert waiting.outcome == "waiting"
    first = parity.app
    done = parity.resume(waiting, answers={"approval": ["reject", "approve"]})
    assert parity.app is not first
    assert done.outcome == "done"
    assert [q.answer for q in done.questions] == ["reject", "approve"]
    assert done.ways["approve", "outline"] == 1
    assert len({q.id for q in done.questions}) == 2
    parity.check()


def test_answers_by_function_and_by_a_human() -> None:
    parity = Parity(target())
    assert parity.run(TOPIC, answers=lambda q: q["default"]).outcome == "done"
    human = Human("approve", type="approval", times=1)
    assert parity.run(TOPIC, answers=human).outcome == "done"
    assert human.questions[0].type == "approval"
    assert parity.run(TOPIC, answers=lambda q: None).outcome == "waiting"
    parity.check()


def test_an_exception_of_the_application_is_the_outcome() -> None:
    def broken(state: Plan) -> Any:
        raise LookupError("no such bread")

    parity = Parity(target({"look_up": careful(broken)}))
    made = parity.run(TOPIC)
    assert made.outcome == "failed"
    assert isinstance(made.error, RuntimeError)
    assert isinstance(made.error.__cause__, LookupError)
    parity.check()


def two_questions(checkpointer: Any) -> Any:
    graph = StateGraph(Plan)
    graph.add_node("left", lambda state: {"votes": {"left": interrupt("left?")}})
    graph.add_node("right", lambda state: {"votes": {"right": interrupt("right?")}})
    graph.add_node("beside", lambda state: {"votes": {"beside": 0}})
    for name in ("left", "right", "beside"):
        graph.add_edge(START, name)
    return graph.compile(checkpointer=checkpointer)


def test_the_kits_own_coordinator_answers_several_questions_at_once() -> None:
    parity = Parity(Target(name="two", build=two_questions))
    made = parity.run({"topic": "x"}, answers={"left": 1, "right": 2})
    assert made.values["votes"] == {"left": 1, "right": 2, "beside": 0}
    assert sorted(node for update in made.updates for node in update) == ["beside", "left", "right"]
    assert made.counts["checkpoints"] == 3  # one Command answered both
    parity.check()


def test_a_part_of_the_questions_is_answered_and_the_rest_later() -> None:
    parity = Parity(Target(name="two", build=two_questions))
    waiting = parity.run({"topic": "x"}, answers={"left": 1})
    assert waiting.outcome == "waiting"
    done = parity.resume(waiting, answers={"right": 2})
    assert done.values["votes"] == {"left": 1, "right": 2, "beside": 0}
    assert [q.type for q in done.questions] == ["right"]
    assert parity.resume(done).updates == []
    parity.check()


async def ask_async(state: Plan) -> Any:
    return {"decision": interrupt({"type": "approval"})}


async def plain_async(state: Plan) -> Any:
    return {"notes": [{"text": "a", "weight": 1}]}


def asynchronous(checkpointer: Any) -> Any:
    graph = StateGraph(Plan)
    graph.add_node("plain", plain_async)
    graph.add_node("ask", ask_async)
    graph.add_edge(START, "plain")
    graph.add_edge("plain", "ask")
    return graph.compile(checkpointer=checkpointer)


def test_an_asynchronous_application(tmp_path: Any) -> None:
    async def session() -> None:
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "a.sqlite3")) as inner:
            parity = Parity(Target(name="async", build=asynchronous), inner)
            waiting = await parity.arun(TOPIC)
            assert waiting.outcome == "waiting"
            made = await parity.aresume(waiting, answers={"approval": "yes"})
            assert made.outcome == "done"
            assert made.questions[0].node == "ask"
            assert made.values["decision"] == "yes"
            parity.check()

    asyncio.run(session())


def at_odds(checkpointer: Any) -> Any:
    """Two nodes side by side write a field that takes one value."""
    graph = StateGraph(Plan)
    graph.add_node("before", lambda state: {"decision": "open"})
    for name in ("left", "right"):
        graph.add_node(name, RunnableLambda(lambda s, n=name: {"decision": n}, afunc=_decide))
        graph.add_edge("before", name)
    graph.add_edge(START, "before")
    return graph.compile(checkpointer=checkpointer)


async def _decide(state: Plan) -> Any:
    return {"decision": "left or right"}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_two_nodes_write_what_cannot_be_put_together(asynchronous: bool) -> None:
    parity = Parity(Target(name="odds", build=at_odds))
    made = asyncio.run(parity.arun(TOPIC)) if asynchronous else parity.run(TOPIC)
    assert (made.outcome, made.values["decision"]) == ("failed", "open")
    assert isinstance(made.error, InvalidUpdateError)
    assert parity.findings == []


def test_a_thread_driven_by_hand_that_cannot_be_put_together() -> None:
    parity = Parity(Target(name="odds", build=at_odds))
    with parity.guard, pytest.raises(InvalidUpdateError):
        list(parity.app.stream(TOPIC, {"configurable": {"thread_id": "t"}}, durability="sync"))
    parity.check_threads()
    assert parity.findings == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"build": None}, "has no build"),
        ({"invariants": [bool]}, "The invariants of “toy” are no functions with names"),
        ({"invariants": {"full": "yes"}}, "The invariants of “toy” are no functions with names"),
        ({"graph": lambda app: app}, "has no compiled graph"),
        ({"entry": lambda app, given, config, answer: 5}, "returned a int"),
        ({"entry": lambda app, given: iter(())}, "entry.app, input, config, answer.: too many"),
        ({"projection": lambda app: None}, "projection of “toy” returned a NoneType"),
        (
            {"entry": lambda app, given, config, answer: app.graph.astream(given, config)},
            "await parity.arun",
        ),
    ],
)
def test_bad_targets_are_told_in_a_sentence(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ParityUsageError, match=said):
        Parity(target(**changes)).run(TOPIC)


def test_an_asynchronous_graph_is_told_to_be_run_so() -> None:
    parity = Parity(Target(name="async", build=asynchronous))
    with pytest.raises(ParityUsageError, match="use `await parity"):
        parity.run(TOPIC)
    assert parity.findings == []


def test_a_bad_target_is_not_told_a_second_time_as_a_failure_nobody_saw() -> None:
    parity = Parity(target(entry=lambda app, given: iter(())))
    with pytest.raises(ParityUsageError):
        parity.run(TOPIC)
    assert parity.findings == []


def test_bad_arguments_are_told_in_a_sentence() -> None:
    with pytest.raises(ParityUsageError, match="cannot answer a question"):
        Parity(target()).run(TOPIC, answers=5)
    with pytest.raises(ParityUsageError, match="has no variant “big”"):
        Parity(target(), variant="big").run(TOPIC)
    with pytest.raises(ParityUsageError, match="Describe the application"):
        Parity(two_questions)  # type: ignore[arg-type]


def test_one_run_without_pytest() -> None:
    assert run(target(), TOPIC, answers={"approval": "approve"}).outcome == "done"
    with pytest.raises(ParityError, match="P202"):
        run(target(), {**TOPIC, "notes": []}, answers={"approval": "approve"})


def test_variants_reach_build() -> None:
    parity = Parity(target(variants={"lax": {"durability": "async"}}), variant="lax")
    parity.run(TOPIC, answers={"approval": "approve"})
    assert parity.app.durability == "async"
