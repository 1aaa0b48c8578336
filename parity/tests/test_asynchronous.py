"""Checkpointers that can only be awaited: their sessions are recorded, and looked at after the test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from langgraph_parity import Parity, ParityUsageError, Target, replay
from langgraph_parity.history import read

FIRST: Any = {"configurable": {"thread_id": "first"}}


class Order(TypedDict, total=False):
    item: str
    answer: str
    place: str


async def ask(state: Order) -> Any:
    await asyncio.sleep(0)
    return {"answer": f"{interrupt({'type': 'one'})} {interrupt({'type': 'two'})}"}


async def look_up(state: Order) -> Any:
    return {"place": 5 if state["item"] == "a lost lamp" else "shelf"}


def build(checkpointer: Any) -> Any:
    graph = StateGraph(Order).add_node("ask", ask).add_node("look_up", look_up)
    graph.add_edge(START, "ask").add_edge(START, "look_up")
    return graph.compile(checkpointer=checkpointer)


TARGET = Target(name="shop", build=build)


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        yield runner


@pytest.fixture(params=["sqlite", "postgres"])
def saver(request: Any, loop: asyncio.Runner, tmp_path: Path) -> Iterator[Any]:
    if request.param == "sqlite":
        around: Any = AsyncSqliteSaver.from_conn_string(str(tmp_path / "x.sqlite3"))
    else:
        address = request.getfixturevalue("postgres")
        around = AsyncPostgresSaver.from_conn_string(address)
    made = loop.run(around.__aenter__())
    loop.run(made.setup())
    loop.run(made.adelete_thread("first"))
    yield made
    loop.run(around.__aexit__(None, None, None))


class Awaited(InMemorySaver):
    """One that has nothing but the asynchronous half, and tells no event loop."""

    def _refuse(self, *given: Any, **more: Any) -> Any:
        raise NotImplementedError

    list = get_tuple = put = put_writes = _refuse

    async def aget_tuple(self, config: Any) -> Any:
        return InMemorySaver.get_tuple(self, config)

    async def aput(self, *given: Any) -> Any:
        return InMemorySaver.put(self, *given)

    async def aput_writes(self, *given: Any) -> Any:
        InMemorySaver.put_writes(self, *given)

    async def alist(self, *given: Any, **more: Any) -> Any:
        for one in InMemorySaver.list(self, *given, **more):
            yield one


def test_a_session_is_recorded(saver: Any, loop: asyncio.Runner, tmp_path: Path) -> None:
    parity = Parity(TARGET, saver)
    run = loop.run(parity.arun({"item": "a lamp"}, answers={"one": "yes", "two": "no"}))
    assert run.outcome == "done"
    with pytest.raises(ParityUsageError, match=r"Saver, is asynchronous: use await parity.arec"):
        parity.record(run, tmp_path / "x.json")
    path = loop.run(parity.arecord(run, tmp_path / "kept.json"))
    assert replay(path, TARGET) == []
    # A process that has seen nothing of it asks the store for everything.
    other = loop.run(Parity(TARGET, saver).arecord(run.thread_id, tmp_path / "other.json"))
    tasks = [task.node for kept in read(other).kept for task in kept.tasks.values()]
    assert sorted(set(tasks)) == ["__start__", "ask", "look_up"]
    with pytest.raises(ParityUsageError, match="There is no thread “nowhere”"):
        loop.run(parity.arecord("nowhere", tmp_path / "x.json"))


def test_a_checkpointer_of_ones_own_is_recorded(loop: asyncio.Runner, tmp_path: Path) -> None:
    parity = Parity(TARGET, Awaited())
    run = loop.run(parity.arun({"item": "a lamp"}, answers={"one": "yes", "two": "no"}))
    with pytest.raises(ParityUsageError, match="The checkpointer, Awaited, is asynchronous"):
        parity.record(run, tmp_path / "x.json")
    assert replay(loop.run(parity.arecord(run, tmp_path / "kept.json")), TARGET) == []


async def by_hand(parity: Parity, item: str) -> None:
    async for _ in parity.app.astream({"item": item}, FIRST, durability="sync"):
        pass


def rules(parity: Parity) -> set[str]:
    return {finding.rule for finding in parity.findings}


def test_a_thread_driven_by_hand_is_looked_at(saver: Any, loop: asyncio.Runner) -> None:
    parity = Parity(TARGET, saver)
    loop.run(by_hand(parity, "a lost lamp"))
    parity.check_threads()
    assert rules(parity) == {"P201"}
    found = len(parity.findings)
    parity.check_threads()
    assert len(parity.findings) == found


@pytest.mark.parametrize("kind", [Awaited, InMemorySaver])
def test_a_thread_of_a_checkpointer_without_a_loop_is_looked_at(kind: Any) -> None:
    parity = Parity(TARGET, kind())
    asyncio.run(by_hand(parity, "a lost lamp"))
    parity.check_threads()
    assert rules(parity) == {"P201"}


def test_what_cannot_be_read_any_more_is_told(tmp_path: Path) -> None:
    async def session(check: bool) -> Parity:
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / f"{check}.sqlite3")) as saver:
            parity = Parity(TARGET, saver)
            await by_hand(parity, "a lost lamp")
            if check:
                await parity.acheck_threads()
            return parity

    parity = asyncio.run(session(check=False))
    with pytest.warns(UserWarning, match=r"thread first is not checked.*acheck_threads\(\)"):
        parity.check_threads()
    parity = asyncio.run(session(check=True))
    parity.check_threads()
    assert rules(parity) == {"P201"}


def test_the_plugin_looks_at_them(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(shop=Path(__file__).read_text())
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    pytester.makepyfile(
        """
        import pytest, shop
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        pytestmark = pytest.mark.anyio

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.fixture
        def parity_target():
            return shop.TARGET

        @pytest.fixture
        async def parity_saver(tmp_path):
            async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "x.sqlite3")) as saver:
                yield saver

        async def test_lost(parity):
            await shop.by_hand(parity, "a lost lamp")

        async def test_kept(parity):
            await shop.by_hand(parity, "a lamp")
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["P201 *thread first*"])
