"""P905 to P907: what breaks a graph when it pauses for a human, and how states begin."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from langgraph_parity.lint.effects import Course
from langgraph_parity.lint.graphs import DRIVES, Graphs
from langgraph_parity.lint.source import Function, Source, Told, dotted
from langgraph_parity.lint.states import States, is_empty

__all__ = ["in_nodes"]

BUBBLES = {"GraphBubbleUp", "GraphInterrupt", "NodeInterrupt"}
OTHERS = {"GraphDrained", "ParentCommand", "RunControl", "request_drain", "PARENT"}
"""Names of applications in which more bubbles up than questions: the end of a run, a command to the parent graph."""
BROAD = {"Exception", "BaseException"}
HELD_NODE = re.compile(r"\bself\._?(fn|func|function|wrapped)\b|node", re.IGNORECASE)
"""What wrappers call the node they hold."""

INITIAL = re.compile(r"(\w+_)?(initial|init|start|starting|default|empty|fresh|new)_(\w+_)?"
                     r"(state|input|inputs|values)")  # fmt: skip


def in_nodes(graphs: Graphs) -> Iterator[Told]:
    """What is wrong in any file, tests or not."""
    rules = _Nodes(graphs)
    for source in graphs.sources:
        for node in source.nodes:
            if isinstance(node, ast.Try | ast.TryStar):
                yield from rules.swallowed(source, node)
            elif isinstance(node, ast.With):
                yield from rules.suppressed(source, node)
            elif isinstance(node, Function):
                yield from rules.effects_before(source, node)
            elif isinstance(node, ast.Call):
                yield from rules.input_of(source, node)
            elif isinstance(node, ast.Assign | ast.AnnAssign | ast.Return):
                yield from rules.initial(source, node)


BEGINS = re.compile(r"_*(initiali[sz]e|init|create|begin|start|new)(_|$)")
"""What functions are called that make the first state of a session."""


class _Nodes:
    def __init__(self, graphs: Graphs) -> None:
        self.graphs = graphs
        self.sources = graphs.sources
        self.states = States(graphs.sources)

    # -- P905 ------------------------------------------------------------------------------------------

    def swallowed(self, source: Source, node: ast.Try | ast.TryStar) -> Iterator[Told]:
        for handler in node.handlers:
            names = _caught(handler.type)
            if "GraphBubbleUp" in names or (names & BUBBLES and not self._others_bubble):
                return
            if handler.type is None or names & BROAD:
                if not _passes_on(handler) and (asked := self._pause_in(source, node.body)):
                    yield self._swallows(source, handler, asked)
                return

    def suppressed(self, source: Source, node: ast.With) -> Iterator[Told]:
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and dotted(call.func).split(".")[-1] == "suppress":
                names = {dotted(one).split(".")[-1] for one in call.args}
                if names & BROAD and (asked := self._pause_in(source, node.body)):
                    yield self._swallows(source, call, asked)

    def _swallows(
        self, source: Source, node: ast.excepthandler | ast.expr, asked: ast.Call
    ) -> Told:
        return (
            "P905",
            source,
            node,
            f"This also catches the pause that `{ast.unparse(asked.func)}(…)` raises: the graph goes on "
            "unasked. Put `except GraphBubbleUp: raise` (langgraph.errors) before it.",
        )

    def _pause_in(self, source: Source, body: Sequence[ast.stmt]) -> ast.Call | None:
        """A call among `body` through which a pause comes."""
        for statement in body if not isinstance(body, Function) else ():
            for node in _reached(statement):
                if isinstance(node, ast.Call) and self._may_pause(source, node):
                    return node
        return None

    def _may_pause(self, source: Source, call: ast.Call) -> bool:
        if self.graphs.asks(source, call):
            return True
        if not self._there_are_questions:
            return False
        if isinstance(call.func, ast.Attribute) and call.func.attr in DRIVES:
            if self.graphs.in_node(source, call):
                return self.graphs.may_ask(source, call.func.value)
            return self._raised_by_hand and bool(self.graphs.driven(source, call))
        return self._calls_node(source, call)

    def _calls_node(self, source: Source, call: ast.Call) -> bool:
        """Whether a wrapper calls the node it wraps: with the `state` it was called with itself."""
        given = {dotted(arg) for arg in call.args}
        enclosing = [n for n in source.outer(call) if isinstance(n, Function)]
        if "state" not in given or not enclosing:
            return False
        wrapped = {arg.arg for function in enclosing[1:] for arg in function.args.args}
        if dotted(call.func) in wrapped:
            return True
        known = self.sources.resolve(source, call.func) in self.sources.definitions
        return not known and bool(HELD_NODE.search(ast.unparse(call.func)))

    @cached_property
    def _there_are_questions(self) -> bool:
        return bool(self.graphs.asking)

    @cached_property
    def _others_bubble(self) -> bool:
        names = (_name_of(node) for source in self.sources for node in source.nodes)
        return not OTHERS.isdisjoint(names)

    @cached_property
    def _raised_by_hand(self) -> bool:
        """Whether the application's own code raises GraphInterrupt to those who stream."""
        return any(
            isinstance(node, ast.Raise)
            and isinstance(node.exc, ast.Call)
            and dotted(node.exc.func).split(".")[-1] in BUBBLES
            for source in self.sources.application
            for node in source.nodes
        )

    # -- P906 ------------------------------------------------------------------------------------------

    def effects_before(self, source: Source, function: Function) -> Iterator[Told]:
        if source.name_of(function) not in self.graphs.asking:
            return
        flow = Course(self.graphs, source)
        flow.run(function.body, [])
        for call in flow.repeated:
            yield (
                "P906",
                source,
                call,
                f"`{ast.unparse(call.func)}(…)` happens again when the question after it is answered: "
                "the function starts from its top. Move it after the question, to a node of its own, or "
                "into a `@task`.",
            )

    # -- P907 ------------------------------------------------------------------------------------------

    def input_of(self, source: Source, call: ast.Call) -> Iterator[Told]:
        """The input of a graph that is run."""
        if self.graphs.driven(source, call):
            given = [*call.args[:1], *(k.value for k in call.keywords if k.arg == "input")]
            for value in given:
                found = [value, *self.graphs.assigned(source, value, dotted(value))]
                yield from self._begun(source, found[-1])

    def initial(
        self, source: Source, node: ast.Assign | ast.AnnAssign | ast.Return
    ) -> Iterator[Told]:
        """A state that is called initial, or that an object begins with."""
        if node.value is None or self.graphs.in_node(source, node):
            return
        function = next((n for n in source.outer(node) if isinstance(n, Function)), None)
        inside = function.name if function else ""
        if isinstance(node, ast.Return):
            names = [inside]
        else:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [dotted(target) for target in targets]
        own = any(name in ("self._state", "self.state") for name in names)
        called = any(INITIAL.search(name.split(".")[-1].lower()) for name in names)
        made = bool(self._class_of(source, node.value))
        begins = made and bool(BEGINS.match(inside))
        if (own and made) or ((called or begins) and not source.is_test):
            yield from self._begun(source, node.value)

    def _begun(self, source: Source, value: ast.AST) -> Iterator[Told]:
        pairs: list[tuple[object, ast.expr]] = []
        fields = self.states.reducers
        if isinstance(value, ast.Dict):
            pairs = [
                (key.value, item)
                for key, item in zip(value.keys, value.values, strict=True)
                if isinstance(key, ast.Constant)
            ]
        elif isinstance(value, ast.Call):
            cls = self._class_of(source, value)
            if dotted(value.func) != "dict":
                fields = self.states.fields_of(cls) if cls else set()
            pairs = [(keyword.arg, keyword.value) for keyword in value.keywords]
        for name, item in pairs:
            if name in fields and is_empty(item):
                yield (
                    "P907",
                    source,
                    item,
                    f"`{name}` has a reducer, and is begun by hand here. Leave it out: LangGraph begins it, "
                    "and a value given here goes through the reducer as an update.",
                )

    def _class_of(self, source: Source, value: ast.AST) -> str:
        """The state class that a call constructs."""
        name = self.sources.resolve(source, value.func) if isinstance(value, ast.Call) else ""
        return name if self.states.fields_of(name) else ""


def _caught(node: ast.expr | None) -> set[str]:
    kinds = node.elts if isinstance(node, ast.Tuple) else [node] if node is not None else []
    return {dotted(kind).split(".")[-1] for kind in kinds}


def _passes_on(handler: ast.ExceptHandler) -> bool:
    """Whether some way through the handler raises what was caught, as it was."""
    return any(
        isinstance(node, ast.Raise)
        and (node.exc is None or (isinstance(node.exc, ast.Name) and node.exc.id == handler.name))
        for node in ast.walk(handler)
    )


def _reached(node: ast.AST) -> Iterator[ast.AST]:
    """What an exception inside `node` comes from, unless something in there catches it first."""
    if isinstance(node, ast.Try | ast.TryStar):
        for handler in node.handlers:
            if handler.type is None or _caught(handler.type) & (BUBBLES | BROAD):
                return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _reached(child)


def _name_of(node: ast.AST) -> str:
    """The name that this part of a file mentions, if it is one."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""
