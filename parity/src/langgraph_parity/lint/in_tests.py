"""P901 to P904: tests that do not go down the path that production goes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from langgraph_parity.lint.graphs import INVOKES, Graphs
from langgraph_parity.lint.mentions import mentions, spread
from langgraph_parity.lint.origins import Origins
from langgraph_parity.lint.patches import Patches
from langgraph_parity.lint.source import Function, Source, Told, dotted

__all__ = ["in_tests"]

CHECKS = re.compile(r"validate_state_consistency|state_is_consistent|check_state_consistency")
HANDLES = re.compile(
    r"interrupt|resume|answer|approv|mock_user|user_input|human_input|^Command$|^next$|BubbleUp"
    r"|update_state|^parity$",
    re.IGNORECASE,
)
"""Identifiers of a test that knows that the graph may wait."""


def in_tests(graphs: Graphs, seams: Sequence[str]) -> Iterator[Told]:
    """What is wrong in the test files."""
    tests, patches = _Tests(graphs), Patches(graphs, seams)
    for source in graphs.sources.tests:
        yield from tests.invoked(source)
        yield from patches.found(source)
        for function in source.functions:
            if function.name.startswith("test"):
                yield from tests.half_checked(source, function)
                yield from tests.unanswered(source, function)


class _Tests:
    def __init__(self, graphs: Graphs) -> None:
        self.graphs = graphs
        self.origins = Origins(graphs)
        self.sources = graphs.sources

    # -- P901 ------------------------------------------------------------------------------------------

    def invoked(self, source: Source) -> Iterator[Told]:
        for node in source.nodes:
            method = self.graphs.driven(source, node)
            if method not in INVOKES or self.graphs.in_node(source, node):
                continue
            assert isinstance(node, ast.Call)
            assert isinstance(node.func, ast.Attribute)
            if self.origins.invoked_by_application(source, node.func.value):
                continue  # production does so, too
            stream = "astream" if method.startswith("a") else "stream"
            yield (
                "P901",
                source,
                node,
                f"`{ast.unparse(node.func)}` runs the graph in one go; production streams it. "
                f"Iterate over `{stream}(…)`, or go through the coordinator.",
            )

    # -- P903 ------------------------------------------------------------------------------------------

    def half_checked(self, source: Source, function: Function) -> Iterator[Told]:
        if mentions(function, self._checkers) or self._whole(source, function):
            return
        for check in source.within(function):
            for node in ast.walk(check) if isinstance(check, ast.Assert) else ():
                if self._one_field(source, function, node):
                    yield (
                        "P903",
                        source,
                        check,
                        f"The test checks `{ast.unparse(node)}`, and never whether the whole state is "
                        "consistent. Add `validate_state_consistency(snapshot)`, or run it with `parity`.",
                    )
                    return

    def _one_field(self, source: Source, function: Function, node: ast.AST) -> bool:
        """`….state["field"]` of a flow, or `….get_state(…).values["field"]`."""
        if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Constant):
            return False
        held = node.value
        if not isinstance(held, ast.Attribute) or not isinstance(node.slice.value, str):
            return False
        if self._is_values(source, held):
            return True
        names = dotted(held.value).split(".")
        return held.attr == "state" and (
            "state_manager" in names or self.graphs.is_graph(source, held.value)
        )

    def _whole(self, source: Source, function: Function) -> bool:
        """Whether it compares a whole state: `….get_state(config).values == …`, `….get_snapshot() == …`."""
        sides = [
            side
            for node in source.within(function)
            if isinstance(node, ast.Compare)
            for side in (node.left, *node.comparators)
        ]
        return any(self._is_values(source, side) or _calls(side, "get_snapshot") for side in sides)

    def _is_values(self, source: Source, node: ast.AST) -> bool:
        """Whether an expression is `.values` of what `get_state` returned."""
        if not isinstance(node, ast.Attribute) or node.attr != "values":
            return False
        made = [node.value, *self.graphs.assigned(source, node.value, dotted(node.value))]
        return any(_calls(one, "get_state", "aget_state") for one in made)

    @cached_property
    def _checkers(self) -> set[str]:
        return spread(self.sources, lambda name: bool(CHECKS.search(name)) or name == "parity")

    # -- P904 ------------------------------------------------------------------------------------------

    def unanswered(self, source: Source, function: Function) -> Iterator[Told]:
        runs = [node for node in source.within(function) if self.graphs.driven(source, node)]
        gate = self._gate(source, function) if runs else ""
        if not gate or mentions(function, self._handlers):
            return
        if any(mentions(fixture, self._handlers) for fixture in self._autouse(source)):
            return
        yield (
            "P904",
            source,
            runs[0],
            f"The test is about the gate `{gate}`, but nobody answers when the graph waits there. Run it "
            "within `mock_user_input(…)`, or catch GraphInterrupt and resume.",
        )

    def _gate(self, source: Source, function: Function) -> str:
        said = {
            node.value
            for check in source.within(function)
            if isinstance(check, ast.Assert)
            for node in ast.walk(check)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        for gate in sorted(self._gates):
            if gate in said or re.search(rf"(^|_){re.escape(gate)}($|_)", function.name):
                return gate
        return ""

    @cached_property
    def _gates(self) -> set[str]:
        """Names of the steps that ask a human; with no such step in sight, words that such steps have."""
        found = set()
        for source in self.sources.application:
            for function in source.functions:
                name = source.name_of(function)
                if name in self.graphs.asking and self.graphs.is_node(source, function):
                    found |= {function.name.removesuffix("_node")}
                    found |= {self.graphs.node_names.get(name, function.name)}
        return found - {"node"} or {"approval", "human_review", "human_input", "user_input"}

    @cached_property
    def _handlers(self) -> set[str]:
        return spread(self.sources, lambda name: bool(HANDLES.search(name)))

    def _autouse(self, source: Source) -> Iterator[Function]:
        for other in self.sources.tests:
            if other is source or other.path.name == "conftest.py":
                for function in other.functions:
                    if any("autouse=True" in ast.unparse(one) for one in function.decorator_list):
                        yield function


def _calls(node: ast.AST, *methods: str) -> bool:
    """Whether `node` is a call of one of these methods."""
    node = node.value if isinstance(node, ast.Await) else node
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr in methods
