"""What in the linted sources is a graph, a node, a question to a human."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from langgraph_parity.lint.source import Function, Source, dotted
from langgraph_parity.lint.sources import Sources

__all__ = ["DRIVES", "INVOKES", "Graphs"]

INVOKES = {"invoke", "ainvoke", "batch", "abatch"}
"""Methods of a compiled graph that run it in one go."""

DRIVES = {"stream", "astream", "astream_events", "stream_events"} | INVOKES
"""Methods of a compiled graph that run it."""

BUILDERS = {"create_react_agent", "create_agent", "create_deep_agent"}
"""Functions of LangChain's packages that return a compiled graph."""

COMPILED = {"CompiledStateGraph", "CompiledGraph", "Pregel"}

NAMED_GRAPH = re.compile(r"(\w+_)?(graph|flow|workflow)|compiled(_\w+)?")
NO_GRAPH = re.compile(r"_*(mock|fake|stub|dummy|sub|knowledge|call|dependency)")
STAND_IN = re.compile(r"mock|fake|stub|dummy|patch|namespace", re.IGNORECASE)


class Graphs:
    """Answers questions about the sources; each is worked out once."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._assigned: dict[Source, dict[tuple[ast.AST, str], list[ast.AST]]] = {}
        self.makers: set[str] = set()
        for _ in range(3):  # makers that call makers
            self.makers |= set(self._new_makers())

    def _new_makers(self) -> Iterator[str]:
        for source in self.sources:
            for function in source.functions:
                named = function.returns is not None and dotted(function.returns).split(".")[-1]
                values = [
                    node.value
                    for node in source.within(function)
                    if isinstance(node, ast.Return | ast.Yield) and node.value is not None
                ]
                if named in COMPILED or any(self._made(source, value) for value in values):
                    yield source.name_of(function)

    # -- graphs ----------------------------------------------------------------------------------------

    def is_graph(self, source: Source, node: ast.AST) -> bool:
        """Whether an expression is a compiled graph: by what it was assigned from, else by its name."""
        made = self._made(source, node)
        if made is not None:
            return made
        last = dotted(node).split(".")[-1]
        return bool(NAMED_GRAPH.fullmatch(last.lower()) and not NO_GRAPH.match(last.lower()))

    def _made(self, source: Source, node: ast.AST, depth: int = 0) -> bool | None:
        """Whether a graph was made here; None if that cannot be told."""
        if isinstance(node, ast.Await):
            return self._made(source, node.value, depth)
        if isinstance(node, ast.Call):
            name = self.sources.resolve(source, node.func)
            last = node.func.attr if isinstance(node.func, ast.Attribute) else name.split(".")[-1]
            if last == "compile":
                return name.split(".")[0] not in ("re", "regex", "torch", "jinja2", "compile")
            if name in self.makers or last in BUILDERS:
                return True
            return False if STAND_IN.search(last) else None
        if depth > 3:
            return None
        found = [self._made(of, value, depth + 1) for of, value in self.behind(source, node)]
        if True in found or False in found:
            return True in found
        return True if self.fixture(source, node) & self.makers else None

    def behind(self, source: Source, node: ast.AST) -> list[tuple[Source, ast.AST]]:
        """The values of a name or an attribute, each with its file: also of `module.x`, and of `Flow().x` by its class."""
        if found := self.assigned(source, node, dotted(node)):
            return [(source, value) for value in found]
        module, _, last = self.sources.resolve(source, node).rpartition(".")
        if other := self.sources.modules.get(module):
            return [(other, value) for value in self.assigned_in(other, last)]
        if isinstance(node, ast.Attribute):
            for of, held in [(source, node.value), *self.behind(source, node.value)]:
                name = self.sources.resolve(of, held.func) if isinstance(held, ast.Call) else ""
                kind = self.sources.definitions.get(name)
                where = self.sources.modules.get(name.rpartition(".")[0])
                if isinstance(kind, ast.ClassDef) and where is not None:
                    table = self._assigned.get(where) or self._assignments(where)
                    return [(where, value) for value in table.get((kind, f"self.{node.attr}"), [])]
        return []

    def fixture(self, source: Source, node: ast.AST) -> set[str]:
        """The functions, by dotted name, that a parameter of a test is a fixture of."""
        name = dotted(node)
        for above in source.outer(node) if source.is_test else ():
            if isinstance(above, Function) and name in {arg.arg for arg in above.args.args}:
                return {maker for maker in self.makers if maker.split(".")[-1] == name}
        return set()

    def assigned(self, source: Source, node: ast.AST, name: str) -> list[ast.AST]:
        """The values given to `name` in the scope nearest to `node`; those of `self.x` in its class."""
        table = self._assigned.get(source) or self._assignments(source)
        for above in source.outer(node):
            if found := table.get((above, name)):
                return found
        return []

    def assigned_in(self, source: Source, name: str) -> list[ast.AST]:
        """The values given to a name of a module."""
        return (self._assigned.get(source) or self._assignments(source)).get(
            (source.tree, name), []
        )

    def _assignments(self, source: Source) -> dict[tuple[ast.AST, str], list[ast.AST]]:
        table = self._assigned[source] = defaultdict(list)
        for node in source.nodes:
            pairs: list[tuple[ast.AST, ast.AST | None]] = []
            if isinstance(node, ast.Assign):
                pairs = [(target, node.value) for target in node.targets]
            elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
                pairs = [(node.target, node.value)]
            elif isinstance(node, ast.withitem) and node.optional_vars is not None:
                pairs = [(node.optional_vars, node.context_expr)]
            for target, value in pairs:
                name = dotted(target)
                wanted = (ast.ClassDef,) if name.startswith("self.") else (*_FUNCTIONS, ast.Module)
                scope = next((n for n in source.outer(node) if isinstance(n, wanted)), None)
                if name and value is not None and scope is not None:
                    table[scope, name].append(value)
        return table

    def driven(self, source: Source, node: ast.AST) -> str:
        """The method, if `node` is a call that runs a graph; else `""`."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return ""
        method, graph = node.func.attr, node.func.value
        # Other things have batches, too.
        sure = method not in ("batch", "abatch") or self._made(source, graph)
        return method if method in DRIVES and sure and self.is_graph(source, graph) else ""

    # -- nodes and their questions ---------------------------------------------------------------------

    @cached_property
    def node_names(self) -> dict[str, str]:
        """Function, by dotted name → the name it was added under."""
        found = {}
        for source, call in self._added():
            function = self.sources.resolve(source, call.args[-1])
            match call.args[0]:
                case ast.Constant(value=str(name)):
                    found[function] = name
                case _:
                    found[function] = function.split(".")[-1]
        return found

    def _added(self) -> Iterator[tuple[Source, ast.Call]]:
        for source in self.sources:
            for call in source.nodes:
                if (
                    isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Attribute)
                    and call.func.attr == "add_node"
                    and call.args
                ):
                    yield source, call

    def is_node(self, source: Source, function: ast.AST) -> bool:
        """Added to a graph, or written as a node is: its first parameter is `state`."""
        if not isinstance(function, Function):
            return False
        names = [arg.arg for arg in function.args.args if arg.arg not in ("self", "cls")]
        return names[:1] == ["state"] or source.name_of(function) in self.node_names

    def in_node(self, source: Source, node: ast.AST) -> bool:
        """Whether `node` stands in the function of a node."""
        return any(self.is_node(source, above) for above in source.outer(node))

    def is_interrupt(self, source: Source, node: ast.AST) -> bool:
        """Whether `node` is a call of LangGraph's `interrupt`, by whatever name it came here."""
        if not isinstance(node, ast.Call):
            return False
        name = self.sources.resolve(source, node.func)
        if name == "langgraph.types.interrupt":
            return True
        passed_on = dotted(node.func).split(".")[0] in source.imports
        return (
            passed_on
            and name.endswith(".interrupt")
            and name not in self.sources.definitions
            and (self.sources.is_internal(name) or name.startswith("langgraph."))
        )

    @cached_property
    def asking(self) -> set[str]:
        """Functions that call `interrupt`, themselves or through others; by dotted name."""
        found: set[str] = set()
        calls: dict[str, set[str]] = {}
        for source in self.sources:
            for function in source.functions:
                if function.name.startswith("test"):
                    continue
                name = source.name_of(function)
                called = [node for node in source.within(function) if isinstance(node, ast.Call)]
                if any(self.is_interrupt(source, call) for call in called):
                    found.add(name)
                calls[name] = {self.sources.resolve(source, call.func) for call in called}
        while more := {name for name, called in calls.items() if called & found} - found:
            found |= more
        return found

    def asks(self, source: Source, node: ast.AST) -> bool:
        """Whether `node` is a call that may pause for a human."""
        if self.is_interrupt(source, node):
            return True
        return isinstance(node, ast.Call) and self.sources.resolve(source, node.func) in self.asking

    def may_ask(self, source: Source, graph: ast.AST) -> bool:
        """Whether a graph has a step that asks; False if its steps are not in sight."""
        for made in [graph, *self.assigned(source, graph, dotted(graph))]:
            if isinstance(made, ast.Call) and isinstance(made.func, ast.Attribute):
                builder = dotted(made.func.value)
                if made.func.attr == "compile" and self.steps[source, builder] & self.asking:
                    return True
        name = self.sources.resolve(source, graph)
        module, _, last = name.rpartition(".")
        other = self.sources.modules.get(module)
        if other is None or other is source:
            return False
        return any(self.may_ask(other, made) for made in self.assigned_in(other, last))

    @cached_property
    def steps(self) -> dict[tuple[Source, str], set[str]]:
        """File and name of a graph's builder → the functions added to it, by dotted name."""
        found: dict[tuple[Source, str], set[str]] = defaultdict(set)
        for source, call in self._added():
            assert isinstance(call.func, ast.Attribute)
            found[source, dotted(call.func.value)].add(self.sources.resolve(source, call.args[-1]))
        return found


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
