"""LangGraph's own edge: the execution of every node and `@task`, and LangChain's: every model call inside one.

Both are replaced for the length of a block. They lie outside the application and hold for synchronous and
asynchronous graphs, for whatever stands behind a node's name, and inside of retry policies.
"""

from __future__ import annotations

import contextvars
import dataclasses
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.pregel import _runner

__all__ = ["Execution", "Watcher", "watched"]

__tracebackhide__ = True


@dataclasses.dataclass(frozen=True)
class Execution:
    """Something begins: the `number`-th (from 1) execution of a `node` of the root graph, or a part of it."""

    node: str
    number: int
    kind: Literal["node", "inner", "call", "model"]
    """The node itself; a node of a subgraph in it; a `@task`; a model call."""
    task_id: str


class Watcher(Protocol):
    """Looks at executions, and may let them fail."""

    def begins(self, execution: Execution) -> None:
        """It begins; what is raised here is raised in its place."""

    def answer(self, execution: Execution, options: dict[str, Any]) -> AIMessage | None:
        """What a model answers in place of its own answer; `options` has its `tools`."""

    def answers(self, execution: Execution) -> bool:
        """Would `answer` return or raise something?"""


_here: contextvars.ContextVar[Execution | None] = contextvars.ContextVar("here", default=None)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Have `watcher` look at every execution in the block, in whichever thread."""
    numbers: Counter[str] = Counter()
    lock = threading.Lock()

    def begin(task: Any) -> Execution:
        """Note what begins, for what is called inside it."""
        names = str(task.config["metadata"].get("langgraph_checkpoint_ns", task.name)).split("|")
        node = names[0].partition(":")[0]
        call = len(task.path) > 1 and isinstance(task.path[1], tuple)
        kind: Any = "call" if call else "node" if len(names) == 1 else "inner"
        with lock:
            numbers[node] += kind == "node"
            return Execution(node, max(1, numbers[node]), kind, task.id)

    def inside(kind: str, task: Any) -> Execution:
        made, around = begin(task), _here.get()
        if made.kind != "node" and around is not None and around.node == made.node:
            made = dataclasses.replace(made, number=around.number)
        return made

    def of_model() -> Execution | None:
        around = _here.get()
        return None if around is None else dataclasses.replace(around, kind="model")

    class Watched:
        """What a task runs."""

        def __init__(self, task: Any) -> None:
            self._task, self._proc = task, task.proc

        def __getattr__(self, name: str) -> Any:
            return getattr(self._proc, name)

        def invoke(self, *args: Any, **kwargs: Any) -> Any:
            with _within(execution := inside("", self._task)):
                watcher.begins(execution)
                return self._proc.invoke(*args, **kwargs)

        async def ainvoke(self, *args: Any, **kwargs: Any) -> Any:
            with _within(execution := inside("", self._task)):
                watcher.begins(execution)
                return await self._proc.ainvoke(*args, **kwargs)

        async def astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            with _within(execution := inside("", self._task)):
                watcher.begins(execution)
                async for chunk in self._proc.astream(*args, **kwargs):
                    yield chunk

    def run(original: Any) -> Any:
        # The runner keeps the task itself: only what it runs is another.
        return lambda task, *args, **kwargs: original(
            dataclasses.replace(task, proc=Watched(task)), *args, **kwargs
        )

    def generate(original: Any) -> Any:
        def watched(self: Any, messages: Any, *args: Any, **kwargs: Any) -> Any:
            at = of_model()
            made = watcher.answer(at, kwargs) if at else None
            return _result(made) if made else original(self, messages, *args, **kwargs)

        return watched

    def agenerate(original: Any) -> Any:
        async def watched(self: Any, messages: Any, *args: Any, **kwargs: Any) -> Any:
            at = of_model()
            made = watcher.answer(at, kwargs) if at else None
            return _result(made) if made else await original(self, messages, *args, **kwargs)

        return watched

    def stream(original: Any) -> Any:
        def watched(self: Any, input: Any, config: Any = None, **kwargs: Any) -> Any:
            if (at := of_model()) and watcher.answers(at):
                yield _chunk(self.invoke(input, config, **kwargs))
            else:
                yield from original(self, input, config, **kwargs)

        return watched

    def astream(original: Any) -> Any:
        async def watched(self: Any, input: Any, config: Any = None, **kwargs: Any) -> Any:
            if (at := of_model()) and watcher.answers(at):
                yield _chunk(await self.ainvoke(input, config, **kwargs))
            else:
                async for chunk in original(self, input, config, **kwargs):
                    yield chunk

        return watched

    replaced: list[tuple[Any, str, Callable[[Any], Any]]] = [
        (_runner, "run_with_retry", run),
        (_runner, "arun_with_retry", run),
        (BaseChatModel, "_generate_with_cache", generate),
        (BaseChatModel, "_agenerate_with_cache", agenerate),
        (BaseChatModel, "stream", stream),
        (BaseChatModel, "astream", astream),
    ]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    try:
        for owner, name, make in replaced:
            setattr(owner, name, make(getattr(owner, name)))
        yield
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


@contextmanager
def _within(execution: Execution) -> Iterator[None]:
    before = _here.get()
    _here.set(execution)
    try:
        yield
    finally:
        _here.set(before)


def _result(message: AIMessage) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=message)])


def _chunk(message: AIMessage) -> AIMessageChunk:
    broken = [
        tool_call_chunk(name=c["name"], args=c["args"], id=c["id"], index=i)
        for i, c in enumerate(message.invalid_tool_calls)
    ]
    return AIMessageChunk(
        content=message.content,
        additional_kwargs=message.additional_kwargs,
        response_metadata=message.response_metadata,
        tool_call_chunks=broken,
        id=message.id,
    )
