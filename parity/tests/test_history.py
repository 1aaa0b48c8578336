"""Histories: what `record` keeps, and each thing that `replay` finds, by a pair of an old and a new graph."""

from __future__ import annotations

import asyncio
import json
import operator
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.func import task
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Send, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

import toy
from langgraph_parity import Parity, ParityUsageError, Target, replay
from langgraph_parity.commands import record_database
from langgraph_parity.history import read

TOPIC = {"topic": " bread "}
CALLS: list[str] = []


def grow(old: list[str] | None, writes: Sequence[list[str]]) -> list[str]:
    return [*(old or []), *(one for write in writes for one in write)]


class State(TypedDict, total=False):
    text: str
    marks: Annotated[list[str], operator.add]
    log: Annotated[list[str], DeltaChannel(grow)]  # type: ignore[type-var]
    messages: Annotated[list[AnyMessage], add_messages]
    answer: str


class Inner(TypedDict, total=False):
    text: str
    answer: str


class Renamed(State, total=False):
    note: str


@task
def model(prompt: str) -> str:
    CALLS.append(prompt)
    return prompt.upper()


@task
def other_model(prompt: str) -> str:
    CALLS.append(prompt)
    return prompt


def write(state: State) -> Any:
    calls = [model(state["text"]), model("second")]
    return {"marks": [call.result() for call in calls], "log": ["write"], "text": "draft"}


def spread(state: State) -> Any:
    return [Send("check", {"text": part}) for part in ("a", "b")]


def check(state: State) -> Any:
    return {"marks": [state["text"]], "log": [state["text"]], "messages": [HumanMessage("checked")]}


def ask(state: State) -> Any:
    first = interrupt({"type": "approval", "about": state["log"]})
    second = interrupt({"type": "reason"})
    return {"answer": f"{first} {second}", "log": ["ask"]}


def inner_call(state: State) -> Any:
    return {"text": model(f"inner {state['text']}").result()}


def inner_ask(state: State) -> Any:
    return {"answer": state["answer"] + str(interrupt({"type": "inside"}))}


def last(state: State) -> Any:
    return {"marks": [f"last {len(state['log'])}"]}


NODES = {"write": write, "check": check, "ask": ask, "last": last}
WAYS: dict[str, Any] = {"write": spread, "check": "ask", "ask": "inside", "inside": "last"}
INNER = {"inner_call": inner_call, "inner_ask": inner_ask}


def target(
    nodes: dict[str, Any] | None = None,
    ways: dict[str, Any] | None = None,
    inner: dict[str, Any] | None = None,
    schema: Any = State,
    **settings: Any,
) -> Target:
    """The application, with nodes, ways, inner nodes or the schema replaced; None takes a node away."""

    def build(checkpointer: Any) -> Any:
        subgraph = StateGraph(Inner)
        subgraph.add_sequence(list({**INNER, **(inner or {})}.items()))
        subgraph.add_edge(START, "inner_call")
        graph = StateGraph(schema)
        for name, node in {**NODES, "inside": subgraph.compile(), **(nodes or {})}.items():
            if node is not None:
                graph.add_node(name, node)
        graph.add_edge(START, "write")
        for name, way in {**WAYS, **(ways or {})}.items():
            if callable(way):
                graph.add_conditional_edges(name, way)
            elif way is not None:
                graph.add_edge(name, way)
        return graph.compile(checkpointer=checkpointer)

    return Target(name="letters", build=build, **settings)


def answers(question: Any) -> Any:
    return f"<{question['type']}>"


@pytest.fixture(params=["memory", "sqlite"])
def saver(request: Any, tmp_path: Any) -> Any:
    if request.param == "memory":
        yield InMemorySaver()
        return
    connection = sqlite3.connect(tmp_path / "x.sqlite3", check_same_thread=False)
    yield SqliteSaver(connection)
    connection.close()


@pytest.fixture
def kept(saver: Any, tmp_path: Path) -> Path:
    """The history of a whole session."""
    parity = Parity(target(), saver)
    run = parity.run({"text": "hello"}, answers=answers)
    assert run.outcome == "done"
    assert run.values["log"] == ["write", "a", "b", "ask"]
    parity.check()
    CALLS.clear()
    return parity.record(run, tmp_path / "kept.json")


def rules(path: Path, new: Target, **settings: Any) -> dict[str, list[str]]:
    """Rule -> place and detail of each finding."""
    found: dict[str, list[str]] = {}
    for finding in replay(path, new, **settings):
        where = finding.where.removeprefix(f"{path.name} ")
        found.setdefault(finding.rule, []).append(f"{where}: {finding.detail}".removesuffix(": "))
    return found


def test_unchanged_code_is_clean_and_calls_no_model(kept: Path) -> None:
    assert rules(kept, target()) == {}
    assert CALLS == []


def test_the_file_is_readable_and_says_what_wrote_it(kept: Path) -> None:
    text = json.loads(kept.read_text())
    assert (text["kind"], text["format"], text["target"]) == (
        "langgraph-parity history",
        1,
        "letters",
    )
    assert text["langgraph"].startswith("1.")
    history = read(kept)
    asking = next(k for k in history.kept if any(t.node == "ask" for t in k.tasks.values()))
    (asked,) = asking.tasks.values()
    assert asked.of("__resume__") == [["<approval>", "<reason>"]]
    assert asked.of("__interrupt__")[0][0].value == {"type": "reason"}
    assert asked.of("branch:to:inside") == [None]
    assert asking.checkpoint["channel_values"]["marks"] == ["HELLO", "SECOND", "a", "b"]
    assert history.kept[1].step == 1
    assert '"$interrupt"' in kept.read_text()
    assert "HumanMessage(content='checked'" in kept.read_text()


def test_p701_a_renamed_node(kept: Path) -> None:
    renamed = target({"last": None, "final": last}, {"inside": "final"})
    assert rules(kept, renamed) == {"P701": ["last: the thread ran it"]}
    assert "inside.inner_ask: the thread ran it" in rules(kept, _inner_renamed())["P701"]


def _inner_renamed() -> Target:
    subgraph = StateGraph(Inner)
    subgraph.add_sequence([("inner_call", inner_call), ("inner_question", inner_ask)])
    subgraph.add_edge(START, "inner_call")
    return target({"inside": subgraph.compile()})


@pytest.mark.parametrize(
    ("answered", "name"), [(["approval"], "ask"), (["approval", "reason"], "inside.inner_ask")]
)
def test_p701_where_a_session_waits(saver: Any, tmp_path: Path, answered: Any, name: str) -> None:
    parity = Parity(target(), saver)
    run = parity.run(
        {"text": "hello"}, answers=lambda q: answers(q) if q["type"] in answered else None
    )
    assert run.outcome == "waiting"
    path = parity.record(run, tmp_path / "waiting.json")
    assert rules(path, target()) == {}
    if name == "ask":
        new = target({"ask": None, "question": ask}, {"ask": None, "check": "question", "question": "inside"})  # fmt: skip
    else:
        new = _inner_renamed()
    assert rules(path, new)["P701"] == [f"{name}: the thread waits there"]


def test_p702_a_changed_output(kept: Path) -> None:
    def changed(state: State) -> Any:
        return {**check(state), "marks": [state["text"] * 2], "log": [state["text"]]}

    assert rules(kept, target({"check": changed})) == {
        "P702": [
            "step 2 check: field marks.0: 'a' → 'aa'",
            "step 2 check: field marks.0: 'b' → 'bb'",
        ]
    }
    for glob in ("marks", "check.marks", "check.*.0"):
        assert rules(kept, target({"check": changed}), volatile=[glob]) == {}
    assert rules(kept, target({"check": changed}, volatile=("marks.0",))) == {}
    assert "P702" in rules(kept, target({"check": changed}), volatile=["ask.marks", "mark"])


def test_p702_of_the_state_a_delta_channel_holds(kept: Path) -> None:
    new = target({"last": lambda state: {"marks": [" ".join(state["log"])]}})
    assert rules(kept, new) == {"P702": ["step 5 last: field marks.0: 'last 4' → 'write a b ask'"]}


def test_p702_another_call_which_is_not_made(kept: Path) -> None:
    def more(state: State) -> Any:
        return {**write(state), "answer": other_model("more").result()}

    detail = "it calls other_model, whose result is not in the record"
    assert rules(kept, target({"write": more})) == {"P702": [f"step 1 write: {detail}"]}
    assert CALLS == []


def test_p702_inside_a_subgraph(kept: Path) -> None:
    new = target(inner={"inner_call": lambda state: {"text": "x"}})
    assert rules(kept, new)["P702"] == ["step 1 inside.inner_call: field text: 'INNER DRAFT' → 'x'"]


def test_p702_a_changed_question_an_added_and_an_error(kept: Path) -> None:
    def changed(state: State) -> Any:
        return {"answer": f"{interrupt({})} {interrupt({'type': 'why'})}", "log": ["ask"]}

    def added(state: State) -> Any:
        made = ask(state)
        interrupt({"type": "sure"})
        return made

    def broken(state: State) -> Any:
        made = ask(state)
        raise LookupError(made["answer"])

    assert rules(kept, target({"ask": changed})) == {
        "P702": ["step 3 ask: the question.type: 'reason' → 'why'"]
    }
    assert rules(kept, target({"ask": added})) == {
        "P702": ["step 3 ask: it asks once more: {'type': 'sure'}"]
    }
    assert rules(kept, target({"ask": broken})) == {
        "P702": ["step 3 ask: it raises LookupError: <approval> <reason>"]
    }


def test_p702_what_is_sent(kept: Path) -> None:
    new = target(ways={"write": lambda state: [Send("check", {"text": p}) for p in ("a", "c")]})
    assert rules(kept, new) == {
        "P702": ["step 1 write: what it sends, Send.check.1.text: 'b' → 'c'"]
    }


def test_p703_a_renamed_key(tmp_path: Path) -> None:
    def note(state: Any) -> Any:
        return {"note": "n"}

    parity = Parity(target({"last": note}, schema=Renamed))
    path = parity.record(parity.run({"text": "x"}, answers=answers), tmp_path / "kept.json")
    assert rules(path, target({"last": note}, schema=Renamed)) == {}
    assert rules(path, target({"last": lambda state: {}})) == {"P703": ["note"]}

    parity = Parity(target())
    path = parity.record(parity.run({"text": "x"}, answers=answers), tmp_path / "old.json")
    assert rules(path, target({"check": lambda s: {**check(s), "note": "n"}}, schema=Renamed)) == {
        "P703": ["step 2 check: key note is not in the record"]
    }


def test_p704_and_p705_branches(kept: Path) -> None:
    fewer = target(ways={"write": lambda state: [Send("check", {"text": "a"})]})
    assert rules(kept, fewer) == {"P704": ["step 1 write: to check, 1 of 2"]}
    dropped = target(ways={"inside": END})
    assert rules(kept, dropped) == {"P704": ["step 4 inside: to last"]}

    def more(state: State) -> Any:
        return [*spread(state), Send("check", {"text": "c"})]

    assert rules(kept, target(ways={"write": more})) == {"P705": ["step 1 write: to check, 1 of 3"]}
    added = target({"side": lambda state: {}}, {"check": lambda state: ["ask", "side"]})
    assert rules(kept, added) == {"P705": ["step 2 check: to side"]}
    other = target(ways={"ask": lambda state: "last"})
    assert rules(kept, other) == {"P704": ["step 3 ask: to inside"], "P705": ["step 3 ask: to last"]}  # fmt: skip


def test_the_entry_of_the_application_is_used(tmp_path: Path) -> None:
    parity = Parity(toy.target())
    run = parity.run(TOPIC, answers={"approval": ["reject", "approve"]})
    path = parity.record(run, tmp_path / "toy.json")
    assert rules(path, toy.target()) == {}
    refuses = toy.target(entry=lambda app, given, config, answer: 1 / 0)
    assert rules(path, refuses)["P702"][0] == "step 1 outline: it raises ZeroDivisionError: division by zero"  # fmt: skip


def test_an_asynchronous_application(tmp_path: Path) -> None:
    async def think(state: State) -> Any:
        return {"text": await amodel(state["text"])}

    async def changed(state: State) -> Any:
        return {"text": (await amodel(state["text"])) + "!"}

    @task
    async def amodel(prompt: str) -> str:
        CALLS.append(prompt)
        return prompt.upper()

    def of(node: Any) -> Target:
        def build(checkpointer: Any) -> Any:
            graph = StateGraph(State)
            graph.add_node("think", node)
            graph.add_edge(START, "think")
            return graph.compile(checkpointer=checkpointer)

        return Target(name="async", build=build)

    parity = Parity(of(think))
    run = asyncio.run(parity.arun({"text": "x"}))
    path = parity.record(run, tmp_path / "async.json")
    CALLS.clear()
    assert rules(path, of(think)) == {}
    assert rules(path, of(changed)) == {"P702": ["step 1 think: field text: 'X' → 'X!'"]}
    assert CALLS == []


class Order(BaseModel):
    number: int
    note: str | None = None
    place: tuple[int, int] = (0, 0)


@pytest.mark.parametrize("given", [{"number": 1}, Order(number=1)])
def test_tuples_and_input_objects_of_unchanged_code_are_clean(given: Any, tmp_path: Path) -> None:
    def of(place: tuple[int, int], note: str | None = None) -> Target:
        def pack(state: Order) -> Any:
            asked = interrupt({"type": "where", "places": [place]})
            return {"place": place, "note": note if asked == "here" else "elsewhere"}

        def build(checkpointer: Any) -> Any:
            graph = StateGraph(Order).add_node("pack", pack).add_edge(START, "pack")
            return graph.compile(checkpointer=checkpointer)

        return Target(name="orders", build=build)

    parity = Parity(of((1, 2)))
    run = parity.run(given, answers={"where": "here"})
    assert run.outcome == "done"
    path = parity.record(run, tmp_path / "order.json")
    assert rules(path, of((1, 2))) == {}
    assert rules(path, of((1, 2), "?")) == {"P702": ["step 1 pack: field note: None → '?'"]}
    changed = rules(path, of((1, 3)))
    assert changed == {
        "P702": [
            "step 1 pack: the question.places.0.1: 2 → 3",
            "step 1 pack: field place.1: 2 → 3",
        ]
    }


def test_a_database_is_only_read(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite3"
    connection = sqlite3.connect(file, check_same_thread=False)
    Parity(target(), SqliteSaver(connection)).run({"text": "x"}, answers=answers, thread_id="t")
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    file.chmod(0o400)
    before = file.read_bytes()
    path = record_database(file, "t", tmp_path / "kept.json")
    assert rules(path, target()) == {}
    assert rules(path, target({"last": None}, {"inside": None})) == {
        "P701": ["last: the thread ran it"]
    }
    assert file.read_bytes() == before
    with pytest.raises(ParityUsageError, match="There is no thread “u”"):
        record_database(file, "u", path)


def test_files_that_are_no_histories(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(ParityUsageError, match="cannot be read"):
        replay(path, target())
    path.write_text("[]")
    with pytest.raises(ParityUsageError, match="is not a history"):
        replay(path, target())
    path.write_text('{"kind": "langgraph-parity history", "format": 9}')
    with pytest.raises(ParityUsageError, match="of format 9"):
        replay(path, target())
    with pytest.raises(ParityUsageError, match="no checkpoint database"):
        record_database(path, "t", tmp_path / "y.json")
    with pytest.raises(ParityUsageError, match="There is no database"):
        record_database(tmp_path / "nowhere", "t", tmp_path / "y.json")


def test_findings_of_a_replay_are_the_fixtures_too(tmp_path: Path) -> None:
    parity = Parity(target())
    path = parity.record(parity.run({"text": "x"}, answers=answers), tmp_path / "kept.json")
    assert Parity(target()).replay(path) == []
    new = Parity(target(ways={"inside": END}))
    assert [f.rule for f in new.replay(path)] == ["P704"]
    assert new.findings == new.replay(path)
