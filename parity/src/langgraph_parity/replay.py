"""Runs new code against recorded histories, one superstep at a time, and says what has changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.constants import START

from langgraph_parity.coordinator import Graph
from langgraph_parity.differences import (
    NOTHING,
    Difference,
    Volatile,
    asked,
    branches,
    died,
    fields,
    finished,
    of,
    one,
    said,
    sends,
    told,
    unequal,
)
from langgraph_parity.history import INTERNAL, History, Kept, Task, read
from langgraph_parity.kept import short
from langgraph_parity.onestep import OneStep, asks
from langgraph_parity.rules import Finding
from langgraph_parity.target import Target
from langgraph_parity.writes import NULL_TASK, Writes

__all__ = ["replay"]

__tracebackhide__ = True


def replay(
    path: str | Path,
    target: Target,
    *,
    volatile: Sequence[str] = (),
    variant: str | None = None,
) -> list[Finding]:
    """Run every recorded superstep of a history by the target's code, and compare what its nodes write.

    Each superstep begins at its recorded checkpoint, through the target's entry, over a saver of its own. Answers of
    humans and results of `@task`s come from the record: a `@task` that is not in it is not made. What a node does
    outside of tasks happens. `volatile`: globs of values that may differ, beside `target.volatile`.

    Raises:
        ParityUsageError: the file is no history.
    """
    app = target.make(InMemorySaver(), variant)
    graph = target.graph_of(app)
    history = read(path, _serde(graph))
    theirs = () if callable(target.volatile) else target.volatile
    made = _Replay(history, target, graph, [*theirs, *volatile], variant)
    return list(dict.fromkeys(made.findings()))


class _Replay:
    def __init__(
        self,
        history: History,
        target: Target,
        graph: Graph,
        volatile: Sequence[str],
        variant: str | None,
    ) -> None:
        self.history, self.target, self.graph, self.variant = history, target, graph, variant
        self.volatile = Volatile(volatile)
        self.inside: dict[str, Any] = dict(graph.get_subgraphs(recurse=True))

    def findings(self) -> Iterator[Finding]:
        """Names first, then superstep by superstep."""
        yield from self._names()
        for kept in self.history.kept:
            graph = self._graph_of(kept)
            if kept.namespace and kept.namespace.partition(":")[0] not in self.graph.nodes:
                continue  # the node around it is gone
            nodes = [t for t in kept.tasks.values() if not t.call and t.id != NULL_TASK]
            here = [t for t in nodes if graph is None or t.node in graph.nodes]
            if any(t.finished or asks(t) for t in here):
                yield from self._step(kept, here)

    def _names(self) -> Iterator[Finding]:
        """Nodes and state keys that the record knows and the graph does not."""
        for kept in self.history.kept:
            graph = self._graph_of(kept)
            for node in sorted(kept.next() - set(graph.nodes)) if graph is not None else ():
                wanted = self._last(node, kept.namespace)
                how = "the thread waits there" if self._open(wanted, node) else "the thread ran it"
                yield Finding("P701", f"{self.history.name} {_within(kept, node)}", how)
            keys = {c for c in kept.checkpoint["channel_versions"] if not c.startswith(INTERNAL)}
            keys |= set() if kept.namespace else self.history.channels
            for key in sorted(keys - set(graph.channels)) if graph is not None else ():
                yield Finding("P703", f"{self.history.name} {_within(kept, key)}")

    def _last(self, node: str, namespace: str) -> Kept:
        """The last checkpoint that leads to the node."""
        return next(
            kept
            for kept in reversed(self.history.kept)
            if kept.namespace == namespace and node in kept.next()
        )

    def _open(self, kept: Kept, node: str) -> bool:
        """Has the node not ended in the superstep that begins here?"""
        ran = [t for t in kept.tasks.values() if t.node == node and not t.call]
        return not all(t.finished for t in ran) or not ran

    def _graph_of(self, kept: Kept) -> Graph | None:
        """The new graph of the checkpoint's namespace, if it can be found."""
        if not kept.namespace:
            return self.graph
        parts = [part.partition(":")[0] for part in kept.namespace.split("|")]
        found: Graph | None = self.inside.get(
            "|".join(part for part in parts if not part.isdigit())
        )
        return found

    def _step(self, kept: Kept, tasks: list[Task]) -> Iterator[Finding]:
        """One superstep: the questions as they were asked, then the outcome."""
        ended = [t for t in tasks if t.finished]
        run = self._run(kept)
        # Of several answers to one node a store may lack the last: then the same question comes again.
        lacking = {t.id for t in ended if asks(t) and self._asks_again(t, run)}
        ended = [t for t in ended if t.id not in lacking]
        if any(asks(t) and t.finished and t.id not in lacking for t in kept.tasks.values()):
            yield from self._questions(kept, ended, self._run(kept, asking=True))
        yield from self._questions(kept, [t for t in tasks if not t.finished], run)
        made = dict(run.made)
        pairs = [(task, made.pop(task.id, None)) for task in ended]
        for task, new in pairs:
            if new is None:  # other triggers make another id
                like = next((w for w in made.values() if w.node == task.node), None)
                new = made.pop(like.task_id) if like else None
            where = self._where(kept, task)
            if new is not None and not died(new):
                yield from self._compare(where, kept, task, new)
            elif task.node == START:
                continue  # the entry has a way of its own to begin
            elif run.blocked:  # what runs beside a call that was stopped is stopped too
                for name in (name for path, name in run.blocked if task.path in path):
                    detail = f"it calls {name}, whose result is not in the record"
                    yield Finding("P702", where, detail)
            elif run.raised is not None:
                yield Finding("P702", where, f"it raises {said(run.raised)}")
            else:
                yield Finding("P704", where, f"the checkpoint leads to {task.node}, which does not start")  # fmt: skip
        for new in (
            made.values() if len(ended) == len(tasks) else ()
        ):  # else it is an unfinished one
            detail = f"{new.node} starts beside it"
            yield Finding("P705", f"{self.history.name} step {kept.step}", detail)

    def _run(self, kept: Kept, *, asking: bool = False) -> OneStep:
        return OneStep(self.history, kept, self.target, variant=self.variant, asking=asking).run()

    def _where(self, kept: Kept, task: Task) -> str:
        return f"{self.history.name} step {kept.step} {_within(kept, task.node)}"

    def _asks_again(self, task: Task, run: OneStep) -> bool:
        new = run.made.get(task.id)
        if new is None or not of(new, "__interrupt__"):
            return False
        was, now = asked(task.of("__interrupt__")), asked(of(new, "__interrupt__"))
        return not self._differences(task.node, "question", was, now)

    def _questions(self, kept: Kept, tasks: list[Task], run: OneStep) -> Iterator[Finding]:
        """The last question of each task."""
        for task in tasks:
            inner = f"{kept.namespace}|{task.node}:{task.id}".lstrip("|")
            new = run.made.get(task.id)
            if not asks(task) or any(k.namespace.startswith(inner) for k in self.history.kept):
                continue  # asked by a graph inside, where it is compared
            if new is None or died(new):
                continue  # it is told with the outcome
            was, now = asked(task.of("__interrupt__")), asked(of(new, "__interrupt__"))
            found = self._differences(task.node, "question", was, now)
            if found and of(new, "__error__"):
                error = said(of(new, "__error__")[0])
                yield Finding("P702", self._where(kept, task), f"it raises {error}")
            elif found:
                yield Finding("P702", self._where(kept, task), told(found, "the"))

    def _differences(self, node: str, path: str, old: Any, new: Any) -> list[Difference]:
        return [one for one in unequal(path, old, new) if not self.volatile.covers(node, one[0])]

    def _compare(self, where: str, kept: Kept, task: Task, new: Writes) -> Iterator[Finding]:
        """A task's outcome."""
        if not finished(new.writes):
            errors, questions = of(new, "__error__"), of(new, "__interrupt__")
            if errors:
                yield Finding("P702", where, f"it raises {said(errors[0])}")
            elif questions:
                yield Finding("P702", where, f"it asks once more: {short(asked(questions))}")
            return
        graph = self._graph_of(kept)
        old, written = fields(task.writes), fields(new.writes)
        for key in dict.fromkeys([*old, *written]):
            if graph is not None and key not in graph.channels:
                continue  # told once, for the whole history
            known = key in self.history.channels or key in old or key.startswith(INTERNAL)
            if not kept.namespace and not known:
                yield Finding("P703", where, f"key {key} is not in the record")
                continue
            was, now = one(old.get(key)), one(written.get(key))
            if task.node == START and was is NOTHING and now is None:
                continue  # a store does not tell which fields of an input object were left out
            if found := self._differences(task.node, key, was, now):
                yield Finding("P702", where, told(found))
        yield from self._ways(where, graph, task, new)

    def _ways(self, where: str, graph: Graph | None, task: Task, new: Writes) -> Iterator[Finding]:
        was, now = branches(task.writes), branches(new.writes)
        dropped, added = was - now, now - was
        gone = [] if graph is None else [node for node in dropped if node not in graph.nodes]
        renamed = sum(dropped.pop(node) for node in gone)  # P701 says that
        for node, count in dropped.items():
            yield Finding("P704", where, f"to {node}{_times(count, was[node])}")
        for node, count in added.items():
            taken = min(count, renamed) if not any(k.next() & {node} for k in self.history.kept) else 0  # fmt: skip
            renamed -= taken
            if count > taken:
                yield Finding("P705", where, f"to {node}{_times(count - taken, now[node])}")
        old, sent = sends(task.writes), sends(new.writes)
        for node in old.keys() & sent.keys():
            if was[node] == now[node] and (
                found := self._differences(task.node, f"Send.{node}", old[node], sent[node])
            ):
                yield Finding("P702", where, told(found, "what it sends,"))


def _within(kept: Kept, node: str) -> str:
    """The node, with the graphs around it."""
    around = [part.partition(":")[0] for part in kept.namespace.split("|") if part]
    return ".".join([*(part for part in around if not part.isdigit()), node])


def _times(count: int, times: int) -> str:
    return f", {count} of {times}" if times > 1 else ""


def _serde(graph: Graph) -> Any:
    """The serialiser of a saver under the graph: it knows the types of the graph's schema."""
    saver: Any = graph.checkpointer
    return getattr(saver, "serde", None)
