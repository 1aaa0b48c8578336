"""Each rule fires on a seeded bug, and on nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import operator
import threading
import time
from typing import Annotated, Any, NotRequired
from unittest.mock import patch

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphInterrupt
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.managed import IsLastStep
from langgraph.types import interrupt
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

import toy
from langgraph_parity import RULES, Parity, Target, stream_graph, validate_state_consistency
from toy import Plan, Planner, target


@dataclasses.dataclass
class Secret:
    text: str


TOPIC = {"topic": " bread "}
YES = {"approval": "approve"}


def rules_of(parity: Parity) -> set[str]:
    return {finding.rule for finding in parity.findings}


def found(given: Target, input: Any = TOPIC, answers: Any = YES, **more: Any) -> list[str]:
    """Every finding of one run, one line each."""
    parity = Parity(given)
    parity.run(input, answers=answers, **more)
    return [str(finding) for finding in parity.findings]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    for _ in range(20):
        assert found(target({"approve": toy.careful(toy.approve)})) == []


# P1: the path.


def config(thread: str = "t") -> Any:
    return {"configurable": {"thread_id": thread}}


def test_p101_root_invoke_is_one_finding_and_a_subgraphs_is_none() -> None:
    parity = Parity(target())
    with parity.guard:
        parity.app.graph.invoke(TOPIC, config())
    (finding,) = parity.findings
    assert finding.rule == "P101"
    assert "test_rules.py:" in finding.where


def test_p101_asynchronously_and_from_the_batch_too() -> None:
    parity = Parity(target())
    with parity.guard:
        asyncio.run(parity.app.graph.ainvoke(TOPIC, config()))
        parity.app.graph.batch([TOPIC], config("u"))
    assert [f.detail for f in parity.findings] == ["ainvoke()", "invoke()"]


def test_p102_the_checkpointer_was_not_passed_on() -> None:
    parity = Parity(target(build=lambda checkpointer: Planner(None)))
    run = parity.run(TOPIC)
    assert run.outcome == "failed"
    assert "without a checkpointer" in str(run.error)
    assert rules_of(parity) == {"P102"}


def test_p102_another_checkpointer_is_used() -> None:
    (line,) = found(target(build=lambda checkpointer: Planner(InMemorySaver())))
    assert line.startswith("P102 ")


def test_p102_and_p101_of_a_graph_the_test_built_itself() -> None:
    parity = Parity(target())
    with parity.guard:
        Planner(None).graph.invoke(TOPIC)
    assert rules_of(parity) == {"P101", "P102"}


def test_foreign_graphs_in_the_same_test_are_nobodys_business() -> None:
    class Other(TypedDict):
        x: int

    parity = Parity(target())
    with parity.guard:
        StateGraph(Other).add_node("n", lambda s: {"x": 1}).add_edge(START, "n").compile().invoke(
            {"x": 0}
        )
    assert parity.findings == []


def test_p103_the_stream_is_driven_round_the_coordinator() -> None:
    parity = Parity(target())
    with parity.guard:
        with pytest.raises(GraphInterrupt):
            list(parity.app.stream(TOPIC, config()))
        with pytest.raises(GraphInterrupt):
            list(parity.app.coordinate(TOPIC, config("u"), lambda question: None))
    assert [finding.rule for finding in parity.findings] == ["P103"]


def test_p103_the_entry_itself_goes_round() -> None:
    given = target(entry=lambda app, given, config, answer: app.stream(given, config))
    lines = found(given, answers=None)
    assert [line[:4] for line in lines] == ["P103"]


def test_p103_a_coordinator_in_a_thread_behind_decorators_is_one() -> None:
    def logged(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any) -> Any:
            return function(*args)

        return wrapper

    @logged
    def in_a_thread(app: Any, given: Any, config: Any, answer: Any) -> Any:
        updates: list[Any] = []
        worker = threading.Thread(
            target=lambda: updates.extend(app.coordinate(given, config, answer))
        )
        worker.start()
        worker.join()
        yield from updates

    assert found(target(entry=in_a_thread, coordinator=in_a_thread, projection=None)) == []


def test_p104_asynchronous_durability() -> None:
    lines = found(target({"durability": "async"}, projection=None))
    assert {line[:4] for line in lines} == {"P104"}


def test_p104_updates_are_handed_on_before_they_are_saved() -> None:
    def eager(app: Any, given: Any, config: Any, answer: Any) -> Any:
        # The next node asks, so a late write of the last one cannot be taken for a saved one.
        for chunk in app.graph.stream(given, config, durability="sync"):
            if "__interrupt__" not in chunk:
                yield {name: chunk[name] for name in chunk if name in app.graph.nodes}

    lines = found(target(entry=eager, coordinator=None, projection=None), answers=None)
    assert any(line.startswith("P104 not-durable  ") for line in lines)


def test_p105_the_applications_own_names_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    parity = Parity(target(package="toy"))
    with parity.guard:
        with patch("toy.fan_out"), patch.object(Planner, "stream"):
            pass
        monkeypatch.setattr(toy, "look_up", None)
        monkeypatch.setattr("toy.route", None)
        monkeypatch.setattr(toy, "interrupt", None)  # what lies outside may be replaced
        monkeypatch.setattr(threading, "local", None)
        with patch.dict(vars(toy), {"outline": None, "interrupt": None}):
            pass
        with patch.dict("toy.__dict__", model=None), patch.dict({"__name__": "toy"}, model=None):
            pass
        monkeypatch.setitem(vars(toy), "approve", None)
        monkeypatch.setitem({"__name__": "toy"}, "approve", None)
    assert [finding.detail for finding in parity.findings] == [
        "toy.fan_out",
        "toy.Planner.stream",
        "toy.look_up",
        "toy.route",
        "toy.outline",
        "toy.model",
        "toy.approve",
    ]


def test_p105_seams_may_be_replaced() -> None:
    parity = Parity(target(package="toy", seams=("toy.fan_out", "toy.Planner.str*")))
    with parity.guard, patch("toy.fan_out"), patch.object(parity.app, "stream"):
        pass
    assert parity.findings == []


# P2: the state.


def node(update: Any) -> Any:
    return lambda state: update


@pytest.mark.parametrize(
    ("rule", "said", "nodes", "input"),
    [
        ("P201", "topic: input should be a valid string", {"polish": node({"topic": 5})}, TOPIC),
        (
            "P201",
            "notes[0]['weight']",
            {"outline": node({"notes": [{"text": "a", "weight": "1"}]})},
            TOPIC,
        ),
        ("P201", "input: ", {}, {**TOPIC, "decision": 5}),
        ("P201", "notes[0]['weight']", {}, {**TOPIC, "notes": [{"text": "a", "weight": "1"}]}),
        ("P202", "field notes", {}, {**TOPIC, "notes": []}),
        ("P206", "input: ", {}, {**TOPIC, "topik": "x"}),
        ("P206", "vote", {"look_up": node({"vote": {"a": 1}})}, TOPIC),
    ],
)
def test_p2_of_an_update(rule: str, said: str, nodes: Any, input: Any) -> None:
    (line,) = found(target(nodes), input)
    assert line.startswith(f"{rule} ")
    assert said in line


def test_p206_a_field_that_the_input_schema_lacks_is_dropped_too() -> None:
    def build(checkpointer: Any) -> Any:
        graph = StateGraph(Plan, input_schema=toy.Topic).add_node("n", node({}))
        return graph.add_edge(START, "n").compile(checkpointer=checkpointer)

    (line,) = found(Target(name="narrow", build=build), {**TOPIC, "decision": "x"}, None)
    assert line.startswith("P206 unknown-field  input: ")
    assert "(decision)" in line


@dataclasses.dataclass
class Filled:
    topic: str
    notes: Annotated[list[str], operator.add] = dataclasses.field(default_factory=list)


class FilledModel(BaseModel):
    topic: str
    notes: Annotated[list[str], operator.add] = Field(default_factory=list)


@pytest.mark.parametrize("schema", [Filled, FilledModel])
def test_p202_a_class_fills_in_its_defaults_by_itself(schema: Any) -> None:
    assert found(only(schema), schema(topic="x"), None) == []
    (line,) = found(only(schema), {"topic": "x", "notes": []}, None)
    assert line.startswith("P202 ")


class Parent(TypedDict):
    foo: str


class Child(Parent):
    bar: str


def nesting(first: Any, second: Any = None) -> Target:
    """A subgraph with a key of its own, as a node, and in a subgraph that is a node."""
    second = second or (lambda state: {"foo": state["foo"] + state["bar"]})
    child = StateGraph(Child).add_node("first", first).add_node("second", second)
    inner = child.add_edge(START, "first").add_edge("first", "second").compile()

    def build(checkpointer: Any) -> Any:
        middle = StateGraph(Parent).add_node("inner", inner).add_edge(START, "inner").compile()
        parent = StateGraph(Parent).add_node("inner", inner).add_node("middle", middle)
        parent.add_edge(START, "inner").add_edge("inner", "middle")
        return parent.compile(checkpointer=checkpointer)

    return Target(name="nested", build=build)


def test_p206_a_subgraph_has_keys_of_its_own() -> None:
    assert found(nesting(node({"bar": "b"})), {"foo": "a"}, None) == []


def test_p201_and_p206_of_the_nodes_of_a_subgraph() -> None:
    lines = found(nesting(node({"bar": "b", "zzz": 1})), {"foo": "a"}, None)
    assert [line.split(":")[0] for line in lines] == [
        "P206 unknown-field  inner",
        "P206 unknown-field  middle",
    ]
    assert "(zzz)" in lines[0]
    _, line = found(nesting(node({"bar": 5}), node({"foo": "a"})), {"foo": "a"}, None)
    assert line.startswith("P201 schema  middle:inner:first:")
    assert "bar: input should be a valid string, got int 5" in line


def test_p206_an_entrypoint_has_no_fields() -> None:
    def build(checkpointer: Any) -> Any:
        @entrypoint(checkpointer=checkpointer)
        def flow(x: int) -> dict[str, int]:
            return {"doubled": 2 * x}

        return flow

    assert found(Target(name="flow", build=build), 3, None) == []


def test_p203_the_state_is_changed_in_place() -> None:
    def forgetful(state: Plan) -> Any:
        state["votes"].clear()
        return {"votes": {"x": 1}}

    (line,) = found(target({"polish": forgetful}, projection=None))
    assert line.startswith("P203 not-grown  polish")
    assert "lost 'left', 'right'" in line or "lost 'right', 'left'" in line


def test_p203_a_field_lost_its_reducer() -> None:
    class Flat(TypedDict):
        notes: list[str]
        total: Annotated[int, operator.add]

    def build(checkpointer: Any) -> Any:
        graph = StateGraph(Flat)
        graph.add_node("one", node({"notes": ["a"], "total": 2}))
        graph.add_node("two", node({"notes": ["b"], "total": -1}))
        graph.add_edge(START, "one")
        graph.add_edge("one", "two")
        return graph.compile(checkpointer=checkpointer)

    (line,) = found(
        Target(name="flat", build=build, reducers={"notes": "append"}), {"total": 0}, None
    )
    assert "P203 not-grown  two" in line
    assert "field notes: items that were there have changed" in line


def test_p204_the_copy_is_not_folded() -> None:
    def lagging(app: Any) -> Any:
        return {**app.copy, "votes": {}}

    lines = found(target(projection=lagging))
    assert {line[:4] for line in lines} == {"P204"}
    assert "fields votes" in lines[0]


def test_p205_an_invariant() -> None:
    def one_vote_each(values: Any) -> Any:
        assert all(count == 1 for count in values.get("votes", {}).values())

    checks = {"votes": one_vote_each, "topic": lambda values: len(values["topic"]) < 3}
    lines = found(target({"look_up": node({"votes": {"left": 2}})}, invariants=checks))
    assert any("look_up" in line and "(votes: AssertionError" in line for line in lines)
    assert {line[:4] for line in lines} == {"P205"}


def test_p207_an_object_that_msgpack_does_not_bring_back() -> None:
    lines = found(target({"polish": node({"topic": Secret("x")})}, schema=dict), TOPIC)
    assert [line[:30] for line in lines] == ["P207 not-plain  polish: a valu"]


class Steps(TypedDict, total=False):
    past: Annotated[list[tuple], operator.add]  # type: ignore[type-arg]
    pairs: Annotated[list[tuple[str, int]], operator.add]
    one: tuple[str, ...] | None


def test_p207_a_tuple_comes_back_as_a_list_once_a_field() -> None:
    def build(checkpointer: Any) -> Any:
        graph = StateGraph(Steps)
        graph.add_node("left", node({"past": [("a", "b")], "pairs": [("a", 1)], "one": ("a",)}))
        graph.add_node("right", node({"past": [("c", "d")], "one": None}))
        graph.add_edge(START, "left").add_edge("left", "right")
        return graph.compile(checkpointer=checkpointer)

    lines = sorted(found(Target(name="steps", build=build), {"one": None}, None))
    for name, line in zip(("one", "pairs", "past"), lines, strict=True):
        assert line.startswith("P207 not-plain  left: ")
        assert f"(field {name}: a tuple comes back as a list)" in line


def test_p201_the_parts_of_a_tuple_have_types_too() -> None:
    def build(checkpointer: Any) -> Any:
        graph = StateGraph(Steps).add_node("left", node({"pairs": [("a", "1")]}))
        return graph.add_edge(START, "left").compile(checkpointer=checkpointer)

    lines = found(Target(name="steps", build=build), {"one": None}, None)
    assert [line[:4] for line in lines] == ["P201", "P207"]
    assert "pairs[0][1]: input should be a valid integer" in lines[0]


def test_messages_are_plain_and_may_be_removed() -> None:
    class Chat(TypedDict):
        messages: Annotated[list[AnyMessage], add_messages]

    def build(checkpointer: Any) -> Any:
        graph = StateGraph(Chat)
        graph.add_node("say", node({"messages": [AIMessage("hello", id="2")]}))
        graph.add_node("forget", node({"messages": [RemoveMessage("1")]}))
        graph.add_edge(START, "say")
        graph.add_edge("say", "forget")
        return graph.compile(checkpointer=checkpointer)

    chat = Target(name="chat", build=build)
    assert found(chat, {"messages": [HumanMessage("hi", id="1")]}, None) == []


def test_delta_channels_grow() -> None:
    def extend(value: list[str], writes: Any) -> list[str]:
        return [*value, *(one for write in writes for one in write)]

    def nest(value: list[str], writes: Any) -> list[str]:
        return value + writes

    def build(reducer: Any) -> Any:
        Log = TypedDict("Log", {"lines": Annotated[list[str], DeltaChannel(reducer)]})  # noqa: UP013

        def make(checkpointer: Any) -> Any:
            graph = StateGraph(Log)
            graph.add_node("one", node({"lines": ["a"]}))
            graph.add_node("two", node({"lines": ["b"]}))
            graph.add_edge(START, "one")
            graph.add_edge("one", "two")
            return graph.compile(checkpointer=checkpointer)

        return Target(name="log", build=make)

    assert found(build(extend), {"lines": ["0"]}, None) == []
    assert found(build(nest), {"lines": ["0"]}, None)[0].startswith("P201 ")


def test_a_whole_state_is_checked_in_one_call() -> None:
    good = {"topic": "x", "votes": {"left": 1}}
    assert validate_state_consistency(good, target()) == {"is_valid": True, "errors": []}
    said = Parity(target()).validate_state_consistency({"topic": None})
    assert not said["is_valid"]
    assert said["errors"][0].startswith("P201 ")


def only(schema: Any) -> Target:
    def build(checkpointer: Any) -> Any:
        graph = StateGraph(schema).add_node("n", node({})).add_edge(START, "n")
        return graph.compile(checkpointer=checkpointer)

    return Target(name="only", build=build)


class Told(TypedDict):
    name: str
    age: NotRequired[int]
    notes: Annotated[list[str], operator.add]
    last: IsLastStep


@dataclasses.dataclass
class Held:
    name: str
    age: int = 0


class Modelled(BaseModel):
    name: str
    age: int = 0


@pytest.mark.parametrize("schema", [Told, Held, Modelled])
def test_a_state_handed_in_has_the_fields_of_the_schema(schema: Any) -> None:
    def errors(state: Any) -> list[str]:
        said = validate_state_consistency(state, only(schema))
        assert said["is_valid"] == (not said["errors"])
        return list(said["errors"])

    assert errors({"name": "x"}) == []
    (line,) = errors(None)
    assert "(a NoneType is no mapping of its fields)" in line
    (line,) = errors({"name": "x", "nam": "y"})
    assert "(nam: there is no such field)" in line
    (line,) = errors({"age": 1})
    assert "(name: it is required, and missing)" in line


def test_a_state_that_does_not_tell_its_fields_apart_may_lack_some() -> None:
    assert validate_state_consistency({}, target())["is_valid"]
    assert not validate_state_consistency([], target())["is_valid"]


# P3: the human.


@pytest.mark.parametrize("shell", [toy.swallowing, toy.wrapping])
def test_p301_a_pause_is_taken_for_a_failure(shell: Any) -> None:
    parity = Parity(target({"approve": shell(toy.approve)}))
    run = parity.run(TOPIC)
    assert run.outcome == ("done" if shell is toy.swallowing else "failed")
    (finding,) = parity.findings
    assert (finding.rule, finding.where) == ("P301", "approve")
    assert "toy.py:" in finding.detail


def test_p301_in_a_subgraph() -> None:
    inner = StateGraph(Plan)
    inner.add_node("ask", toy.swallowing(toy.approve))
    inner.add_edge(START, "ask")
    (line,) = found(target({"approve": inner.compile()}), answers=None)
    assert line.startswith("P301 interrupt-swallowed  approve")


def test_a_pause_inside_calls_side_by_side_is_not_swallowed() -> None:
    @task
    def ask(name: str) -> str:
        return str(interrupt({"type": name}))

    def asks(state: Plan) -> Any:
        calls = [ask("left"), ask("right")]
        return {"decision": " ".join(call.result() for call in calls)}

    parity = Parity(
        target({"approve": asks}, entry=stream_graph, coordinator=None, projection=None)
    )
    run = parity.run(TOPIC, answers={"left": "l", "right": "r"})
    assert run.values["decision"] == "l r"
    assert parity.findings == []


def test_p303_a_question_that_cannot_be_sent() -> None:
    def asks(state: Plan) -> Any:
        return {"decision": interrupt({"type": "approval", "who": Secret("x")})}

    (line,) = found(target({"approve": asks}))
    assert line.startswith("P303 question-not-plain  approve")


class Unkept:
    """Nothing any serialiser knows."""


@pytest.mark.parametrize("asynchronous", [False, True])
def test_p303_and_p207_of_what_cannot_be_stored_at_all(asynchronous: bool) -> None:
    question = {"question": "Which?", "render": lambda: None}

    def build(asks: Any) -> Target:
        def make(checkpointer: Any) -> Any:
            graph = StateGraph(Plan).add_node("asks", asks).add_edge(START, "asks")
            return graph.compile(checkpointer=checkpointer)

        return Target(name="unkept", build=make)

    for asks, said in (
        (lambda state: interrupt(question), "P303 question-not-plain  asks: "),
        (node({"decision": Unkept()}), "P207 not-plain  asks: "),
    ):
        parity = Parity(build(asks))
        run = asyncio.run(parity.arun(TOPIC)) if asynchronous else parity.run(TOPIC)
        assert run.ended == "failed"
        (finding,) = parity.findings
        assert str(finding).startswith(said)
        assert finding.detail == ("render" if finding.rule == "P303" else "field decision: Unkept")


def test_p304_an_answer_nobody_wanted() -> None:
    (line,) = found(target(), answers={"aproval": "approve", **YES})
    assert line.startswith("P304 unused-answer  aproval")
    assert "asked was: approval" in line


def test_p305_the_answers_are_used_up() -> None:
    (line,) = found(target(), answers={"approval": ["reject"]})
    assert line.startswith("P305 missing-answer  approve")


# P5 and P6: how a session ends.


def test_p505_a_thread_that_is_neither_done_nor_waiting() -> None:
    lines = found(target({"approve": node({"topic": "x", "decision": ""})}), answers=None)
    assert [line[:4] for line in lines] == ["P505"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_p505_a_router_has_raised_and_the_thread_is_resumed(asynchronous: bool) -> None:
    def route(state: Plan) -> str:
        raise KeyError("nowhere")

    def build(checkpointer: Any) -> Any:
        graph = StateGraph(Plan).add_node("one", node({"decision": "a"})).add_edge(START, "one")
        graph.add_node("two", node({"decision": "b"}))
        return graph.add_conditional_edges("one", route, ["two"]).compile(checkpointer=checkpointer)

    parity = Parity(Target(name="routed", build=build))
    first = asyncio.run(parity.arun(TOPIC)) if asynchronous else parity.run(TOPIC)
    assert (first.outcome, parity.findings) == ("failed", [])
    then = asyncio.run(parity.aresume(first)) if asynchronous else parity.resume(first)
    assert then.outcome == "failed"
    (finding,) = parity.findings
    assert (finding.rule, finding.detail) == ("P505", "nothing ran after KeyError('nowhere')")


def test_a_failed_thread_that_is_resumed_and_fails_or_goes_on_is_not_stuck() -> None:
    errors = [LookupError("a"), LookupError("b"), None]

    def flaky(state: Plan) -> Any:
        if error := errors.pop(0):
            raise error
        return {"votes": {"left": 1}}

    parity = Parity(
        Target(
            name="flaky",
            build=lambda saver: (
                StateGraph(Plan).add_node(flaky).add_edge(START, "flaky").compile(saver)
            ),
        )
    )
    run = parity.run(TOPIC)
    assert [run.outcome, parity.resume(run).outcome] == ["failed", "failed"]
    assert [parity.resume(run).outcome, parity.resume(run).outcome] == ["done", "done"]
    assert parity.findings == []


def test_p601_an_error_is_left() -> None:
    lines = found(target({"polish": node({"last_error": "boom"})}))
    assert [line[:4] for line in lines] == ["P601"]
    assert "last_error = 'boom'" in lines[0]


def test_p602_the_coordinator_stops_early() -> None:
    def early(app: Any, given: Any, config: Any, answer: Any) -> Any:
        yield next(app.coordinate(given, config, answer))

    lines = found(target(entry=early), answers=None)
    assert [line[:4] for line in lines] == ["P602"]
    assert "next: look_up, look_up" in lines[0]


def test_p603_memory() -> None:
    kept: list[bytes] = []

    def greedy(state: Plan) -> Any:
        kept.append(b"x" * 40 * 2**20)
        return {"topic": "x"}

    lines = found(target({"polish": greedy}, memory_limit=20 * 2**20))
    assert [line[:4] for line in lines] == ["P603"]


def test_p604_a_coordinator_that_takes_its_time() -> None:
    def slow(app: Any, given: Any, config: Any, answer: Any) -> Any:
        yield from app.coordinate(given, config, answer)
        time.sleep(1.1)

    assert [line[:4] for line in found(target(entry=slow, time_limit=1.0))] == ["P604"]


def test_p605_the_run_changes_the_graph() -> None:
    app: list[Planner] = []

    def build(checkpointer: Any) -> Planner:
        def tinkers(state: Plan) -> Any:
            app[-1].graph.nodes["extra"] = app[-1].graph.nodes["outline"]
            return {"topic": "x"}

        app.append(Planner(checkpointer, polish=tinkers))
        return app[-1]

    assert [line[:4] for line in found(target(build=build))] == ["P605"]


@pytest.mark.parametrize("endless", ["steps", "questions", "kit"])
def test_p606_a_graph_that_never_ends(endless: str) -> None:
    def asks_for_ever(state: Plan) -> Any:
        while True:
            interrupt({"type": "approval"})

    nodes = {"approve": asks_for_ever if endless == "questions" else node({"decision": "reject"})}
    given = target(nodes)
    if endless == "kit":
        given = Target(name="kit", build=lambda checkpointer: Planner(checkpointer, **nodes).graph)
    lines = found(given, answers=None if endless != "questions" else {"approval": "x"}, limit=15)
    assert [line[:4] for line in lines] == ["P606"]
    assert "15 supersteps" in lines[0]


def test_p607_a_failure_nobody_looked_at() -> None:
    def broken(state: Plan) -> Any:
        raise LookupError("no such bread")

    parity = Parity(target({"look_up": broken}))
    run = parity.run(TOPIC)
    assert [str(f)[:4] for f in parity.findings] == ["P607"]
    assert isinstance(run.error, LookupError)
    assert parity.findings == []


def test_every_rule_has_its_sentences() -> None:
    assert len(RULES) >= 45
    for id_, rule in RULES.items():
        assert id_ == rule.id
        assert rule.title
        assert rule.wrong
        assert not rule.wrong.endswith(".")
        assert not rule.mend.endswith(".")
