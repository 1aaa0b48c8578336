"""P902: tests that replace the application's internals."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cached_property

from langgraph_parity.lint.graphs import Graphs
from langgraph_parity.lint.mentions import mentions
from langgraph_parity.lint.source import Function, Source, Told, dotted

__all__ = ["Patches"]

OUTSIDE = re.compile(
    r"interrupt|now|utcnow|utc_now|today|sleep|monotonic|current_time"
    r"|_?(get|create|make|build|load|init|new)_\w*(model|llm|provider|client|embedding|checkpointer|saver|store)\w*"
    r"|_?(get|load|read|resolve)_\w*(config|settings|paths?|env|user|user_id)",
    re.IGNORECASE,
)
"""Names by which applications reach what is outside them: the human, the clock, model providers, the configuration."""

_MONKEY = ("setattr", "monkeypatch.setattr", "monkeypatch.delattr", "mp.setattr", "mp.delattr")


class Patches:
    """Looks for replaced internals.

    Where no package is named, only for those on the path of a graph: of a module that makes graphs, nodes or
    questions, or in a test that runs a graph.
    """

    def __init__(self, graphs: Graphs, seams: Sequence[str]) -> None:
        self.graphs = graphs
        self.sources = graphs.sources
        self.seams = seams

    def found(self, source: Source) -> Iterator[Told]:
        """The calls and assignments in a test file that replace something of the application's own."""
        assigned: set[tuple[ast.AST | None, str]] = set()
        for node in source.nodes:
            target = self._target(source, node) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Assign) and (target := self._assigned(source, node)):
                place = (
                    next((n for n in source.outer(node) if isinstance(n, Function)), None),
                    target,
                )
                if place in assigned:
                    continue  # most likely it is put back
                assigned.add(place)
            if not target:
                continue
            if self.sources.named or self._on_path(source, node, target):
                yield (
                    "P902",
                    source,
                    node,
                    f"`{target}` is the application's own: replaced, the test runs what production never "
                    "does. Replace what is outside (model, clock, network), or name it with --seam if this "
                    "is where the outside begins.",
                )

    def _target(self, source: Source, call: ast.Call) -> str:
        """The dotted name of the application's own that a call replaces; else `""`."""
        way = self.sources.resolve(source, call.func)
        way = way.removeprefix("unittest.").removeprefix("mock.").removeprefix("mocker.")
        if not call.args or way not in ("patch", "patch.object", *_MONKEY):
            return ""
        target, second = call.args[0], call.args[1] if len(call.args) > 1 else None
        if isinstance(target, ast.Constant) and isinstance(target.value, str):
            return self._own(target.value) if way in ("patch", *_MONKEY) else ""
        if not isinstance(second, ast.Constant) or not isinstance(second.value, str):
            return ""
        if second.value in ("stream", "astream", "invoke", "ainvoke") and self.graphs.is_graph(
            source, target
        ):
            return f"{ast.unparse(target)}.{second.value}"
        if dotted(target).split(".")[0] not in source.imports:
            return ""
        return self._own(f"{self.sources.resolve(source, target)}.{second.value}")

    def _assigned(self, source: Source, node: ast.Assign) -> str:
        """The dotted name of a function or class of the application that an assignment replaces; else `""`."""
        for target in node.targets:
            if isinstance(target, ast.Attribute) and dotted(target).split(".")[0] in source.imports:
                name = self.sources.resolve(source, target)
                if name in self.sources.definitions and self._own(name):
                    return name
        return ""

    def _own(self, name: str) -> str:
        """`name` as it is defined, if that is in the application and no seam."""
        real = self.sources.follow(name)
        last = real.split(".")[-1]
        if not self.sources.is_internal(real) or OUTSIDE.fullmatch(last) or last.isupper():
            return ""
        if any(fnmatchcase(one, seam) for seam in self.seams for one in (name, real, last)):
            return ""
        read = any(source.module.split(".")[0] == real.split(".")[0] for source in self.sources)
        names = [name.removeprefix("src.") for name in (real, name)]
        if read and not any(name in self.sources.definitions for name in names):
            return ""  # a setting, or an object made at run time: nothing to be sure of
        return name

    def _on_path(self, source: Source, call: ast.AST, target: str) -> bool:
        """Whether a graph runs through what is replaced: it is where graphs are made, or the test runs one."""
        real = self.sources.follow(target)
        if not self.sources.is_internal(real):
            return True  # the way in of a graph at hand
        if real in self.graphs.makers | self.graphs.asking | self.graphs.node_names.keys():
            return True
        if any(
            real.startswith(f"{other.module}.") and other.uses_langgraph
            for other in self.sources.application
        ):
            return True
        around = [node for node in source.outer(call) if isinstance(node, Function)]
        outermost = around[-1] if around else None
        if outermost is not None and outermost.name.startswith("test"):
            return self._runs_a_graph(source, outermost)
        return any(self._runs_a_graph(source, function) for function in source.functions)

    def _runs_a_graph(self, source: Source, function: Function) -> bool:
        """Whether a test runs a graph: itself, by helpers beside it, or by a function of the application."""
        helpers = {
            other.name: other
            for file in self.sources.tests
            if file is source or file.path.name == "conftest.py"
            for other in file.functions
            if not other.name.startswith("test")
        }
        seen, ahead = set(), [function]
        while ahead:
            one = ahead.pop()
            seen.add(one)
            if mentions(one, self._entries) or any(
                self.graphs.driven(source, node) for node in ast.walk(one)
            ):
                return True
            ahead += [o for name, o in helpers.items() if o not in seen and mentions(one, {name})]
        return False

    @cached_property
    def _entries(self) -> set[str]:
        """Functions of the application that run a graph, where their names are of more than one word."""
        found = {
            function.name
            for source in self.sources.application
            for function in source.functions
            if "_" in function.name.strip("_")
            if any(self.graphs.driven(source, node) for node in source.within(function))
        }
        return found | {"parity"}
