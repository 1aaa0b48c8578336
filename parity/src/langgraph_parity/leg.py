"""One run of an application: what it is asked, what it yields, how it ends."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import psutil
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphInterrupt, GraphRecursionError
from langgraph.types import Interrupt, StateSnapshot

from langgraph_parity.checks import SessionChecks, StateChecks, fingerprint
from langgraph_parity.coordinator import astream_graph, stream_graph
from langgraph_parity.human import NOBODY, Answers, Question, Unanswered, ask
from langgraph_parity.rules import Finding, ParityUsageError
from langgraph_parity.runs import Run
from langgraph_parity.saver import NeverEnds
from langgraph_parity.target import active, question_type
from langgraph_parity.writes import Writes

if TYPE_CHECKING:
    from langgraph_parity.running import Parity

__all__ = ["Leg"]

__tracebackhide__ = True


class Leg:
    """One run, while it happens."""

    def __init__(
        self,
        parity: Parity,
        input: Any,
        answers: Any,
        thread_id: str,
        limit: int | None,
        fresh: bool,
    ) -> None:
        self.parity, self.target, self.saver = parity, parity.target, parity.saver
        self.answers = Answers(answers)
        self.app = parity.rebuild()
        self.graph = parity.graph
        self.checks = StateChecks(self.target, self.graph)
        self.input, self._fresh = input, fresh
        self.limit = limit if limit is not None else self.target.superstep_limit
        self.run = Run(thread_id)
        self.before: Any = {}
        self._answered: tuple[Question, int] | None = None
        """The question answered last, and what was written until then."""
        self._broken: list[str] = []
        """What the thread failed with before, if nothing comes next in it."""
        self._round, self._told = -1, set[str]()
        """The ids of the questions that were asked since the last write."""
        self._found: list[Finding] = []

    def __enter__(self) -> Leg:
        self._stack = ExitStack()
        self._stack.enter_context(self.parity.guard)
        self.parity.guard.asking.clear()  # a process that died did not get to store its question
        active.append(self.target)
        self._stack.callback(active.remove, self.target)
        # One checkpoint for the input, and one for a session's beginning.
        self.saver.limit(self.limit + 2, 2 * self.target.time_limit)
        self._stack.callback(self.saver.limit, None)
        self._mark = self._seen = self.saver.mark()
        self._refused = len(self.saver.refused)
        self._counts, self._shape = self.saver.counts, fingerprint(self.graph)
        self._offsets: dict[str, int] = {}
        self._rss, self._clock = psutil.Process().memory_info().rss, time.perf_counter()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()
        self.parity.runs.append(self.run)
        self.parity.add(*self._found)

    @property
    def config(self) -> RunnableConfig:
        """Where the run is, for LangGraph."""
        where = {"thread_id": self.run.thread_id}
        return {"configurable": where, "recursion_limit": self.limit}

    def begin(self) -> Any:
        """Create the session, where that is apart from streaming."""
        if self.target.begin is None or not self._fresh:
            return None
        made = self.target.begin(self.app, self.input, self.run.thread_id)
        return made if inspect.isawaitable(made) else self.moved(made)

    def moved(self, thread_id: Any) -> None:
        """The session has the id the application gave it."""
        self.run.thread_id, self.input = str(thread_id or self.run.thread_id), None

    def stands(self, snapshot: StateSnapshot) -> RunnableConfig:
        """The thread is gone on with from here; returns which checkpoint that is."""
        if not snapshot.next:  # a node failed after it had written, so it does not run again
            self._broken = [str(task.error) for task in snapshot.tasks if task.error]
        return snapshot.config

    def stream(self, *, asynchronous: bool) -> Any:
        """The updates of the production entry point."""
        entry, app = self.target.entry, self.app
        if entry is stream_graph or entry is astream_graph:
            entry, app = (astream_graph if asynchronous else stream_graph), self.graph
        given = (app, self.input, self.config, self.answer)
        try:
            inspect.signature(entry).bind(*given)
        except TypeError as error:
            raise ParityUsageError(
                f"The entry of “{self.target.name}” cannot be called as entry(app, input, config, answer): {error}."
            ) from None
        except ValueError:  # it does not tell its parameters
            pass
        updates = entry(*given)
        if not hasattr(updates, "__aiter__" if asynchronous else "__iter__"):
            kind = "synchronous" if asynchronous else "asynchronous"
            if hasattr(updates, "__iter__" if asynchronous else "__aiter__"):
                other = "parity.run(...)" if asynchronous else "await parity.arun(...)"
                raise ParityUsageError(f"The entry of “{self.target.name}” is {kind}: use {other}.")
            raise ParityUsageError(
                f"The entry of “{self.target.name}” returned a {type(updates).__name__}. It must yield updates: "
                "entry(app, input, config, answer) -> iterator of {node: update}."
            )
        return updates

    def answer(self, value: Any) -> Any:
        """Where the human is: the answer to a question's payload, or None."""
        id_, node, path = self._asker(value)
        kind = self.target.question_type(value)
        if kind == "question" and node and self.target.question_type is question_type:
            kind = node
        question = Question(kind, id_, value, node=node, path=path)
        self._asked_anew(question)
        self.run.questions.append(question)
        self._found += self.checks.question(node or kind, value)
        if len(self.run.questions) > self.limit:
            raise NeverEnds(f"more than {self.limit} questions")
        try:
            given = ask(question, self.answers, self.target.default_answer)
        except Unanswered:
            self._found.append(Finding("P305", node or kind, f"type {kind}, the list is used up"))
            given = NOBODY
        if given is NOBODY:
            return None
        self._answered = (question, self.saver.mark())
        return given

    def _asked_anew(self, question: Question) -> None:
        """Is it the same question again, from a run of the graph that was not told the answer?"""
        if self._answered is None or self._answered[0].value != question.value:
            return
        written = [w for w in self.saver.written[self._answered[1] :] if w.thread_id == self.run.thread_id]  # fmt: skip
        channels = {channel for w in written for channel, _ in w.writes}
        if "__interrupt__" in channels and "__resume__" not in channels:
            self._found.append(Finding("P307", question.node or question.type))

    def saw(self, update: Any, values: Any) -> None:
        """An update came, and `values` is what is committed."""
        self.run.updates.append(update)
        names = [n for n in update if n in self.graph.nodes] if isinstance(update, Mapping) else []
        beside = self.saver.since(self._seen, self.run.thread_id)
        self._seen = self.saver.mark()
        for node in names:
            self._found += self.checks.update(node, update[node], self.before, values, beside)
            self._found += self.checks.projection(node, self.app, values)
            if node not in self._offsets:
                self._offsets[node] = self._ran_before(node)
            if self.saver.durable(self.run.thread_id, node, self._offsets[node]) is False:
                self._found.append(Finding("P104", node))
            self._offsets[node] += 1
        self.before = values

    def failed(self, error: BaseException) -> None:
        """The entry raised."""
        if isinstance(error, ParityUsageError):
            self.run.looked_at = True
            raise error
        self.run.raised = error
        if self.target.entry is stream_graph and str(error).startswith("No synchronous function"):
            self.run.looked_at = True
            raise ParityUsageError(
                f"The graph of “{self.target.name}” has asynchronous nodes: use `await parity.arun(...)`."
            ) from None

    def finish(self, snapshot: StateSnapshot) -> None:
        """The run is over: how did it end, and what did it leave?"""
        run, where = self.run, self.target.name
        run.seconds = time.perf_counter() - self._clock
        run.rss_growth = psutil.Process().memory_info().rss - self._rss
        run.values = (
            dict(snapshot.values)
            if isinstance(snapshot.values, Mapping)
            else {"__root__": snapshot.values}
        )
        run.supersteps = self.saver.supersteps(self._mark, run.thread_id)
        run.ways = self.saver.ways(self._mark, run.thread_id)
        counts = self.saver.counts
        run.counts = {key: counts[key] - self._counts[key] for key in counts}
        run.counts["updates"] = len(run.updates)
        for question in run.questions:
            if question.id is None:
                question.id, question.node, question.path = self._asker(question.value)
        found = self._found
        unkept = [f for w in self.saver.refused[self._refused :] for f in self.checks.refused(w)]
        found += unkept
        run.looked_at = run.looked_at or bool(unkept)
        if isinstance(run.raised, GraphInterrupt):
            run.ended, run.raised = "waiting", None
        elif isinstance(run.raised, NeverEnds | GraphRecursionError):
            late = isinstance(run.raised, NeverEnds) and "stopped" in str(run.raised)
            detail = str(run.raised) if late else f"{self.limit} supersteps"
            found.append(Finding("P606", where, detail))
            run.looked_at = True
        elif (run.raised is None and snapshot.interrupts) or (
            run.raised is None and snapshot.next and self._breakpoints()
        ):
            run.ended = "waiting"
        elif run.raised is None:
            errors = [repr(task.error) for task in snapshot.tasks if task.error]
            checks = SessionChecks(self.target)
            wrong = list(checks.ended(where, snapshot, errors))
            if self._broken and not run.supersteps and checks.done(snapshot.values) is None:
                wrong.append(Finding("P505", where, f"nothing ran after {self._broken[0]}"))
            found += wrong
            run.ended = "failed" if any(f.rule in ("P505", "P602") for f in wrong) else "done"
            run.looked_at = run.ended == "failed"
        if run.ended != "failed":
            found += self.answers.findings()
        found += self.checks.begun(self.saver.since(self._mark, run.thread_id), self.input)
        if not any(f.rule in ("P201", "P205", "P207") for f in found):
            found += self.checks.whole(f"end of {where}", snapshot.values)
        found += SessionChecks(self.target).resources(where, run.seconds, run.rss_growth)
        if fingerprint(self.graph) != self._shape:
            found.append(Finding("P605", where))
        if run.updates and not run.counts["checkpoints"]:
            found.append(Finding("P102", f"build of {where}", "another one is used"))

    def without_checkpointer(self) -> Run:
        """Nothing can be run, and P102 says so."""
        self.run.raised = ParityUsageError(
            f"The target “{self.target.name}” builds a graph without a checkpointer. "
            "Pass the argument of build on: builder.compile(checkpointer=checkpointer)."
        )
        self.run.looked_at = True
        return self.run

    def _breakpoints(self) -> bool:
        return bool(self.graph.interrupt_before_nodes or self.graph.interrupt_after_nodes)

    def _ran_before(self, node: str) -> int:
        since = self.saver.since(self._mark, self.run.thread_id)
        now = sum(w.node == node for w in since)
        return self.saver.ran(self.run.thread_id, node) - now

    def _asker(self, value: Any) -> tuple[str | None, str | None, str]:
        """Id, node and path of the waiting question with this payload, as its task stored it.

        Each is told once in a round: questions of the same payload, asked side by side, are different ones.
        """
        if self._round != self.saver.mark():
            self._round, self._told = self.saver.mark(), set()
        asked = self._asked()
        kind = self.target.question_type(value)
        for fits in (
            lambda stored: stored is value,
            lambda stored: stored == value,
            lambda stored: kind != "question" and self.target.question_type(stored) == kind,
        ):
            fitting = [(one, by) for one, by in asked if fits(one.value)]
            for one, by in sorted(fitting, key=lambda found: found[0].id in self._told):
                self._told.add(one.id)
                return one.id, by.node, by.path
        return None, None, ""

    def _asked(self) -> list[tuple[Interrupt, Writes]]:
        """The questions of the thread, with what stored them: first those that wait, in the order of their tasks."""
        written = [w for w in self.saver.written if w.thread_id == self.run.thread_id and w.at_root]
        latest = {w.task_id: w for w in written if {c for c, _ in w.writes} != {"__resume__"}}
        waiting = sorted(latest.values(), key=lambda w: w.path)
        return [
            (one, w)
            for w in (*waiting, *reversed(written))
            for channel, several in w.writes
            if channel == "__interrupt__"
            for one in several
        ]
