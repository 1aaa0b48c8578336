"""Faults: each rule on a seeded bug, nothing where nothing is wrong."""

from __future__ import annotations

import asyncio
import operator
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.errors import GraphBubbleUp
from langgraph.func import task
from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy
from typing_extensions import TypedDict

import toy
from langgraph_parity import Parity, ParityUsageError, Target
from langgraph_parity.cases import Case, cases
from langgraph_parity.faults import FaultRun, NotStruck, fault_steps
from langgraph_parity.performing import aperform, perform
from toy import Plan, target

TOPIC = {"topic": " bread "}
YES = {"approval": "approve"}
TWICE = {"approval": ["reject", "approve"]}


@pytest.fixture(params=["memory", "sqlite"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "memory":
        yield InMemorySaver()
        return
    connection = sqlite3.connect(tmp_path / "c.sqlite3", check_same_thread=False)
    yield SqliteSaver(connection)
    connection.close()


def faulty(
    parity: Parity, node: str, fault: Any, call: int = 1, answers: Any = YES, input: Any = TOPIC
) -> FaultRun:
    made = perform(fault_steps(parity, input, answers, "t", None, Case(node, fault, call)))
    assert isinstance(made, FaultRun)
    return made


def rules_of(parity: Parity) -> set[str]:
    return {finding.rule for finding in parity.findings}


def test_nothing_is_found_where_nothing_is_wrong(saver: Any) -> None:
    given = target({"look_up": toy.careful(toy.look_up)})
    tried = 0
    for case in cases(given, errors=["exception", "timeout", KeyError, "call"], calls=[1, 2]):
        parity = Parity(given, saver)
        try:
            made = perform(fault_steps(parity, TOPIC, TWICE, f"t-{case}", None, case))
        except NotStruck:
            continue
        tried += 1
        assert made.outcome == "done", case
        assert made.values["topic"] == "bread"
        assert made.values["votes"] == {"left": 1, "right": 1}
        assert len(made.values["notes"]) == 2
        parity.check()
    assert tried == 3 * 7 + 2


def test_twenty_seeds_find_nothing() -> None:
    given = target()
    for seed in range(20):
        (case,) = cases(given, limit=1, seed=seed)
        assert [case] == cases(given, limit=1, seed=seed)
        parity = Parity(given)
        perform(fault_steps(parity, TOPIC, YES, "t", None, case))
        parity.check()


def test_the_fault_strikes_once_where_it_should_and_both_legs_are_one_run() -> None:
    parity = Parity(target())
    made = faulty(parity, "look_up", "timeout", 2, TWICE)
    first, last = made.legs
    assert isinstance(first.error, TimeoutError)
    assert "injected into look_up" in str(first.error)
    # The first sibling was done, and its writes are what resumes.
    assert [node for update in made.updates for node in update].count("outline") == 2
    assert [q.answer for q in made.questions] == ["reject", "approve"]
    assert (made.ended, last.ended) == ("done", "done")
    parity.check()


def test_a_retry_policy_recovers_in_one_leg() -> None:
    def build(checkpointer: Any) -> Any:
        graph = StateGraph(Plan)
        policy = RetryPolicy(initial_interval=0.001, jitter=False, retry_on=TimeoutError)
        graph.add_node("outline", toy.outline, retry_policy=policy)
        graph.add_edge(START, "outline")
        return graph.compile(checkpointer=checkpointer)

    parity = Parity(Target(name="retried", build=build))
    made = faulty(parity, "outline", "timeout")
    assert len(made.legs) == 1
    assert made.outcome == "done"
    parity.check()


class Nodes:
    """Node bodies that are looked up at call time, behind a wrapper class."""

    def outline(self, state: Plan) -> Any:
        return toy.outline(state)


class Wrapper:
    def __init__(self, nodes: Nodes, *, chained: bool) -> None:
        self.nodes, self.chained = nodes, chained

    def __call__(self, state: Plan) -> Any:
        try:
            return self.nodes.outline(state)
        except GraphBubbleUp:
            raise
        except Exception as error:
            if self.chained:
                raise RuntimeError("outline failed") from error
            raise RuntimeError(str(error)) from None


@pytest.mark.parametrize(("chained", "rules"), [(True, set()), (False, {"P404"})])
def test_p404_a_wrapper_loses_the_error(chained: bool, rules: set[str]) -> None:
    parity = Parity(target({"outline": Wrapper(Nodes(), chained=chained)}))
    made = faulty(parity, "outline", "call")
    assert type(made.legs[0].error) is RuntimeError
    assert rules_of(parity) == rules
    # At the node's own edge the wrapper is not passed.
    parity = Parity(target({"outline": Wrapper(Nodes(), chained=chained)}))
    assert type(faulty(parity, "outline", "exception").legs[0].error) is RuntimeError
    assert rules_of(parity) == set()


def test_p401_a_fault_is_turned_into_a_state_that_is_invalid() -> None:
    def outline(state: Plan) -> Any:
        try:
            return toy.outline(state)
        except ConnectionError:
            return {"votes": {"left": "many"}}

    parity = Parity(target({"outline": outline}))
    faulty(parity, "outline", "call")
    assert rules_of(parity) == {"P401"}
    assert "P201 outline" in str(parity.findings[0])


def test_p402_a_session_that_failed_once_is_refused() -> None:
    failed: set[str] = set()

    def entry(app: Any, given: Any, config: Any, answer: Any) -> Any:
        thread = config["configurable"]["thread_id"]
        if thread in failed:
            raise PermissionError("this session has failed")
        try:
            yield from app.coordinate(given, config, answer)
        except ValueError:
            failed.add(thread)
            raise

    parity = Parity(target(entry=entry))
    made = faulty(parity, "polish", ValueError)
    assert rules_of(parity) == {"P402"}
    assert isinstance(made.error, PermissionError)


def test_p402_a_coordinator_that_takes_a_failure_for_the_end() -> None:
    def entry(app: Any, given: Any, config: Any, answer: Any) -> Any:
        return iter(()) if given is None else app.coordinate(given, config, answer)

    parity = Parity(target(entry=entry))
    faulty(parity, "polish", "exception")
    assert rules_of(parity) == {"P402"}


def swallow(update: dict[str, Any]) -> Any:
    def outline(state: Plan) -> Any:
        try:
            return toy.outline(state)
        except ConnectionError:
            return update

    return outline


@pytest.mark.parametrize(
    ("update", "rules"),
    [
        ({}, {"P403"}),
        ({"notes": []}, {"P403"}),
        ({"notes": [{"text": "the model failed", "weight": 0}]}, set()),
        ({"last_error": "no notes"}, set()),
        ({"topic": "outline skipped"}, set()),
    ],
)
def test_p403_a_fault_is_swallowed_unless_the_state_says_so(
    update: dict[str, Any], rules: set[str]
) -> None:
    parity = Parity(target({"outline": swallow(update), "polish": lambda state: None}))
    made = faulty(parity, "outline", "call")
    assert made.outcome == "done"
    assert rules_of(parity) - {"P601"} == rules


def test_p403_a_coordinator_swallows_it() -> None:
    def entry(app: Any, given: Any, config: Any, answer: Any) -> Any:
        try:
            yield from app.coordinate(given, config, answer)
        except TimeoutError:
            return

    parity = Parity(target(entry=entry))
    faulty(parity, "look_up", "timeout")
    assert rules_of(parity) == {"P403"}


class Said(TypedDict):
    topic: str
    text: str
    log: Annotated[list[str], operator.add]


def chat(handled: bool, streamed: bool = False, in_task: bool = False) -> Target:
    """A node that asks a model; malformed answers and refusals are asked again, or not."""

    def ask(topic: str) -> AIMessage:
        model = GenericFakeChatModel(messages=iter([AIMessage(f"on {topic}")]))
        if not streamed:
            return model.invoke(topic)
        whole: Any = None
        for chunk in model.stream(topic):
            whole = chunk if whole is None else whole + chunk
        return AIMessage(whole.content, additional_kwargs=whole.additional_kwargs)

    durable = task(ask)

    def write(state: Said) -> Any:
        for _ in range(3 if handled else 1):
            answer = durable(state["topic"]).result() if in_task else ask(state["topic"])
            if not handled or answer.text.startswith("on "):
                return {"text": answer.text}
        raise ValueError("no answer")

    def build(checkpointer: Any) -> Any:
        graph = StateGraph(Said)
        graph.add_node("write", write)
        graph.add_node("read", lambda state: {"log": ["read"]})
        graph.add_edge(START, "write").add_edge("write", "read")
        return graph.compile(checkpointer=checkpointer)

    return Target(name="chat", build=build)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("in_task", [False, True])
@pytest.mark.parametrize(
    ("fault", "handled", "text", "rules"),
    [
        ("malformed", True, "on x", set()),
        ("refusal", True, "on x", set()),
        ("malformed", False, '{"unfinished": ', set()),
        ("refusal", False, "", {"P403"}),
        ("call", False, "on x", set()),
    ],
)
def test_faults_of_models(
    streamed: bool, in_task: bool, fault: str, handled: bool, text: str, rules: set[str]
) -> None:
    parity = Parity(chat(handled, streamed, in_task))
    made = faulty(parity, "write", fault, input={"topic": "x"})
    assert made.values["text"] == text
    assert rules_of(parity) == rules


def test_a_case_that_does_not_come_to_pass_says_why() -> None:
    with pytest.raises(NotStruck, match="polish runs 1 times here: there is no run 2"):
        faulty(Parity(target()), "polish", "exception", 2)
    with pytest.raises(NotStruck, match="run 1 of look_up makes no model call"):
        faulty(Parity(target()), "look_up", "refusal")


def test_cases_are_chosen_by_name_and_bad_ones_refused() -> None:
    assert [str(case) for case in cases(target(), "*o*", [KeyError, "call"], [1, 2])][:5] == [
        "outline-KeyError-1",
        "outline-KeyError-2",
        "outline-call-1",
        "outline-call-2",
        "look_up-KeyError-1",
    ]
    with pytest.raises(ParityUsageError, match=r"no node is called x\. toy has outline, look_up"):
        cases(target(), "x")
    with pytest.raises(ParityUsageError, match="'hang' is no fault"):
        cases(target(), errors=["hang"])


def test_a_question_that_only_the_fault_provokes_is_answered_by_the_test() -> None:
    from langgraph.types import interrupt

    def outline(state: Plan) -> Any:
        try:
            return toy.outline(state)
        except ConnectionError:
            return {"decision": interrupt({"type": "model_failed", "default": None})}

    given = target({"outline": outline, "look_up": lambda state: None})
    parity = Parity(given)
    made = faulty(parity, "outline", "call", answers={**YES, "model_failed": "skip it"})
    assert {q.type for q in made.questions} == {"model_failed", "approval"}
    parity = Parity(given)
    waiting = perform(fault_steps(parity, TOPIC, YES, "u", None, Case("outline", "call")))
    assert isinstance(waiting, FaultRun)
    assert [leg.outcome for leg in waiting.legs] == ["waiting", "done"]
    parity.check()


def test_asynchronous_applications(tmp_path: Path) -> None:
    async def write(state: Said) -> Any:
        model = GenericFakeChatModel(messages=iter([AIMessage("on x")]))
        return {"text": (await model.ainvoke("x")).text}

    async def read(state: Said) -> Any:
        whole = [chunk.text async for chunk in GenericFakeChatModel(messages=iter([AIMessage("a b")])).astream("x")]  # fmt: skip
        return {"log": whole}

    def build(checkpointer: Any) -> Any:
        graph = StateGraph(Said).add_node("write", write).add_node("read", read)
        graph.add_edge(START, "write").add_edge("write", "read")
        return graph.compile(checkpointer=checkpointer)

    given = Target(name="async", build=build)

    async def rules(node: str, fault: Any, inner: Any) -> set[str]:
        parity = Parity(given, inner)
        steps = fault_steps(
            parity, {"topic": "x"}, None, f"{node}-{fault}", None, Case(node, fault)
        )
        made = await aperform(steps)
        assert made.outcome == "done"
        return rules_of(parity)

    async def session() -> None:
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "a.sqlite3")) as inner:
            assert await rules("write", "exception", inner) == set()
            assert await rules("write", "call", inner) == set()
            assert await rules("write", "refusal", inner) == {"P403"}
            assert await rules("read", "timeout", inner) == set()
            assert await rules("read", "refusal", inner) == {"P403"}

    asyncio.run(session())
