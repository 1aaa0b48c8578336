"""The kit's own coordinator, for applications that have none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Interrupt, StateSnapshot

__all__ = ["astream_graph", "stream_graph"]

__tracebackhide__ = True

Graph = CompiledStateGraph[Any, Any, Any, Any]
Answer = Callable[[Any], Any]

MODES: Any = ["updates", "values"]


def stream_graph(
    graph: Graph, input: Any, config: RunnableConfig, answer: Answer
) -> Iterator[dict[str, Any]]:
    """Run a thread to its end or to a question that nobody answers; yield `{node: update}`, each once it is saved.

    `input` None goes on from where the thread stands. `answer(question)` returns None for no answer. Several
    questions at once are answered together.
    """
    given = input
    if given is None:
        snapshot = graph.get_state(config)
        if _ended(snapshot):
            return
        if snapshot.interrupts:
            answers = _answers(snapshot.interrupts, answer)
            if not answers:
                return
            given = _resume(answers, graph.get_state(config))
    while True:
        held = _Held(graph)
        for mode, chunk in graph.stream(given, config, stream_mode=MODES, durability="sync"):
            yield from held.take(mode, chunk)
        yield from held.updates
        answers = _answers(graph.get_state(config).interrupts, answer)
        if not answers:
            return
        given = _resume(answers, graph.get_state(config))


async def astream_graph(
    graph: Graph, input: Any, config: RunnableConfig, answer: Answer
) -> AsyncIterator[dict[str, Any]]:
    """`stream_graph` for asynchronous graphs."""
    given = input
    if given is None:
        snapshot = await graph.aget_state(config)
        if _ended(snapshot):
            return
        if snapshot.interrupts:
            answers = _answers(snapshot.interrupts, answer)
            if not answers:
                return
            given = _resume(answers, await graph.aget_state(config))
    while True:
        held = _Held(graph)
        async for mode, chunk in graph.astream(given, config, stream_mode=MODES, durability="sync"):
            for update in held.take(mode, chunk):
                yield update
        for update in held.updates:
            yield update
        answers = _answers((await graph.aget_state(config)).interrupts, answer)
        if not answers:
            return
        given = _resume(answers, await graph.aget_state(config))


class _Held:
    """The updates of the running superstep: they come before its checkpoint, and are handed out after it."""

    def __init__(self, graph: Graph) -> None:
        self.updates: list[dict[str, Any]] = []
        self._nodes = graph.nodes
        self._waiting = False

    def take(self, mode: str, chunk: Any) -> list[dict[str, Any]]:
        if mode == "updates":
            self._waiting = self._waiting or "__interrupt__" in chunk
            if not chunk.get("__metadata__", {}).get("cached"):
                self.updates += [{name: chunk[name]} for name in chunk if name in self._nodes]
            return []
        if (
            self._waiting
        ):  # the step is not committed: what finished in it is kept beside its checkpoint
            return []
        ready, self.updates = self.updates, []
        return ready


def _ended(snapshot: StateSnapshot) -> bool:
    return bool(snapshot.values) and not snapshot.next and not snapshot.tasks


def _answers(questions: Sequence[Interrupt], answer: Answer) -> dict[str, Any]:
    given = {question.id: answer(question.value) for question in questions}
    return {id_: value for id_, value in given.items() if value is not None}


def _resume(answers: Mapping[str, Any], snapshot: StateSnapshot) -> Command[Any]:
    if gone := set(answers) - {question.id for question in snapshot.interrupts}:
        raise RuntimeError(
            f"The question {', '.join(sorted(gone))} was answered elsewhere meanwhile."
        )
    return Command(resume=dict(answers))
