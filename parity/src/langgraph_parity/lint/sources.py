"""All linted files together: what they define, and where each name comes from."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from langgraph_parity.lint.source import NAMED, Function, Source, dotted, parsed

__all__ = ["LintError", "Sources", "read"]

_PYTHON = ".".join(map(str, sys.version_info[:2]))

SKIPPED = {"node_modules", "site-packages", "build", "dist", "venv", "__pycache__"}


class LintError(Exception):
    """Paths that cannot be linted: one line for each, in `args[0]`."""


class Sources(list[Source]):
    """All linted files, and the names they define."""

    def __init__(self, sources: Iterable[Source], packages: Iterable[str] = ()) -> None:
        super().__init__(sources)
        self.modules = {source.module: source for source in self}
        self.tests = [source for source in self if source.is_test]
        self.application = [source for source in self if not source.is_test]
        self.named = set(packages)
        self.packages = self.named or {
            source.module.split(".")[0] for source in self.application
        } | {"src"}

    @cached_property
    def definitions(self) -> dict[str, ast.AST]:
        """Dotted name → function or class."""
        return {
            source.name_of(node): node
            for source in self
            for node in source.nodes
            if isinstance(node, NAMED)
        }

    @cached_property
    def bases(self) -> dict[str, list[str]]:
        """Class → its bases, by dotted name."""
        return {
            source.name_of(node): [self.resolve(source, base) for base in node.bases]
            for source in self
            for node in source.nodes
            if isinstance(node, ast.ClassDef)
        }

    def resolve(self, source: Source, node: ast.AST) -> str:
        """The dotted name behind an expression; `""` if it has none. `self.x` is looked up in the class."""
        name = dotted(node)
        if not name:
            return ""
        first, _, rest = name.partition(".")
        if first in ("self", "cls") and rest:
            for above in source.outer(node):
                if isinstance(above, ast.ClassDef):
                    return self._inherited(source.name_of(above), rest) or name
            return name
        if first in source.imports:
            return self.follow(source.imports[first] + (f".{rest}" if rest else ""))
        for above in source.outer(node):
            if isinstance(above, Function | ast.Module):
                prefix = source.name_of(above) if isinstance(above, Function) else source.module
                if f"{prefix}.{first}" in self.definitions:
                    return f"{prefix}.{name}"
        return name

    def follow(self, name: str) -> str:
        """`name` as the module that defines it would write it: `app.nodes.sleep` → `time.sleep`."""
        for _ in range(10):
            parts = name.split(".")
            for length in range(len(parts) - 1, 0, -1):
                source = self._module(".".join(parts[:length]))
                if source is None:
                    continue
                known = source.imports.get(parts[length])
                own = f"{source.module}.{parts[length]}"
                submodule = self._module(own) is not None and own != known
                if known is None or known == own or own in self.definitions or submodule:
                    return ".".join([source.module, *parts[length:]])
                name = ".".join([known, *parts[length + 1 :]])
                break
            else:
                return name
        return name

    def _module(self, name: str) -> Source | None:
        return self.modules.get(name) or self.modules.get(name.removeprefix("src."))

    def _inherited(self, cls: str, rest: str, depth: int = 0) -> str:
        if f"{cls}.{rest}" in self.definitions:
            return f"{cls}.{rest}"
        if depth < 10:
            for base in self.bases.get(cls, []):
                if found := self._inherited(base, rest, depth + 1):
                    return found
        return ""

    def is_internal(self, name: str) -> bool:
        """Whether a dotted name is in a package of the application."""
        return name.split(".")[0] in self.packages


def read(paths: Iterable[Path], packages: Iterable[str] = ()) -> Sources:
    """Parse the files, and all Python files in the folders.

    Raises:
        LintError: a path does not exist, holds no Python file, or does not parse.
    """
    sources: dict[Path, Source] = {}
    wrong: list[str] = []
    for path in paths:
        files = sorted(_files(path))
        if not files:
            wrong.append(f"{path}: {'no Python files here' if path.exists() else 'no such path'}.")
        for file in files:
            try:
                sources.setdefault(file.resolve(), parsed(file, path))
            except (SyntaxError, ValueError) as error:
                line = getattr(error, "lineno", None) or 1
                why = getattr(error, "msg", None) or error
                wrong.append(f"{file}:{line}: {why} (read with Python {_PYTHON}).")
            except OSError as error:
                wrong.append(f"{file}: {error.strerror or error}.")
    if wrong:
        raise LintError("\n".join(wrong))
    return Sources(sources.values(), packages)


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for file in path.rglob("*.py") if path.is_dir() else ():
        parts = file.relative_to(path).parts
        if not any(part in SKIPPED or part.startswith(".") for part in parts):
            yield file
