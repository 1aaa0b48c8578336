"""Exploration: what it finds in an application that takes any answer, and that it finds nothing in a careful one."""

from __future__ import annotations

import asyncio
import operator
import sys
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

import toy
from langgraph_parity import Parity, ParityError, ParityUsageError, Target, mock_user_input
from langgraph_parity.replies import answers_strategy, wrong

TOPIC = {"topic": "bread"}
QUESTION = {"type": "approval", "options": ["approve", "reject"], "default": "approve"}


def strict(state: Any) -> Any:
    """Asks again, inside the node, until the answer is one."""
    question: dict[str, Any] = QUESTION
    while (answer := interrupt(question)) not in ("approve", "reject"):
        question = {**QUESTION, "error": "one of approve, reject"}
    return {"decision": answer}


def raising(state: Any) -> Any:
    """A wrong answer is an error."""
    answer = interrupt(QUESTION)
    return {"decision": {"approve": "approve", "reject": "reject"}[answer]}


def explored(target: Target, **settings: Any) -> ParityError:
    with pytest.raises(ParityError) as caught:
        Parity(target).explore(TOPIC, **settings)
    return caught.value


def of(error: ParityError) -> list[tuple[str, str]]:
    return [(f.rule, f.where) for f in error.findings]


def test_p308_of_an_application_that_takes_any_answer_and_the_code_that_does_it_again() -> None:
    error = explored(toy.target(), seed=1)
    assert of(error) == [("P308", "approve")]
    (note,) = error.__notes__
    assert "seed=1" in note
    lines = note.splitlines()[1:]
    assert lines[0] == "replies = iter(['approve?'])"  # shrunk to one answer
    space: dict[str, Any] = {"parity": Parity(toy.target()), "mock_user_input": mock_user_input}
    exec("\n".join(lines), space)
    assert space["run"].values["decision"] == "approve?"


def refusing(app: Any, given: Any, config: Any, answer: Any) -> Any:
    """An entry that refuses a wrong answer by an error, before the graph sees it."""

    def checked(question: Any) -> Any:
        said = answer(question)
        if said is not None and said not in ("approve", "reject"):
            raise ValueError(f"{said!r} is no answer")
        return said

    return app.coordinate(given, config, checked)


@pytest.mark.parametrize("target", [toy.target({"approve": strict}), toy.target(entry=refusing)])
def test_a_careful_application_is_clean(target: Target) -> None:
    Parity(target).explore(TOPIC, examples=25, seed=2)


class Asked(TypedDict, total=False):
    topic: str
    answer: str
    refused: Annotated[list[str], operator.add]


class Loose(TypedDict, total=False):
    topic: str
    answer: Any


def looping(refuse: Any, **target: Any) -> Target:
    """Asks again by way of the graph, until the answer is one; `refuse` is what a wrong one leaves."""

    def ask(state: Asked) -> Any:
        answer = interrupt(QUESTION)
        return {"answer": answer} if answer in ("approve", "reject") else refuse(answer)

    def build(checkpointer: Any) -> Any:
        graph = StateGraph(Asked)
        graph.add_node("ask", ask)
        graph.add_edge(START, "ask")
        graph.add_conditional_edges("ask", lambda s: END if s.get("answer") else "ask")
        return graph.compile(checkpointer=checkpointer)

    return Target(name="looping", build=build, **target)


def test_a_graph_that_loops_while_answers_are_wrong_comes_to_an_end() -> None:
    Parity(looping(lambda answer: {"refused": ["no"]})).explore(TOPIC, examples=25, seed=3)


def test_a_wrong_answer_that_breaks_the_state_is_found() -> None:
    error = explored(looping(lambda answer: {"refused": [answer]}), seed=4)
    assert {rule for rule, _ in of(error)} == {"P308", "P201"}
    assert "and then P201" in error.findings[0].detail


def test_p308_a_wrong_answer_that_is_taken_and_fails_a_later_node() -> None:
    def ask(state: Any) -> Any:
        while (answer := interrupt(QUESTION | {"default": {"do": "approve"}})) not in good:
            pass
        return {"answer": answer}

    good = [{"do": "approve"}, {"do": "reject"}]

    def read(state: Any) -> Any:
        answer = state["answer"]
        return {"topic": answer["reason"] if answer["do"] == "reject" else state["topic"]}

    def build(checkpointer: Any) -> Any:
        graph = StateGraph(Loose)
        graph.add_node("ask", ask)
        graph.add_node("read", read)
        graph.add_edge(START, "ask")
        graph.add_edge("ask", "read")
        return graph.compile(checkpointer=checkpointer)

    error = explored(Target(name="loose", build=build), seed=8)
    assert of(error) == [("P308", "loose")]
    assert "answer has changed, and no valid answer helps any more" in error.findings[0].detail


def test_p402_a_session_that_a_wrong_answer_spoils() -> None:
    # LangGraph keeps the answer for a node that raises, and gives it again whenever the node is resumed.
    error = explored(toy.target({"approve": raising}), seed=5)
    assert of(error) == [("P402", "toy")]
    assert "run = parity.resume(run)" in error.__notes__[0]


def two_questions(checkpointer: Any) -> Any:
    def ask(state: Asked) -> Any:
        first = interrupt({"type": "first", "default": "a"})
        return {"answer": first, "topic": interrupt({"type": "second", "default": "b"})}

    graph = StateGraph(Asked)
    graph.add_node("ask", ask)
    graph.add_node("then", lambda state: {"topic": interrupt({"type": "third", "default": "c"})})
    graph.add_edge(START, "ask")
    graph.add_edge("ask", "then")
    return graph.compile(checkpointer=checkpointer)


def test_p302_an_answer_by_an_id_that_does_not_wait() -> None:
    def unchecked(app: Any, config: Any, answers: Any) -> Any:
        return app.stream(Command(resume=next(iter(answers.values()))), config, durability="sync")

    def checked(app: Any, config: Any, answers: Any) -> Any:
        waiting = {question.id for question in app.get_state(config).interrupts}
        if set(answers) - waiting:
            raise LookupError
        return app.stream(Command(resume=answers), config, durability="sync")

    def text(answer: Any) -> Any:
        return isinstance(answer, str)

    def entry(app: Any, given: Any, config: Any, answer: Any) -> Any:
        from langgraph_parity import stream_graph

        def until_text(question: Any) -> Any:
            while (said := answer(question)) is not None and not text(said):
                pass
            return said

        yield from stream_graph(app, given, config, until_text)

    common: dict[str, Any] = {"name": "two", "build": two_questions, "entry": entry}
    error = explored(Target(**common, resume=unchecked), seed=6)
    assert ("P302", "two") in of(error)
    Parity(Target(**common, resume=checked)).explore(TOPIC, examples=25, seed=6)


async def async_raising(state: Any) -> Any:
    await asyncio.sleep(0)
    return raising(state)


async def async_strict(state: Any) -> Any:
    await asyncio.sleep(0)
    return strict(state)


async def taking(state: Any) -> Any:
    await asyncio.sleep(0)
    return {"decision": str(interrupt(QUESTION))}


def awaited(approve: Any, *, inside: bool = False, **given: Any) -> Target:
    """A graph that can only be awaited; with `inside` its node is in a subgraph."""

    def build(checkpointer: Any) -> Any:
        graph = StateGraph(toy.Plan).add_node("approve", approve).add_edge(START, "approve")
        if inside:
            node = graph.compile()
            graph = StateGraph(toy.Plan).add_node("sub", node).add_edge(START, "sub")
        return graph.compile(checkpointer=checkpointer)

    return Target(name="awaited", build=build, **given)


@pytest.mark.parametrize("inside", [False, True])
def test_an_application_that_must_be_awaited(inside: bool) -> None:
    Parity(awaited(async_strict, inside=inside)).explore(TOPIC, examples=25, seed=8)
    assert {rule for rule, _ in of(explored(awaited(taking, inside=inside), seed=8))} == {"P308"}
    assert explored(awaited(async_raising), seed=8).findings[0].rule == "P402"


def test_exploration_is_awaited_by_a_test_that_is() -> None:
    parity = Parity(awaited(taking))

    async def session() -> Any:
        with pytest.raises(ParityUsageError, match=r"use await parity\.aexplore\(\.\.\.\)"):
            parity.explore(TOPIC, seed=8)
        with pytest.raises(ParityError) as caught:
            await parity.aexplore(TOPIC, seed=8)
        lines = caught.value.__notes__[0].splitlines()[1:]
        space: dict[str, Any] = {"parity": parity, "mock_user_input": mock_user_input}
        exec("\n    ".join(["async def again():", *lines, "return run"]), space)
        return caught.value, await space["again"]()

    error, again = asyncio.run(session())
    assert of(error) == [("P308", "approve")]
    assert again.outcome == "done"
    assert again.values["decision"] not in ("approve", "reject")


def test_p302_of_an_application_that_must_be_awaited() -> None:
    async def unchecked(app: Any, config: Any, answers: Any) -> Any:
        given = Command(resume=next(iter(answers.values())))
        async for update in app.astream(given, config, durability="sync"):
            yield update

    assert ("P302", "awaited") in of(explored(awaited(async_strict, resume=unchecked), seed=6))


def test_the_seed_decides() -> None:
    asked: list[list[Any]] = []
    for _ in range(2):
        seen: list[Any] = []

        def ask(state: Any, seen: list[Any] = seen) -> Any:
            made = strict(state)
            seen.append(made)
            return made

        Parity(toy.target({"approve": ask})).explore(TOPIC, examples=10, seed=7)
        asked.append(seen)
    assert asked[0] == asked[1]
    assert len(asked[0]) >= 5


@settings(max_examples=200, database=None)
@given(st.data())
def test_every_kind_of_answer_comes(data: Any) -> None:
    reply = data.draw(answers_strategy(QUESTION, "approve", ["before"]))
    surely = {"valid": False, "absurd": True, "huge": True, "empty": True, "duplicated": True}
    if reply.kind in surely:
        assert wrong(QUESTION, "approve", reply.value) is surely[reply.kind]


def test_a_mapping_that_names_an_option_is_an_answer() -> None:
    question = {"options": ["go", "stop"]}
    assert not wrong(question, {"action": "go"}, {"action": "stop", "note": "x"})
    assert wrong(question, {"action": "go"}, {"action": "run"})
    assert wrong(None, {"action": "go"}, 5)
    assert not wrong(None, None, 5)


def test_hypothesis_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ParityUsageError, match=r"pip install 'langgraph-parity\[hypothesis\]'"):
        Parity(toy.target()).explore(TOPIC)
