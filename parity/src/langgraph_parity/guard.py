"""What goes by the production path, and what round it.

While a guard is active it looks at every root call of a compiled graph, at interrupts being raised, and at names
being replaced by `unittest.mock` and `monkeypatch`. It changes nothing but adds a callback that reads what nodes return.
"""

from __future__ import annotations

import fnmatch
import functools
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any
from unittest import mock

import pytest
from langchain_core.runnables.config import merge_configs, var_child_runnable_config
from langgraph import types as langgraph_types
from langgraph.errors import GraphInterrupt
from langgraph.pregel import Pregel

from langgraph_parity.coordinator import stream_graph
from langgraph_parity.effects import Effects
from langgraph_parity.repeated import Repeated, running_task
from langgraph_parity.returned import Returned
from langgraph_parity.rules import Finding
from langgraph_parity.stack import Places, code_of, look_up, place, within
from langgraph_parity.target import Target, blueprint, builder_of
from langgraph_parity.writes import Writes

__all__ = ["Guard"]

__tracebackhide__ = True

METHODS = ("stream", "astream", "invoke", "ainvoke")
INVOKES = (Pregel.invoke.__code__, Pregel.ainvoke.__code__)


@dataclass(frozen=True)
class _Call:
    """A root call of a compiled graph."""

    graph: Any
    method: str
    places: Places
    codes: frozenset[CodeType]
    saved: bool
    durability: str


@dataclass(frozen=True)
class _Replaced:
    """A name that a test replaced: its dotted name, and the module of what stood there."""

    name: str
    module: str
    where: str


@dataclass
class Guard:
    """Collects while active (`with guard:`, may be nested); `findings(target, graphs)` judges."""

    calls: list[_Call] = field(default_factory=list)
    replaced: list[_Replaced] = field(default_factory=list)
    returned: dict[tuple[int, str, str, str], Any] = field(default_factory=dict)
    asking: dict[str, str] = field(default_factory=dict)
    """Root tasks that raised an interrupt which has not been stored yet, and where they did."""
    swallowed: dict[str, str] = field(default_factory=dict)
    repeated: Repeated = field(default_factory=Repeated)
    _depth: int = 0
    _undo: list[Callable[[], None]] = field(default_factory=list)

    def __enter__(self) -> Guard:
        self._depth += 1
        if self._depth == 1:
            for name in METHODS:
                self._wrap(Pregel, name, functools.partial(_watch_call, self, name))
            self._wrap(GraphInterrupt, "__init__", functools.partial(_watch_interrupt, self))
            self._wrap(Effects, "record", functools.partial(_watch_effect, self))
            self._wrap(mock._patch, "__enter__", functools.partial(_watch_mock, self))
            self._wrap(mock._patch_dict, "_patch_dict", functools.partial(_watch_mock_dict, self))
            self._wrap(pytest.MonkeyPatch, "setattr", functools.partial(_watch_setattr, self))
            self._wrap(pytest.MonkeyPatch, "setitem", functools.partial(_watch_setitem, self))
        return self

    def __exit__(self, *exc: object) -> None:
        self._depth -= 1
        while not self._depth and self._undo:
            self._undo.pop()()

    def _wrap(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        original = owner.__dict__[name]
        setattr(owner, name, functools.wraps(original)(make(original)))
        self._undo.append(lambda: setattr(owner, name, original))

    def stored(self, made: Writes) -> None:
        """Listen to a `WatchedSaver`: an interrupt that was raised must be stored by the task of the root graph."""
        if not made.at_root or made.task_id not in self.asking:
            return
        where = self.asking.pop(made.task_id)
        stored = dict(made.writes)
        error = stored.get("__error__")
        if "__interrupt__" not in stored and (error is None or _from_interrupt(error)):
            self.swallowed[where] = made.node

    def findings(self, target: Target, graphs: list[Any]) -> Iterator[Finding]:
        """What is wrong, of what belongs to the target: `graphs`, and any built like them."""
        package = target.package or _package(target, graphs)
        through = code_of(target.coordinator or target.entry)
        through |= code_of(target.resume) if target.resume else frozenset()
        has_one = target.coordinator is not None or target.entry is not stream_graph
        for call in self.calls:
            if not _belongs(call.graph, target, graphs):
                continue
            where = place(call.places, package)
            if call.method in ("invoke", "ainvoke"):
                yield Finding("P101", where, f"{call.method}()")
            elif has_one and not through & call.codes:
                yield Finding("P103", where)
            elif call.durability != "sync" and through & call.codes:
                yield Finding("P104", where, f'durability="{call.durability}"')
            if not call.saved:
                yield Finding("P102", where)
        for (_, rule, node, detail), graph in self.returned.items():
            if _belongs(graph, target, graphs):
                yield Finding(rule, node, detail)
        for where, node in self.swallowed.items():
            yield Finding("P301", node, f"raised in {where}")
        for (name, key), node in self.repeated.found.items():
            yield Finding("P306", node, name if key is None else f"{name} {key}")
        for patch in self.replaced:
            internal = all(within(name, package) for name in (patch.name, patch.module))
            if internal and not any(fnmatch.fnmatch(patch.name, seam) for seam in target.seams):
                yield Finding("P105", patch.where, patch.name)


def _watch_call(guard: Guard, method: str, original: Any) -> Any:
    def watched(self: Any, input: Any, config: Any = None, **kwargs: Any) -> Any:
        frame = sys._getframe(1)
        within = frame.f_code in INVOKES  # invoke calls stream
        if _is_nested(config) or within:
            return original(self, input, config, **kwargs)
        places, codes = look_up(frame)
        settings = (config or {}).get("configurable") or {}
        saved = bool(self.checkpointer or settings.get("__pregel_checkpointer"))
        durability = kwargs.get("durability") or settings.get("__pregel_durability") or "async"
        guard.calls.append(_Call(self, method, places, codes, saved, durability))
        returned = Returned(guard.returned, self)
        returned.begun(input)
        config = merge_configs(config, {"callbacks": [returned]})
        return original(self, input, config, **kwargs)

    return watched


def _watch_interrupt(guard: Guard, original: Any) -> Any:
    def watched(self: GraphInterrupt, interrupts: Any = ()) -> None:
        original(self, interrupts)
        frame = sys._getframe(1)
        if frame.f_code is langgraph_types.interrupt.__code__:
            _, task = running_task()
            guard.asking[task] = place(look_up(frame.f_back)[0])
            guard.repeated.asked(task)

    return watched


def _watch_effect(guard: Guard, original: Any) -> Any:
    def watched(self: Any, name: str, key: object = None, /, **data: Any) -> None:
        original(self, name, key, **data)
        guard.repeated.happened(name, key)

    return watched


def _watch_mock(guard: Guard, original: Any) -> Any:
    def watched(self: Any) -> Any:
        owner = self.getter()
        _note_replaced(guard, owner, self.attribute, sys._getframe(1))
        return original(self)

    return watched


def _watch_mock_dict(guard: Guard, original: Any) -> Any:
    def watched(self: Any) -> Any:
        names = self.in_dict
        names = pkgutil.resolve_name(names) if isinstance(names, str) else names
        for name in self.values:
            _note_item(guard, names, name, sys._getframe(1))
        return original(self)

    return watched


def _watch_setitem(guard: Guard, original: Any) -> Any:
    def watched(self: Any, dic: Any, name: Any, value: Any) -> Any:
        _note_item(guard, dic, name, sys._getframe(1))
        return original(self, dic, name, value)

    return watched


def _note_item(guard: Guard, names: Any, name: Any, frame: FrameType) -> None:
    """An item of a mapping is a replaced name where the mapping holds the names of a module."""
    module = sys.modules.get(str(names.get("__name__"))) if isinstance(names, dict) else None
    if module is not None and vars(module) is names:
        _note_replaced(guard, module, name, frame)


def _watch_setattr(guard: Guard, original: Any) -> Any:
    def watched(self: Any, target: Any, name: Any, *args: Any, **kwargs: Any) -> Any:
        owner, attribute = target, name
        if isinstance(target, str):
            path, _, attribute = target.rpartition(".")
            owner = pkgutil.resolve_name(path)
        _note_replaced(guard, owner, attribute, sys._getframe(1))
        return original(self, target, name, *args, **kwargs)

    return watched


def _note_replaced(guard: Guard, owner: Any, attribute: str, frame: FrameType) -> None:
    if inspect.ismodule(owner):
        name = owner.__name__
    else:
        kind = owner if isinstance(owner, type) else type(owner)
        name = f"{kind.__module__}.{kind.__qualname__}"
    there = inspect.getattr_static(owner, attribute, None)
    there = getattr(there, "__func__", there)
    module = there.__name__ if inspect.ismodule(there) else getattr(there, "__module__", None)
    guard.replaced.append(_Replaced(f"{name}.{attribute}", str(module), place(look_up(frame)[0])))


def _is_nested(config: Any) -> bool:
    """Is the call made inside a node? Then the graph is a subgraph."""
    around = var_child_runnable_config.get() or {}
    given = (config or {}).get("configurable") or {}
    return "__pregel_read" in given or "__pregel_read" in (around.get("configurable") or {})


def _belongs(graph: Any, target: Target, graphs: list[Any]) -> bool:
    """Is it one of the target's graphs, or built like them (same schema, same nodes)?"""
    if any(graph is one for one in graphs):
        return True
    builder = builder_of(graph)
    schema = getattr(builder, "state_schema", None)
    if schema is None or within(schema.__module__, "langgraph", "langchain"):
        return False  # a schema that others share does not say whose graph it is
    ours = _pattern(target, graphs)
    own = builder_of(ours)
    return own is not None and own.state_schema is schema and set(ours.nodes) == set(graph.nodes)


def _pattern(target: Target, graphs: list[Any]) -> Any:
    """A graph of the target to compare with, if one can be built."""
    with suppress(Exception):  # the test may have replaced what build needs
        return graphs[0] if graphs else blueprint(target)
    return None


def _package(target: Target, graphs: list[Any]) -> str:
    schema = getattr(builder_of(_pattern(target, graphs)), "state_schema", None)
    return str(getattr(schema, "__module__", target.build.__module__)).partition(".")[0]


def _from_interrupt(error: object) -> bool:
    """Does the error come from an interrupt that was taken for a failure?"""
    seen: set[int] = set()
    while isinstance(error, BaseException) and id(error) not in seen:
        if isinstance(error, GraphInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False
