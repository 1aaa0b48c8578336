"""One linted file: parsed, never imported."""

from __future__ import annotations

import ast
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

__all__ = ["NAMED", "Function", "Source", "Told", "dotted", "parsed", "within"]

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


@dataclass(eq=False)
class Source:
    """One parsed file."""

    path: Path
    tree: ast.Module
    folders: tuple[str, ...] = ()
    comments: dict[int, str] = field(default_factory=dict)
    _within: dict[Function, list[ast.AST]] = field(default_factory=dict, repr=False)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every part of the file."""
        return list(ast.walk(self.tree))

    def within(self, function: Function) -> list[ast.AST]:
        """What runs when a function does; see `within`."""
        found = self._within.get(function)
        if found is None:
            found = self._within[function] = list(within(function))
        return found

    @cached_property
    def is_test(self) -> bool:
        """Whether pytest would look into it: by its name, or by the folder it is in."""
        name = self.path.name
        by_name = name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"
        return by_name or bool({"tests", "test"} & set(self.folders))

    @cached_property
    def root(self) -> Path:
        """The folder its module name counts from."""
        folder = self.path.resolve().parent
        if "src" in folder.parts and not (folder / "__init__.py").exists():
            while folder.name != "src":
                folder = folder.parent
            return folder
        while (folder / "__init__.py").exists() and folder.name != "src":
            folder = folder.parent
        return folder

    @cached_property
    def module(self) -> str:
        """Its dotted name, as other modules import it."""
        parts = list(self.path.resolve().relative_to(self.root).with_suffix("").parts)
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def imports(self) -> dict[str, str]:
        """Local name → dotted name, of every import in the file."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first = alias.name.split(".")[0]
                    found[alias.asname or first] = alias.name if alias.asname else first
            elif isinstance(node, ast.ImportFrom):
                base = self._base(node)
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{base}.{alias.name}".lstrip(".")
        return found

    def _base(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        up = self.module.split(".")
        keep = len(up) - node.level + (self.path.name == "__init__.py")
        return ".".join([*up[: max(0, keep)], *filter(None, [node.module])])

    @cached_property
    def uses_langgraph(self) -> bool:
        """Whether graphs, nodes or questions are made here."""
        return any(re.match(r"langgraph\.(?!checkpoint|store)", n) for n in self.imports.values())

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """What each part of the file is in."""
        return {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}

    @cached_property
    def functions(self) -> list[Function]:
        """All functions and methods, wherever they stand."""
        return [n for n in self.nodes if isinstance(n, Function)]

    def outer(self, node: ast.AST) -> Iterator[ast.AST]:
        """What `node` is in, from the inside."""
        while (above := self.parents.get(node)) is not None:
            yield above
            node = above

    def name_of(self, node: ast.AST) -> str:
        """The dotted name of a function or class, by where it stands."""
        names = [n.name for n in [node, *self.outer(node)] if isinstance(n, NAMED)]
        return ".".join([self.module, *reversed(names)])


NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


Told = tuple[str, Source, ast.AST, str]
"""What a rule tells: its id, the file, the place in it, what is wrong and how to mend it."""


def dotted(node: ast.AST) -> str:
    """`a.b.c` for that expression; `""` for any that is more than names and dots."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def within(node: ast.AST) -> Iterator[ast.AST]:
    """`node` and what runs with it, in order: not the bodies of functions and classes inside it."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Scope):
            yield from within(child)


def parsed(path: Path, linted: Path) -> Source:
    """The file at `path`, found at or under `linted`."""
    with tokenize.open(path) as file:
        text = file.read()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text, str(path))
    comments = {}
    if re.search(r"#\s*parity:", text):
        lines = iter(text.splitlines(keepends=True))
        comments = {
            token.start[0]: token.string
            for token in tokenize.generate_tokens(lambda: next(lines, ""))
            if token.type == tokenize.COMMENT
        }
    inner = path.relative_to(linted).parts[:-1] if path != linted else ()
    top = linted if linted.is_dir() else linted.parent
    return Source(path, tree, (top.resolve().name, *inner), comments)
