"""Which graph an expression is: told by the function that makes it, so that the same graph is known by other names."""

from __future__ import annotations

import ast
from functools import cached_property

from langgraph_parity.lint.graphs import INVOKES, Graphs
from langgraph_parity.lint.source import Function, Source

__all__ = ["Origins"]


class Origins:
    """Answers whether the application itself invokes a graph; each question is worked out once."""

    def __init__(self, graphs: Graphs) -> None:
        self.graphs = graphs
        self.sources = graphs.sources

    def invoked_by_application(self, source: Source, graph: ast.AST) -> bool:
        """Does the application run this graph in one go, outside its nodes? Yes, if which graph it is cannot be told."""
        if not self._invoked:
            return False
        origins = self._of(source, graph)
        return not origins or set() in self._invoked or any(origins & one for one in self._invoked)

    @cached_property
    def _invoked(self) -> list[set[str]]:
        """Where each graph comes from that the application invokes."""
        return [
            self._of(source, node.func.value)
            for source in self.sources.application
            for node in source.nodes
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if self.graphs.driven(source, node) in INVOKES
            if not self.graphs.in_node(source, node)
        ]

    def _of(self, source: Source, node: ast.AST, depth: int = 0) -> set[str]:
        """The functions or modules, by dotted name, that build a graph; none, if that is not in sight."""
        if depth > 5:
            return set()
        if isinstance(node, ast.Await):
            return self._of(source, node.value, depth)
        behind = self.graphs.behind(source, node)
        if isinstance(node, ast.Call):
            name = self.sources.resolve(source, node.func)
            if name in self.sources.definitions:
                return self._returned({name}, depth)
            here = source.module
            for above in source.outer(node):
                if isinstance(above, Function):
                    here = source.name_of(above)
                    break
            if isinstance(node.func, ast.Attribute) and node.func.attr == "compile":
                # A builder that a function of the application returns is what tells the graph.
                held = [(source, node.func.value), *self.graphs.behind(source, node.func.value)]
                names = {
                    self.sources.resolve(of, v.func) for of, v in held if isinstance(v, ast.Call)
                }
                return (names & self.sources.definitions.keys()) or {here}
            return {here}
        if not behind:
            return self._returned(self.graphs.fixture(source, node), depth)
        return set().union(*(self._of(of, value, depth + 1) for of, value in behind))

    def _returned(self, functions: set[str], depth: int) -> set[str]:
        """Where the graphs come from that functions return."""
        found: set[str] = set()
        for source in self.sources:
            for function in source.functions:
                if source.name_of(function) in functions:
                    for node in source.within(function):
                        if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
                            found |= self._of(source, node.value, depth + 1)
        return found
