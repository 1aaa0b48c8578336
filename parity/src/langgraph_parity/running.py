"""Runs an application as production does, and looks at everything on the way."""

from __future__ import annotations

import inspect
import uuid
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import StateSnapshot

from langgraph_parity import coverage
from langgraph_parity.checks import SessionChecks, StateChecks, validate_state_consistency
from langgraph_parity.coordinator import Graph
from langgraph_parity.explore import aexplore, explore
from langgraph_parity.guard import Guard
from langgraph_parity.history import arecord, record
from langgraph_parity.leg import Leg
from langgraph_parity.performing import Performer, aperform, perform
from langgraph_parity.replay import replay
from langgraph_parity.rules import Finding, ParityError
from langgraph_parity.runs import Run
from langgraph_parity.saver import Died, NeverEnds, WatchedSaver
from langgraph_parity.stored import astanding, in_loop_of, standing
from langgraph_parity.target import Target, checked

if TYPE_CHECKING:
    from langgraph_parity.grid import Grid

__all__ = ["Parity", "Run", "run"]

__tracebackhide__ = True


class Parity:
    """A target and a checkpointer, to run sessions on; collects what is wrong in `findings`.

    Every `run` and `resume` builds the application anew over the same `saver`, as a new process would.
    """

    def __init__(
        self,
        target: Target,
        saver: BaseCheckpointSaver[Any] | None = None,
        *,
        guard: Guard | None = None,
        variant: str | None = None,
        seed: int = 0,
    ) -> None:
        self.target = checked(target)
        inner = saver if saver is not None else InMemorySaver()
        watched = issubclass(type(inner), WatchedSaver)  # isinstance would ask the saver inside
        self.saver: WatchedSaver = inner if watched else WatchedSaver(inner)  # type: ignore[assignment]
        self.guard = guard or Guard()
        self.saver.listeners.append(self.guard.stored)
        self.variant = variant
        self.performer: Performer | None = None
        """Performs `run` and `arun` in a way of its own: as a crash grid, or with a fault."""
        self.seed = seed
        """What faults and exploration draw from: the option `--parity-seed`."""
        self.runs: list[Run] = []
        self.graphs: list[Graph] = []
        """The root graphs of every application built."""
        self.allocated = ""
        """Who allocated most, for the findings about memory; told by the option `--parity-memray`."""
        self._app: Any = None
        self._found: list[Finding] = []
        self._checked = 0
        """How much was written when the threads driven without `run` were last checked."""
        coverage.made(self)

    @property
    def app(self) -> Any:
        """The latest application; it is built on first use."""
        return self._app if self.graphs else self.rebuild()

    @property
    def graph(self) -> Graph:
        """The latest application's root graph."""
        return self.target.graph_of(self.app)

    @property
    def findings(self) -> list[Finding]:
        """All findings so far, each once."""
        path = self.guard.findings(self.target, self.graphs)
        unseen = [r for r in self.runs if r.ended == "failed" and not r.looked_at]
        failed = [
            Finding("P607", r.thread_id, f"{type(r.raised).__name__}: {r.raised}") for r in unseen
        ]
        found = dict.fromkeys([*path, *self._found, *failed])
        if not self.allocated:
            return list(found)
        most = f"; allocated most: {self.allocated}"
        return [replace(f, detail=f.detail + most) if f.rule == "P603" else f for f in found]

    def add(self, *findings: Finding) -> None:
        """Add findings of one's own."""
        self._found += findings

    def check(self) -> None:
        """Raise ParityError if anything was found."""
        if findings := self.findings:
            raise ParityError(findings)

    def rebuild(self) -> Any:
        """Build the application anew, as a new process would have it."""
        self._app = self.target.make(self.saver, self.variant)
        graph = self.target.graph_of(self._app)
        self.graphs.append(graph)
        if not graph.checkpointer:
            self.add(Finding("P102", f"build of {self.target.name}"))
        return self._app

    def check_threads(self) -> None:
        """Check what is left in the threads that were driven without `run`; a warning tells of those that cannot be read."""
        if self.saver.synchronous:
            for thread_id in self._by_hand():
                self._check_thread(thread_id, standing(self.graph, _config(thread_id)))
            self._checked = self.saver.mark()
        elif threads := self._by_hand():
            try:
                in_loop_of(self.saver, self.acheck_threads())
            except Exception as error:
                warnings.warn(
                    f"What is left in thread {', '.join(threads)} is not checked, for the checkpointer cannot be read "
                    f"({type(error).__name__}: {error}). Where its event loop runs: await parity.acheck_threads().",
                    stacklevel=2,
                )

    async def acheck_threads(self) -> None:
        """`check_threads` for asynchronous checkpointers, where their event loop runs."""
        for thread_id in self._by_hand():
            self._check_thread(thread_id, await astanding(self.graph, _config(thread_id)))
        self._checked = self.saver.mark()

    def _by_hand(self) -> list[str]:
        """Threads that were driven without `run`, since they were checked."""
        driven = {run.thread_id for run in self.runs}
        written = self.saver.written[self._checked :] if self.graphs else []
        return [id_ for id_ in dict.fromkeys(w.thread_id for w in written) if id_ not in driven]

    def _check_thread(self, thread_id: str, snapshot: StateSnapshot) -> None:
        checks = StateChecks(self.target, self.graph)
        self.add(*checks.whole(f"thread {thread_id}", snapshot.values))
        if not snapshot.interrupts and not snapshot.next:
            errors = [repr(task.error) for task in snapshot.tasks if task.error]
            self.add(*SessionChecks(self.target).ended(f"thread {thread_id}", snapshot, errors))

    def validate_state_consistency(self, snapshot: Any) -> dict[str, Any]:
        """Check a whole state: `{"is_valid": bool, "errors": [text, ...]}`."""
        return validate_state_consistency(snapshot, self.target)

    def run(
        self,
        input: Any = None,
        *,
        answers: Any = None,
        thread_id: str | None = None,
        limit: int | None = None,
    ) -> Run:
        """Begin a session where production begins it, and drive it to its end or to a question nobody answers.

        `answers`: question type -> answer or list of answers, a function of the question, a Human, or None (then
        `mock_user_input` and the target's default answer). `limit`: supersteps, instead of the target's.
        """
        thread_id = thread_id or str(uuid.uuid4())
        if self.performer is not None:
            return perform(self.performer(self, input, answers, thread_id, limit))
        return self._drive(Leg(self, input, answers, thread_id, limit, True))

    def resume(self, run: Run | str, answers: Any = None) -> Run:
        """Go on with a thread in a new application over the same saver."""
        return self._drive(Leg(self, None, answers, _thread(run), None, False))

    async def arun(
        self,
        input: Any = None,
        *,
        answers: Any = None,
        thread_id: str | None = None,
        limit: int | None = None,
    ) -> Run:
        """`run` for asynchronous applications."""
        thread_id = thread_id or str(uuid.uuid4())
        if self.performer is not None:
            return await aperform(self.performer(self, input, answers, thread_id, limit))
        return await self._adrive(Leg(self, input, answers, thread_id, limit, True))

    async def aresume(self, run: Run | str, answers: Any = None) -> Run:
        """`resume` for asynchronous applications."""
        return await self._adrive(Leg(self, None, answers, _thread(run), None, False))

    def crash_grid(self, input: Any = None, **options: Any) -> Grid:
        """Die before and after every checkpoint write of a run, and go on: see `crashes.crash_grid`."""
        from langgraph_parity.crashes import crash_grid

        return crash_grid(self, input, **options)

    async def acrash_grid(self, input: Any = None, **options: Any) -> Grid:
        """`crash_grid` for asynchronous applications."""
        from langgraph_parity.crashes import acrash_grid

        return await acrash_grid(self, input, **options)

    def record(self, run: Run | str, path: str | Path) -> Path:
        """Keep the history of a thread in a file (see `langgraph_parity.history`)."""
        return record(self, run, path)

    async def arecord(self, run: Run | str, path: str | Path) -> Path:
        """`record` for asynchronous checkpointers."""
        return await arecord(self, run, path)

    def replay(self, path: str | Path, *, volatile: Sequence[str] = ()) -> list[Finding]:
        """Run the target's code against a kept history; what has changed is returned, and among the findings."""
        found = replay(path, self.target, volatile=volatile, variant=self.variant)
        self.add(*found)
        return found

    def explore(self, input: Any = None, examples: int = 50, seed: int | None = None) -> None:
        """Run sessions with human answers of every kind (see `langgraph_parity.explore`); needs Hypothesis."""
        explore(self, input, examples=examples, seed=seed)

    async def aexplore(
        self, input: Any = None, examples: int = 50, seed: int | None = None
    ) -> None:
        """`explore` from asynchronous code."""
        await aexplore(self, input, examples=examples, seed=seed)

    def _drive(self, leg: Leg) -> Run:
        with leg:
            if not leg.graph.checkpointer:
                return leg.without_checkpointer()
            try:
                leg.begin()
                latest = leg.stands(leg.graph.get_state(leg.config))
                leg.before = leg.graph.get_state(latest).values
                for update in leg.stream(asynchronous=False):
                    leg.saw(update, leg.graph.get_state(leg.config).values)
            except (Exception, Died, NeverEnds) as error:
                leg.failed(error)
            leg.finish(standing(leg.graph, leg.config))
        return leg.run

    async def _adrive(self, leg: Leg) -> Run:
        with leg:
            if not leg.graph.checkpointer:
                return leg.without_checkpointer()
            try:
                if inspect.isawaitable(begun := leg.begin()):
                    leg.moved(await begun)
                latest = leg.stands(await leg.graph.aget_state(leg.config))
                leg.before = (await leg.graph.aget_state(latest)).values
                async for update in leg.stream(asynchronous=True):
                    leg.saw(update, (await leg.graph.aget_state(leg.config)).values)
            except (Exception, Died, NeverEnds) as error:
                leg.failed(error)
            leg.finish(await astanding(leg.graph, leg.config))
        return leg.run


def run(
    target: Target,
    input: Any = None,
    *,
    answers: Any = None,
    saver: BaseCheckpointSaver[Any] | None = None,
) -> Run:
    """One run without pytest.

    Raises:
        ParityError: something was found.
    """
    parity = Parity(target, saver)
    made = parity.run(input, answers=answers)
    parity.check()
    return made


def _config(thread_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id}}


def _thread(run: Run | str) -> str:
    return run if isinstance(run, str) else run.thread_id
