"""Explores what an application makes of human answers, right and wrong, over whole runs."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import inspect
import random
import reprlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parity.coordinator import stream_graph
from langgraph_parity.human import NOBODY, Question, default_of
from langgraph_parity.leg import Leg
from langgraph_parity.onestep import awaited, exhaust
from langgraph_parity.replies import Reply, answers_strategy, hypothesis, options_of, wrong
from langgraph_parity.rules import Finding, ParityError, ParityUsageError, switched_off
from langgraph_parity.target import Target

if TYPE_CHECKING:
    from langgraph_parity.running import Parity

__all__ = ["aexplore", "explore"]

__tracebackhide__ = True

CHOSEN = 12
"""Questions of a run that are answered by chance; later ones get a valid answer."""
ASKED = 60
"""Questions of a run; then nobody answers any more."""
WRONG = 3
"""Wrong answers in a row."""
LEGS = 8
SHRINKING = 5.0
"""Seconds."""
NOT_HERE = ("P304", "P305", "P603", "P604", "P607")
VALUES = ("P201", "P207")
"""What a value in the state may be against."""
UNKNOWN = "0" * 32


def explore(parity: Parity, input: Any = None, *, examples: int = 50, seed: int | None = None) -> None:  # fmt: skip
    """Run sessions through the entry point, each with other answers, and shrink the first that goes wrong.

    A wrong answer must be refused or asked again, must not change the state, and must leave the session such that a
    valid one goes on (P302 for stale answers, P308 for others, P402). Everything a run checks is checked. The sessions
    of an application that can only be awaited get an event loop each.

    Raises:
        ParityError: with what was found; a note has the code that does it again, and the seed.
        ParityUsageError: Hypothesis is missing, or the application must be awaited and so must the exploration.
    """
    entry = parity.target.entry
    asynchronous = inspect.isasyncgenfunction(entry) or (
        entry is stream_graph and awaited(parity.graph)
    )
    if asynchronous and _in_loop():
        raise ParityUsageError(
            f"The target “{parity.target.name}” is asynchronous, and so is the test: use await parity.aexplore(...)."
        )
    _explore(parity, input, examples, seed, asynchronous)


async def aexplore(parity: Parity, input: Any = None, *, examples: int = 50, seed: int | None = None) -> None:  # fmt: skip
    """`explore` for asynchronous applications, from asynchronous code. The sessions run in a thread of their own."""
    await asyncio.to_thread(_explore, parity, input, examples, seed, True)


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _explore(parity: Parity, input: Any, examples: int, seed: int | None, asynchronous: bool) -> None:  # fmt: skip
    package = hypothesis()
    seed = random.randrange(2**32) if seed is None else seed
    worst: list[tuple[list[Finding], _Session]] = []
    until = float("inf")

    def one(data: Any) -> None:
        nonlocal until
        if time.monotonic() > until:
            return
        # A loop of its own, that leaves the one of the test framework alone.
        made = asyncio.Runner(loop_factory=asyncio.new_event_loop) if asynchronous else None
        with made or contextlib.nullcontext() as loop:
            session = _Session(parity, input, data, loop)
            found = session.run()
        # What is shrunk stays what it was: another rule's failure, though smaller, is not it.
        if found and (not worst or found[0].rule == worst[0][0][0].rule):
            worst.append((found, session))
            until = min(until, time.monotonic() + SHRINKING)
            raise ParityError(found)

    test = package.given(package.strategies.data())(one)
    settings = package.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        verbosity=package.Verbosity.quiet,
        suppress_health_check=list(package.HealthCheck),
        report_multiple_bugs=False,
    )
    try:
        package.seed(seed)(settings(test))()
    # Hypothesis raises once more what the worst finding, shrunk, tells better.
    except Exception:
        if not worst:
            raise
    if worst:
        found, session = worst[-1]
        error = ParityError(found)
        error.add_note(session.code(seed))
        raise error


class _Session:
    """One session: its answers drawn by Hypothesis, or all of them valid ones. `loop`: where it is awaited, if it is."""

    def __init__(self, parity: Parity, input: Any, data: Any, loop: asyncio.Runner | None) -> None:
        self.target: Target = parity.target
        self.parity = type(parity)(
            self.target, InMemorySaver(), guard=parity.guard, variant=parity.variant
        )
        self.input, self.data, self.loop = input, data, loop
        self.found: list[Finding] = []
        self.lines: list[list[Any]] = []
        """The answers of each leg."""
        self.by_id: list[str] = []
        self.given: list[Any] = []
        self.good: Any = "yes"
        """The latest answer that may be one."""
        self.asked = self.wrong_in_row = 0
        self.last: tuple[Question, Reply, Any] | None = None
        """A question with the wrong reply it got, and the state it was asked in."""
        self.odd: tuple[Question, Reply, Any] | None = None
        """The latest question, its reply and the state it was asked in, if the reply was not surely a valid one."""
        self.mark = 0
        """How much had been found in its leg before."""
        self.refused: Reply | None = None
        """The reply that failed a run: from there on, all are valid."""
        self.taken = ""
        """What that reply had changed all the same."""

    def run(self) -> list[Finding]:
        """Run to the end or the bound of questions; what was found."""
        leg = self._leg(self.input, None)
        for _ in range(LEGS):
            if leg.run.ended == "done" or self.found or self.asked >= ASKED:
                break
            if leg.run.ended == "failed" and not self._refused(leg):
                break
            if leg.run.ended == "waiting":
                self._ids(leg)
            leg = self._leg(None, leg.run.thread_id)
        theirs = [f for f in self.parity.findings if f.rule not in NOT_HERE]
        off = switched_off()
        return [f for f in dict.fromkeys([*self.found, *theirs]) if f.rule not in off]

    def _leg(self, input: Any, thread_id: str | None) -> Leg:
        self.lines.append([])
        self.mark = 0
        parity, fresh = self.parity, thread_id is None
        name = thread_id or f"explored-{len(parity.runs)}"

        def make() -> Leg:
            leg: Leg = Leg(parity, input, lambda value: self._answer(leg, value), name, None, fresh)
            return leg

        async def awaited_leg() -> Leg:
            leg = make()
            await parity._adrive(leg)
            return leg

        if self.loop is None:
            parity._drive(leg := make())
        else:
            leg = self.loop.run(awaited_leg())
        self._broken(leg)
        if leg.run.ended == "done" and self.last is not None:
            self._accepted("the session went on to its end")
        if leg.run.raised is not None and self.odd is None:  # not for a wrong answer
            said, rule = f"{type(leg.run.raised).__name__}: {leg.run.raised}", "P401"
            if self.refused is not None:
                rule = "P308" if self.taken else "P402"
                taken = f", {self.taken} has changed" if self.taken else ""
                said = f"it was answered with {reprlib.repr(self.refused.value)}{taken}, and no valid answer helps any more: {said}"
            if not any(f.rule == "P606" for f in parity.findings):
                self.found.append(Finding(rule, self.target.name, said))
        return leg

    def _answer(self, leg: Leg, value: Any) -> Any:
        question = leg.run.questions[-1]
        state = leg.graph.get_state(leg.config).values
        self._broken(leg)
        self._asked_again(question, state)
        self.asked += 1
        default = default_of(value, self.target.default_answer)
        default = None if default is NOBODY else default
        reply = self._reply(value, default)
        self.lines[-1].append(reply.value)
        self.odd = None if reply.kind == "valid" else (question, reply, state)
        self.mark = len(leg._found)
        self.good = self.good if default is None else default
        if reply.value is None:
            return None
        bad = wrong(value, default, reply.value)
        self.wrong_in_row = self.wrong_in_row + 1 if bad else 0
        self.last = (question, reply, state) if bad else None
        self.given.append(reply.value)
        return reply.value

    def _reply(self, value: Any, default: Any) -> Reply:
        valid = default if default is not None else next(iter(options_of(value)), None)
        if self.asked > ASKED:
            return Reply("nobody", None)
        if self.refused or self.asked > CHOSEN or self.wrong_in_row >= WRONG:
            return Reply("valid", valid)
        reply: Reply = self.data.draw(answers_strategy(value, default, self.given))
        return reply

    def _broken(self, leg: Leg) -> None:
        """An answer that its node took, and wrote where the state cannot have it, was a wrong one."""
        since, self.mark = leg._found[self.mark :], len(leg._found)
        if self.odd is None or self.odd[1].value is None or self.found:
            return
        question, reply, _ = self.odd
        for broken in [f for f in since if f.rule in VALUES and f.where == question.node][:1]:
            what = f"{question.type} was answered with {reprlib.repr(reply.value)}"
            detail = f"{what}, and then {broken.rule}: {broken.detail}"
            self.found.append(Finding("P308", broken.where, detail))

    def _asked_again(self, question: Question, state: Any) -> None:
        """What came of a wrong answer: is it the same question again, and has nothing changed?"""
        if self.last is None:
            return
        before, _, was = self.last
        if question.type != before.type:
            self._accepted(f"{question.type} was asked next")
        elif question.id == before.id and state != was:
            changed = ", ".join(sorted(_changed(was, state)))
            self._accepted(f"it was asked again, and {changed} has changed")
        self.last = None

    def _accepted(self, what: str) -> None:
        assert self.last is not None
        question, reply, _ = self.last
        rule = "P302" if reply.kind == "duplicated" else "P308"
        detail = f"{question.type} was answered with {reprlib.repr(reply.value)}, and {what}"
        self.found.append(Finding(rule, question.node or question.type, detail))
        self.last = None

    def _refused(self, leg: Leg) -> bool:
        """A run that a wrong answer failed, and no more is known of it: from here on, valid answers must go on."""
        leg.run.looked_at = True
        if self.odd is None:
            return False
        _, reply, was = self.odd
        now = leg.graph.get_state(leg.config).values
        self.taken = ", ".join(sorted(_changed(was, now) - set(self.target.error_fields)))
        if self.last is not None and self.taken:
            self._accepted(f"it failed, and {self.taken} has changed")
        self.last, self.refused, self.odd = None, reply, None
        return not self.found

    def _ids(self, leg: Leg) -> None:
        """Where answers are taken by id: one of a question that is gone, or never was, must be refused."""
        if self.target.resume is None or not leg.run.questions or self.refused:
            return
        config: RunnableConfig = leg.config
        before = leg.graph.get_state(config)
        waiting = {question.id for question in before.interrupts}
        old = [q.id for q in leg.run.questions if q.id not in waiting and q.id]
        for id_ in dict.fromkeys([*old, UNKNOWN]):
            with contextlib.suppress(Exception):
                updates: Any = self.target.resume(leg.app, config, {id_: self.good})
                if self.loop is None:
                    collections.deque(updates, 0)
                else:
                    self.loop.run(exhaust(updates))
            after = leg.graph.get_state(config)
            if after.config != before.config or after.values != before.values:
                what = "an unknown id" if id_ == UNKNOWN else "the id of an answered question"
                self.found.append(Finding("P302", self.target.name, f"by {what}"))
                self.by_id.append(id_)
                return

    def code(self, seed: int) -> str:
        """What does it again, to be pasted into a test."""
        replies = [reply for line in self.lines for reply in line]
        run, resume = (
            ("parity.run", "parity.resume")
            if self.loop is None
            else ("await parity.arun", "await parity.aresume")
        )
        legs = [f"    run = {resume}(run)"] * (len(self.lines) - 1)
        ids = [f'    # then an answer by the id "{id_}"' for id_ in self.by_id]
        text = repr(replies).replace(repr("x" * 100_000), '"x" * 100_000')
        return "\n".join(
            [
                f"It does so again with parity.explore(..., seed={seed}), or with:",
                f"replies = iter({text})",
                "with mock_user_input(lambda question: next(replies, None)):",
                f"    run = {run}({self.input!r})",
                *legs,
                *ids,
            ]
        )


def _changed(was: Any, now: Any) -> set[str]:
    if not isinstance(was, Mapping) or not isinstance(now, Mapping):
        return {"the state"}
    return {str(key) for key in was.keys() | now.keys() if was.get(key) != now.get(key)}
