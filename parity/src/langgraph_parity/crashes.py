"""Die before and after every checkpoint write of a run, go on in a new application, and compare."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage
from langgraph.constants import START

from langgraph_parity import coverage
from langgraph_parity.again import Again, nobody_else
from langgraph_parity.counted import Counted
from langgraph_parity.edge import Execution, watched
from langgraph_parity.grid import Cell, Grid, When, at, with_findings
from langgraph_parity.leg import Leg
from langgraph_parity.models import models_made
from langgraph_parity.mortal import Mortal
from langgraph_parity.performing import Steps, aperform, perform
from langgraph_parity.plain import unlike
from langgraph_parity.rules import Finding, ParityUsageError, positive
from langgraph_parity.runs import Run
from langgraph_parity.saver import Died
from langgraph_parity.writes import NULL_TASK

if TYPE_CHECKING:
    from langgraph_parity.running import Parity

__all__ = ["acrash_grid", "chosen", "crash_grid", "crash_steps"]

__tracebackhide__ = True

BEGAN_AGAIN = (
    "a ScriptedChatModel made in build began its list again in the new application: "
    "script it by a function of the messages, or by prompts"
)

Points = Iterable[int] | Callable[[int], Iterable[tuple[int, When]]] | None


def crash_grid(parity: Parity, input: Any = None, **options: Any) -> Grid:
    """Run once undisturbed, then die before and after every checkpoint write, and resume in a new application.

    Options: `answers` as in `Parity.run`; `effects` and `calls`, records of what was done to the outside and of model
    calls: anything with `counts() -> Counter`, the kit's `Effects` and `ScriptedChatModel`, or a function that returns a
    Counter; `points`, the numbers of the writes to die at (default: all).

    Every cell is a session of its own in the same checkpointer, so what stands in for the outside must serve many
    sessions: script a model by prompt, not by a list that is used up.
    """
    return perform(_checked(parity, input, **options))


async def acrash_grid(parity: Parity, input: Any = None, **options: Any) -> Grid:
    """`crash_grid` for asynchronous applications."""
    return await aperform(_checked(parity, input, **options))


def chosen(
    every: int = 1, limit: int | None = None, seed: int | None = None
) -> Callable[[int], list[tuple[int, When]]]:
    """Points: every `every`-th write, and of these cells at most `limit`.

    Among those is always the death before the last write, when a session may wrongly look done; `seed` draws the others.

    Raises:
        ParityUsageError: that is none.
    """
    positive("every", every)
    positive("limit", 1 if limit is None else limit)

    def points(writes: int) -> list[tuple[int, When]]:
        cells: list[tuple[int, When]] = []
        for number in range(1, writes + 1, every):
            cells += [(number, "before"), (number, "after")]
        if limit is not None and len(cells) > limit:
            drawn = [*random.Random(seed).sample(cells[:-2], limit - 1), cells[-2]]
            cells = sorted(drawn, key=lambda c: (c[0], c[1] == "after"))
        return cells

    return points


def _checked(parity: Parity, input: Any, **options: Any) -> Steps[Grid]:
    grid = yield from crash_steps(parity, input, **options)
    if grid.run.ended == "failed":
        raise ParityUsageError(
            f"Nothing can be compared with a run that fails by itself: {grid.run.error!r}."
        )
    return grid


def crash_steps(
    parity: Parity,
    input: Any,
    *,
    answers: Any = None,
    effects: Any = None,
    calls: Any = None,
    points: Points = None,
    thread_id: str | None = None,
    limit: int | None = None,
) -> Steps[Grid]:
    """The legs of a crash grid. The undisturbed run is the given `parity`'s own."""
    first = yield Leg(parity, input, answers, thread_id or str(uuid.uuid4()), limit, True)
    grid = Grid(parity.target.name, first)
    if first.ended == "failed":
        return grid
    with nobody_else():
        cells = _Cells(parity, first, input, effects, calls, limit)
        writes = yield from cells.undisturbed(grid)
        if not grid.before:
            where = points(writes) if callable(points) else _both(points, writes)
            for number, when in where:
                cell = yield from cells.cell(number, when)
                grid.cells.append(cell)
                cells.tell(cell)
    return grid


class _Cells:
    """Runs cell after cell, each as a thread of its own over the same saver."""

    def __init__(
        self, parity: Parity, first: Run, input: Any, effects: Any, calls: Any, limit: int | None
    ) -> None:
        self.saver = Mortal(parity.saver.inner)
        self.parity = type(parity)(
            parity.target, self.saver, guard=parity.guard, variant=parity.variant
        )
        self.first, self.input, self.limit = first, input, limit
        self.effects, self.calls = Counted(effects), Counted(calls)
        self.started: set[str] = set()
        """Tasks that may have been in the middle of a call when it died."""
        self.bodies: dict[tuple[str, int], str] = {}
        self._expected_finished: Counter[tuple[str, ...]] = Counter()

    def leg(self, human: Again, thread_id: str, *, fresh: bool) -> Leg:
        self._mark = len(self.parity._found)
        return Leg(self.parity, self.input if fresh else None, human, thread_id, self.limit, fresh)

    def undisturbed(self, grid: Grid) -> Steps[int]:
        """A second run without a crash tells what each cell must come to; returns the number of writes."""
        for counted in (self.effects, self.calls):
            counted.begin()
        number, mark = self.saver.number, self.saver.mark()
        run = yield self.leg(Again(self.first), str(uuid.uuid4()), fresh=True)
        for counted in (self.effects, self.calls):
            counted.expect(run.thread_id)
        self._expected_finished = self._finished(mark, run.thread_id)
        for wrong in self._differences(run):
            detail = f"two runs without a crash differ in {wrong}; name what may differ in Target(volatile=...)"
            grid.before.append(Finding("P501", f"run of {grid.target}", detail))
        return self.saver.number - number

    def cell(self, number: int, when: When) -> Steps[Cell]:
        """Die once, go on, and compare."""
        human, thread_id = Again(self.first), str(uuid.uuid4())
        mark, checkpoints = self.saver.mark(), self.saver.counts["checkpoints"]
        counted = (self.effects, self.calls)
        self.started.clear()
        for one in counted:
            one.begin()
        self.saver.arm(number, when, self._dies)
        with watched(self) if self.calls else nullcontext():
            run = yield self.leg(human, thread_id, fresh=True)
        run.looked_at = True
        dead, saved = self.saver.dead, self.saver.counts["checkpoints"] > checkpoints
        self.saver.revive()
        cell = Cell(number, when, self.saver.last)
        if not dead:
            return cell
        for one in counted:
            one.go_on()
        thread_id = self._thread(run.thread_id, mark)
        durable = {w.task_id for w in self.saver.written[mark:] if w.finished}
        # Nothing was saved: whoever comes back begins again.
        with models_made() as models:
            leg = self.leg(human, thread_id, fresh=not saved)
        last = yield leg
        last.looked_at = True
        found = list(self._gone_on(cell, last))
        if not found:
            lost = self.effects.less(last.thread_id)
            found += [at(cell, "P501", f"effect {effect} never happened") for effect in lost]
        if saved:
            found += self._repeated(cell, mark, last.thread_id)
            unfinished = len(self.started - durable)
            again = self.calls.more(last.thread_id)
            if sum(again.values()) > unfinished:
                names = ", ".join(again)
                found.append(
                    at(cell, "P503", f"asked again: {names}; unfinished were {unfinished}")
                )
        for effect, times in self.effects.more(last.thread_id).items():
            found.append(at(cell, "P502", f"{effect}, {times} more"))
        odd = [one for one in found if one.rule in ("P501", "P503")]
        if odd and saved and any(model.begins_again for model in models):
            found = [one for one in found if one not in odd] + [at(cell, "P501", BEGAN_AGAIN)]
        return with_findings(cell, found)

    def tell(self, cell: Cell) -> None:
        """Tell the suite's coverage, of deaths beside what a node of the root graph writes."""
        node = cell.write.partition(": ")[0].partition(" ▸ ")[0]
        if cell.write and node in self.parity.graph.nodes and node != START:
            result = "failed" if cell.findings else "went on"
            coverage.crash(cell.number, cell.when, node, result, target=self.parity.target.name)

    def _dies(self) -> None:
        self.effects.pause()
        self.calls.pause()

    def _gone_on(self, cell: Cell, run: Run) -> Iterator[Finding]:
        """Did it come to the same end?"""
        found = self.parity._found[self._mark :]
        wrong = list(self._differences(run))
        if run.raised is not None:
            yield at(cell, "P504", f"{type(run.raised).__name__}: {run.raised}")
        elif stuck := [f for f in found if f.rule == "P505"]:
            yield at(cell, "P505", stuck[0].detail)
        elif not run.updates and (run.ended == "failed" or (run.ended == "done" and wrong)):
            yield at(cell, "P505", wrong[0] if wrong else "nothing ran any more")
        elif run.ended == "failed":
            yield at(cell, "P504", "; ".join(f.detail for f in found if f.rule == "P602"))
        else:
            for line in wrong:
                yield at(cell, "P501", line)

    def _differences(self, run: Run) -> Iterator[str]:
        if run.ended != self.first.ended:
            yield f"outcome: {self.first.ended} became {run.ended}"
        first, target = self.first, self.parity.target
        yield from unlike(
            (first.values, first.thread_id), (run.values, run.thread_id), target.volatile
        )

    def _finished(self, mark: int, thread_id: str) -> Counter[tuple[str, ...]]:
        """How often each node, and each node's calls, finished and were saved."""
        return Counter(
            (*(part.partition(":")[0] for part in w.namespace.split("|") if part), w.node, "a call" if w.call else "")
            for w in self.saver.written[mark:]
            if w.thread_id == thread_id and w.finished and w.node != START and w.task_id != NULL_TASK
        )  # fmt: skip

    def _repeated(self, cell: Cell, mark: int, thread_id: str) -> Iterator[Finding]:
        more = self._finished(mark, thread_id) - self._expected_finished
        for (*nodes, call), times in more.items():
            name = " ▸ ".join(nodes) + (f", {call}" if call else "")
            yield at(cell, "P503", f"{name}: finished {times} times more often")

    def _thread(self, thread_id: str, mark: int) -> str:
        """The session's thread: its own, or the one that `begin` made before it could say so."""
        threads = [w.thread_id for w in self.saver.written[mark:]]
        return thread_id if not threads or thread_id in threads else threads[-1]

    # What `watched` asks for.

    def begins(self, execution: Execution) -> None:
        if self.saver.dead:
            raise Died(f"{execution.node} was to begin in a process that is dead")
        self.started.add(execution.task_id)
        place = (execution.node, execution.number)
        if execution.kind == "node":
            self.bodies[place] = execution.task_id
        elif execution.kind == "call":
            # The body has gone on: what it asked for by itself before is finished.
            self.started.discard(self.bodies.get(place, ""))

    def answers(self, execution: Execution) -> bool:
        return False

    def answer(self, execution: Execution, options: dict[str, Any]) -> AIMessage | None:
        if not self.saver.dead:
            self.started.add(execution.task_id)
        return None


def _both(points: Iterable[int] | None, writes: int) -> list[tuple[int, When]]:
    numbers = range(1, writes + 1) if points is None else points
    return [(number, when) for number in numbers for when in ("before", "after")]
