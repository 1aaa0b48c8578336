"""Which names a function mentions, directly or through the helpers of the tests."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable
from functools import cache

from langgraph_parity.lint.source import Function
from langgraph_parity.lint.sources import Sources

__all__ = ["mentions", "spread"]


def mentions(function: Function, words: set[str]) -> bool:
    """Whether a function uses one of these names."""
    return bool(_identifiers(function) & words)


def spread(sources: Sources, fits: Callable[[str], bool]) -> set[str]:
    """Names in the tests that fit, and functions of the tests that mention one, and so on."""
    mentioned: dict[str, set[str]] = defaultdict(set)
    found: set[str] = set()
    for source in sources.tests:
        for function in source.functions:
            words = _identifiers(function)
            found |= {word for word in words if fits(word)}
            if not function.name.startswith("test"):
                mentioned[function.name] |= words
    while more := {name for name, words in mentioned.items() if words & found} - found:
        found |= more
    return found


@cache
def _identifiers(function: Function) -> frozenset[str]:
    """Every name in a function but its own, and the strings that LangGraph gives a meaning."""
    found = set()
    for node in ast.walk(function):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                found.add(name)
            case ast.keyword(arg=str(name)) | ast.alias(name=name):
                found.add(name)
            case ast.Constant(value=str(name)) if "interrupt" in name:
                found.add("interrupt")
    return frozenset(found)
