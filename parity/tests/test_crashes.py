"""The crash grid: each rule on a seeded bug, nothing where nothing is wrong."""

from __future__ import annotations

import asyncio
import itertools
import operator
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.func import task
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Send, interrupt
from typing_extensions import TypedDict

import toy
from langgraph_parity import Parity, ParityUsageError, Target, mock_user_input, stream_graph
from langgraph_parity.crashes import chosen
from langgraph_parity.grid import Grid
from langgraph_parity.models import ScriptedChatModel
from toy import Plan, Planner, target

TOPIC = {"topic": " bread "}
YES = {"approval": "approve"}
TWICE = {"approval": ["reject", "approve"]}


class Record:
    """Counts effects, or calls."""

    def __init__(self) -> None:
        self.counter: Counter[str] = Counter()

    def counts(self) -> Counter[str]:
        return self.counter.copy()


@pytest.fixture(params=["memory", "sqlite"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "memory":
        yield InMemorySaver()
        return
    connection = sqlite3.connect(tmp_path / "c.sqlite3", check_same_thread=False)
    yield SqliteSaver(connection)
    connection.close()


def rules_of(grid: Grid) -> set[str]:
    return {finding.rule for finding in grid.findings}


def test_nothing_is_found_where_nothing_is_wrong(saver: Any) -> None:
    parity = Parity(target({"approve": toy.careful(toy.approve)}), saver)
    grid = parity.crash_grid(TOPIC, answers=TWICE)
    assert rules_of(grid) == set()
    grid.check()
    assert len(grid.cells) == 56
    assert all(cell.write for cell in grid.cells)
    assert grid.run is parity.runs[0]
    assert grid.run.outcome == "done"
    assert [run.thread_id for run in parity.runs] == [grid.run.thread_id]
    parity.check()


def test_twenty_clean_grids_with_fan_out_find_nothing() -> None:
    for seed in range(20):
        grid = Parity(target()).crash_grid(TOPIC, answers=TWICE, points=chosen(limit=3, seed=seed))
        assert grid.findings == []
        assert len(grid.cells) == 3


@pytest.mark.parametrize("limit", [1, 5, 19])
def test_the_death_before_the_last_write_is_among_those_that_are_drawn(limit: int) -> None:
    drawn = [chosen(limit=limit, seed=seed)(10) for seed in range(5)]
    assert all((10, "before") in cells and (10, "after") not in cells for cells in drawn)
    assert all(
        len(set(cells)) == limit and cells == sorted(cells, key=lambda c: (c[0], c[1] == "after"))
        for cells in drawn
    )


def test_it_prints_as_a_table_and_its_findings_name_the_cell() -> None:
    grid = Parity(target({"look_up": effect_first(Record())})).crash_grid(
        TOPIC, answers=YES, points=[4, 7]
    )
    assert str(grid).splitlines() == [
        "crash grid of toy: 4 cells, 0 failed",
        "   4  . .  outline (a call): result",
        "   7  . .  look_up: votes",
    ]


def effect_first(record: Record) -> Any:
    def look_up(state: Any) -> Any:
        record.counter[f"mail {state['topic']}"] += 1
        return {"votes": {state["topic"]: 1}}

    return look_up


def test_p502_an_effect_that_is_not_idempotent_is_repeated_in_the_cells_before_its_write() -> None:
    effects = Record()
    parity = Parity(target({"look_up": effect_first(effects)}))
    grid = parity.crash_grid(TOPIC, answers=YES, effects=effects)
    assert rules_of(grid) == {"P502"}
    bad = {(c.number, c.when, c.write) for c in grid.cells if c.findings}
    # Dead before both, or between them.
    assert {(7, "before", "look_up: votes"), (8, "before", "look_up: votes")} <= bad
    assert all(write == "look_up: votes" for _, _, write in bad)
    assert "   7  x" in str(grid)
    assert any("mail left, 1 more" in str(finding) for finding in grid.findings)


def test_an_idempotent_effect_is_none() -> None:
    done: set[str] = set()
    effects = Record()

    def mail(state: Any) -> Any:
        if (key := f"{state['topic']}") not in done:
            done.add(key)
            effects.counter[key] += 1
        return {"votes": {key: 1}}

    parity = Parity(target({"look_up": mail}))
    assert parity.crash_grid(TOPIC, answers=YES, effects=effects).ok


def test_p503_a_coordinator_that_begins_again_repeats_finished_calls() -> None:
    class Once(TypedDict):
        topic: str
        text: str

    def build(checkpointer: Any) -> Any:
        graph = StateGraph(Once)
        graph.add_node("write", lambda state: {"text": toy.model(state["topic"]).result()})
        graph.add_node("read", lambda state: {"topic": "read"})
        graph.add_edge(START, "write").add_edge("write", "read")
        return graph.compile(checkpointer=checkpointer)

    def entry(app: Any, given: Any, config: Any, answer: Any) -> Any:
        return stream_graph(app, given or {"topic": "x"}, config, answer)

    parity = Parity(Target(name="once", build=build, entry=entry))
    grid = parity.crash_grid({"topic": "x"})
    assert rules_of(grid) == {"P503"}
    assert any("write, a call: finished 1 times more" in f.detail for f in grid.findings)


def calling(record: Record, *, tasks: bool) -> Any:
    """Three model calls in a node: each in a task, or all in the node's body."""

    def call(number: int) -> int:
        record.counter[f"prompt {number}"] += 1
        return number

    durable = task(call)

    def outline(state: Plan) -> Any:
        made = [durable(i).result() if tasks else call(i) for i in range(3)]
        return {"notes": [{"text": str(made), "weight": 1}]}

    return outline


@pytest.mark.parametrize(("tasks", "expected"), [(True, set()), (False, {"P503"})])
def test_p503_calls_in_a_nodes_body_are_made_again(tasks: bool, expected: set[str]) -> None:
    calls = Record()
    parity = Parity(target({"outline": calling(calls, tasks=tasks)}))
    grid = parity.crash_grid(TOPIC, answers=YES, calls=calls)
    assert rules_of(grid) == expected


def test_p501_what_a_process_keeps_to_itself_is_lost() -> None:
    def build(checkpointer: Any) -> Planner:
        kept: list[str] = []

        def outline(state: Plan) -> Any:
            kept.append("x")
            return toy.outline(state)

        def polish(state: Plan) -> Any:
            return {"topic": "".join(kept)}

        return Planner(checkpointer, outline=outline, polish=polish)

    grid = Parity(target(build=build)).crash_grid(TOPIC, answers=YES)
    assert rules_of(grid) == {"P501"}
    assert {f.detail for f in grid.findings} == {"topic: 'x' became ''"} | {
        f.detail for f in grid.findings if "became 'xx'" in f.detail
    }


def test_p501_the_clock_is_told_once_and_can_be_named_volatile() -> None:
    ticks = itertools.count()
    nodes = {"polish": lambda state: {"topic": f"at {next(ticks)}"}}
    grid = Parity(target(nodes)).crash_grid(TOPIC, answers=TWICE)
    (finding,) = grid.findings
    assert finding.rule == "P501"
    assert "two runs without a crash differ in topic" in finding.detail
    assert grid.cells == []
    by_name = target(nodes, volatile=("topic",))
    assert Parity(by_name).crash_grid(TOPIC, answers=TWICE, points=[9]).ok
    by_function = target(nodes, volatile=lambda values: values["votes"])
    assert Parity(by_function).crash_grid(TOPIC, answers=TWICE, points=[9]).ok


def test_p504_a_coordinator_that_knows_only_sessions_of_its_own_process() -> None:
    def build(checkpointer: Any) -> Planner:
        planner = Planner(checkpointer)
        planner.sessions = set()  # type: ignore[attr-defined]
        return planner

    def entry(app: Any, given: Any, config: Any, answer: Any) -> Any:
        thread = config["configurable"]["thread_id"]
        if given is not None:
            app.sessions.add(thread)
        if thread not in app.sessions:
            raise LookupError("unknown session")
        return app.coordinate(given, config, answer)

    grid = Parity(target(build=build, entry=entry)).crash_grid(TOPIC, answers=YES)
    assert rules_of(grid) == {"P504"}
    assert {f.detail for f in grid.findings} == {"LookupError: unknown session"}


def test_p505_a_coordinator_that_takes_nothing_next_for_the_end() -> None:
    def entry(app: Any, given: Any, config: Any, answer: Any) -> Any:
        if given is None and not app.graph.get_state(config).next:
            return iter(())
        return app.coordinate(given, config, answer)

    grid = Parity(target(entry=entry)).crash_grid(TOPIC, answers=YES)
    assert rules_of(grid) == {"P505"}
    plain = target(entry=entry, terminal=None)
    assert rules_of(Parity(plain).crash_grid(TOPIC, answers=YES)) == {"P505"}


def test_a_run_that_waits_is_compared_as_waiting() -> None:
    grid = Parity(target()).crash_grid(TOPIC)
    assert grid.run.outcome == "waiting"
    assert grid.ok, str(grid)


def test_a_run_that_fails_by_itself_cannot_be_compared() -> None:
    parity = Parity(target({"look_up": lambda state: 1 / 0}))
    with pytest.raises(ParityUsageError, match="fails by itself: ZeroDivisionError"):
        parity.crash_grid(TOPIC)


def test_what_cannot_count_is_refused() -> None:
    with pytest.raises(ParityUsageError, match="does not count"):
        Parity(target()).crash_grid(TOPIC, answers=TWICE, effects=5)


def test_prepared_answers_are_used_once_whatever_the_number_of_cells() -> None:
    with mock_user_input("approve", type="approval", times=1) as human:
        grid = Parity(target()).crash_grid(TOPIC, points=[3, 9])
    assert grid.ok
    assert len(human.questions) == 1


def test_questions_of_the_same_payload_side_by_side_are_different_ones() -> None:
    def ask(state: Any) -> Any:
        return {"done": [f"{state['topic']} {interrupt({'type': 'colour'})}"]}

    def build(checkpointer: Any) -> Any:
        graph = StateGraph(Fanned).add_node("ask", ask)
        sends = [Send("ask", {"topic": name}) for name in "abc"]
        graph.add_conditional_edges(START, lambda state: sends, ["ask"])
        return graph.compile(checkpointer=checkpointer)

    parity = Parity(Target(name="alike", build=build))
    grid = parity.crash_grid({"topic": "x"}, answers={"colour": ["red", "green", "blue"]})
    assert grid.run.values["done"] == ["a red", "b green", "c blue"]
    assert len({question.id for question in grid.run.questions}) == 3
    assert len(grid.cells) >= 20
    assert grid.ok, str(grid)


def test_a_node_of_a_subgraph_that_asks_twice_swallows_nothing_but_may_mistake_an_answer() -> None:
    def ask(state: Any) -> Any:
        return {"done": [interrupt({"type": "colour"}), interrupt({"type": "size"})]}

    def build(checkpointer: Any) -> Any:
        inner = StateGraph(Fanned).add_node("ask", ask).add_edge(START, "ask").compile()
        graph = StateGraph(Fanned).add_node("inside", inner).add_edge(START, "inside")
        return graph.compile(checkpointer=checkpointer)

    parity = Parity(Target(name="nested", build=build))
    grid = parity.crash_grid({"topic": "x"}, answers={"colour": "red", "size": "big"})
    assert [finding.rule for finding in parity.findings] == []
    # LangGraph itself: the answer and the next question are stored below, the root still has the first question.
    assert {(f.rule, f.detail) for f in grid.findings} == {("P501", "done[1]: 'big' became 'red'")}
    assert {c.write for c in grid.cells if c.findings} == {
        "inside ▸ ask: question, answer",
        "inside: question",
    }


def scripted(answers: Any) -> Target:
    """An agent that calls a tool, whose model is made in build."""

    def build(checkpointer: Any) -> Any:
        model = ScriptedChatModel(answers)
        graph = StateGraph(MessagesState)
        graph.add_node("agent", lambda state: {"messages": model.invoke(state["messages"])})
        graph.add_node("tools", lambda state: {"messages": [("user", "sunny")]})
        graph.add_edge(START, "agent").add_edge("tools", "agent")
        graph.add_conditional_edges(
            "agent", lambda state: END if state["messages"][-1].text == "Good." else "tools"
        )
        return graph.compile(checkpointer=checkpointer)

    return Target(name="scripted", build=build)


@pytest.mark.parametrize("answers", [["Weather?", "Good."], {"": ["Weather?", "Good."]}])
def test_a_script_that_begins_again_is_told_in_one_sentence(answers: Any) -> None:
    parity = Parity(scripted(answers))
    (finding,) = parity.crash_grid({"messages": "Oslo"}).findings
    assert finding.rule == "P501"
    assert "a ScriptedChatModel made in build began its list again" in finding.detail


def test_a_script_by_prompt_goes_on() -> None:
    parity = Parity(scripted(lambda messages: "Good." if "sunny" in messages[-1].text else "Hm?"))
    assert parity.crash_grid({"messages": "Oslo"}).ok


def test_a_session_whose_id_the_application_makes_is_found_again() -> None:
    numbers = itertools.count()

    def begin(app: Any, given: Any, thread_id: str) -> str:
        own = f"session-{next(numbers)}"
        config = {"configurable": {"thread_id": own}}
        app.graph.update_state(config, {**given, "decision": own}, as_node=START)
        return own

    grid = Parity(target(begin=begin)).crash_grid(TOPIC, answers=TWICE)
    assert grid.ok, [str(f) for f in grid.findings]


class Fanned(TypedDict):
    topic: str
    done: Annotated[list[str], operator.add]


def test_asynchronous_applications(tmp_path: Path) -> None:
    effects = Record()

    async def work(state: Fanned) -> Any:
        await asyncio.sleep(0)
        return {"done": ["work"]}

    async def mail(state: Fanned) -> Any:
        effects.counter["mail"] += 1
        return {"done": ["mail"]}

    def build(checkpointer: Any, bad: bool = False) -> Any:
        graph = StateGraph(Fanned)
        graph.add_node("work", work).add_node("beside", work)
        graph.add_node("last", mail if bad else work)
        graph.add_edge(START, "work").add_edge(START, "beside").add_edge("work", "last")
        return graph.compile(checkpointer=checkpointer)

    given = Target(name="fan", build=build, variants={"bad": {"bad": True}})

    async def session() -> None:
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "a.sqlite3")) as inner:
            grid = await Parity(given, inner).acrash_grid({"topic": "x"}, effects=effects)
            assert grid.ok, [str(f) for f in grid.findings]
            assert len(grid.cells) >= 16
        grid = await Parity(given, variant="bad").acrash_grid({"topic": "x"}, effects=effects)
        assert rules_of(grid) == {"P502"}

    asyncio.run(session())
