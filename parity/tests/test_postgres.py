"""Sessions that PostgreSQL keeps: whole, dying, failing, waiting for another process, synchronous and not."""

from __future__ import annotations

import asyncio
import operator
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import psycopg
import pytest
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

import toy
from langgraph_parity import Parity, Target
from langgraph_parity.cases import Case
from langgraph_parity.faults import fault_steps
from langgraph_parity.history import read
from langgraph_parity.performing import aperform, perform
from langgraph_parity.postgres import program
from toy import Plan, target

TOPIC = {"topic": " bread "}
TWICE = {"approval": ["reject", "approve"]}


@pytest.fixture
def saver(postgres: str) -> Iterator[PostgresSaver]:
    with PostgresSaver.from_conn_string(postgres) as made:
        made.setup()
        yield made


def test_a_session_is_kept_there_and_nothing_is_found(saver: Any, postgres: str) -> None:
    parity = Parity(target(), saver)
    run = parity.run(TOPIC, answers=TWICE)
    parity.check()
    assert (run.outcome, run.values["topic"]) == ("done", "bread")
    with psycopg.connect(postgres) as connection:
        sql = "SELECT count(*) FROM checkpoints WHERE thread_id = %s"
        (count,) = connection.execute(sql, (run.thread_id,)).fetchone() or (0,)
    assert count == run.counts["checkpoints"] > 8


def test_a_session_goes_on_in_another_application_over_another_connection(
    saver: Any, postgres: str
) -> None:
    first = Parity(target(), saver)
    run = first.run(TOPIC)
    assert run.outcome == "waiting"
    first.check()
    with PostgresSaver.from_conn_string(postgres) as other:
        second = Parity(target(), other)
        gone_on = second.resume(run.thread_id, answers={"approval": "approve"})
        second.check()
    assert gone_on.outcome == "done"
    assert gone_on.supersteps == [{"approve"}, {"polish"}]
    assert gone_on.values["votes"] == {"left": 1, "right": 1}


def test_every_death(saver: Any) -> None:
    mails: Counter[str] = Counter()

    def polish(state: Plan) -> Any:
        mails["mail"] += 1
        return {"topic": state["topic"].strip()}

    parity = Parity(target({"polish": polish}), saver)
    grid = parity.crash_grid(TOPIC, answers={"approval": "approve"}, effects=lambda: mails)
    assert len(grid.cells) == 2 * grid.run.counts["checkpoints"] + 2 * grid.run.counts["writes"]
    assert {finding.rule for finding in grid.findings} == {"P502"}
    # Everything but what sends the mail is clean.
    struck = [(cell.when, cell.write) for cell in grid.cells if cell.findings]
    assert struck == [("before", "polish: topic")]


def test_a_fault(saver: Any) -> None:
    parity = Parity(target(), saver)
    run = perform(fault_steps(parity, TOPIC, TWICE, "faulty", None, Case("look_up", "timeout", 2)))
    assert (run.outcome, len(run.legs)) == ("done", 2)
    parity.check()
    parity = Parity(target({"outline": toy.swallowing(toy.outline)}), saver)
    perform(fault_steps(parity, TOPIC, TWICE, "swallowed", None, Case("outline", "call")))
    assert {finding.rule for finding in parity.findings} == {"P403"}


def test_a_session_of_another_process_is_recorded(
    saver: Any, postgres: str, tmp_path: Path
) -> None:
    run = Parity(target(), saver).run(TOPIC, answers=TWICE)
    with PostgresSaver.from_conn_string(postgres) as other:
        path = Parity(target(), other).record(run.thread_id, tmp_path / "kept.json")
    tasks = [task for kept in read(path).kept for task in kept.tasks.values()]
    assert Counter(task.node for task in tasks if task.call) == {"outline": 2}
    assert "?" not in {task.node for task in tasks}
    parity = Parity(target())
    assert parity.replay(path) == []


class Fanned(TypedDict):
    topic: str
    done: Annotated[list[str], operator.add]


def test_an_asynchronous_application(postgres: str) -> None:
    mails: Counter[str] = Counter()

    async def work(state: Fanned) -> Any:
        await asyncio.sleep(0)
        return {"done": ["work"]}

    async def mail(state: Fanned) -> Any:
        mails["mail"] += 1
        return {"done": ["mail"]}

    def build(checkpointer: Any, last: Any = work) -> Any:
        graph = StateGraph(Fanned).add_node("work", work).add_node("beside", work)
        graph.add_node("last", last).add_edge("work", "last")
        graph.add_edge(START, "work").add_edge(START, "beside")
        return graph.compile(checkpointer=checkpointer)

    given = Target(name="fan", build=build, variants={"mailing": {"last": mail}})

    async def session() -> None:
        async with AsyncPostgresSaver.from_conn_string(postgres) as inner:
            await inner.setup()
            parity = Parity(given, inner)
            grid = await parity.acrash_grid({"topic": "x"})
            assert len(grid.cells) >= 16
            assert grid.ok, grid.findings
            case = Case("last", "exception")
            faulty = fault_steps(parity, {"topic": "x"}, None, "async", None, case)
            assert (await aperform(faulty)).outcome == "done"
            parity.check()
            parity = Parity(given, inner, variant="mailing")
            grid = await parity.acrash_grid({"topic": "x"}, effects=lambda: mails)
            assert {finding.rule for finding in grid.findings} == {"P502"}

    asyncio.run(session())


def test_a_machine_without_postgresql_is_told_what_to_install() -> None:
    with pytest.raises(RuntimeError, match=r"no-such-program is not here\. .*apt install"):
        program("no-such-program")
