"""Which fields of a state have a reducer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from langgraph_parity.lint.source import dotted
from langgraph_parity.lint.sources import Sources

__all__ = ["States", "is_empty"]

GROWING = {"DeltaChannel", "BinaryOperatorAggregate"}
"""Channels that are made from a reducer."""

WITH_MESSAGES = {"MessagesState", "AgentState", "AgentStatePydantic"}
"""States of LangGraph and LangChain that have the growing field `messages`."""


class States:
    """The state classes of the linted sources."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources

    @cached_property
    def fields(self) -> dict[str, set[str]]:
        """State class, by dotted name → its own fields that have a reducer."""
        found: dict[str, set[str]] = {}
        for source in self.sources:
            for node in source.nodes:
                if isinstance(node, ast.ClassDef):
                    bases = {dotted(base).split(".")[-1] for base in node.bases}
                    own = {"messages"} if bases & WITH_MESSAGES else set()
                    own |= {name for name, type_ in _annotations(node) if _has_reducer(type_)}
                    if own:
                        found[source.name_of(node)] = own
        return found

    def fields_of(self, cls: str) -> set[str]:
        """The fields with a reducer of a class and of those it inherits from."""
        own = {"messages"} if cls.split(".")[-1] in WITH_MESSAGES else set()
        return own.union(
            self.fields.get(cls, ()), *map(self.fields_of, self.sources.bases.get(cls, []))
        )

    @cached_property
    def reducers(self) -> set[str]:
        """Names of fields that have a reducer in every state that has them."""
        plain = {
            name
            for source in self.sources
            for node in source.nodes
            if isinstance(node, ast.ClassDef)
            and {dotted(base).split(".")[-1] for base in node.bases}
            & {"TypedDict", "MessagesState"}
            for name, type_ in _annotations(node)
            if not _has_reducer(type_)
        }
        return {name for names in self.fields.values() for name in names} - plain


def _annotations(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            yield item.target.id, item.annotation


def _has_reducer(annotation: ast.expr) -> bool:
    """`Annotated[…, reducer]`: the last thing in it is a function, or a channel made from one."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            return False
    if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.slice, ast.Tuple):
        return False
    head = dotted(annotation.value).split(".")[-1]
    if head in ("Required", "NotRequired", "ReadOnly"):
        return _has_reducer(annotation.slice)
    last = annotation.slice.elts[-1]
    if isinstance(last, ast.Call):
        return head == "Annotated" and dotted(last.func).split(".")[-1] in GROWING
    name = dotted(last).split(".")[-1].lstrip("_")
    return head == "Annotated" and (isinstance(last, ast.Lambda) or name[:1].islower())


def is_empty(node: ast.AST) -> bool:
    """`[]`, `{}`, `0`, `list()`, `dict()`, `set()`."""
    if isinstance(node, ast.List | ast.Tuple):
        return not node.elts
    if isinstance(node, ast.Dict):
        return not node.keys
    if isinstance(node, ast.Call):
        return dotted(node.func) in ("list", "dict", "set") and not node.args and not node.keywords
    return isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value == 0
