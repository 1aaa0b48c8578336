"""Files of settings in YAML: a configuration, the design of a study. What cannot be read is told with its line."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from virtual_agora.errors import ConfigurationError

__all__ = ["Kind", "read_settings"]

MAX_BYTES = 1_000_000
MAX_KEYS = 100_000
MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is, for the sentences about it: its `name` and usual `file` name, a key that it begins with, and hints."""

    name: str
    file: str
    key: str
    missing: str
    too_large: str
    too_deep: str
    empty: str
    no_settings: str


def read_settings(path: Path, kind: Kind) -> tuple[yaml.MappingNode, dict[Hashable, Any]]:
    """The settings in a file: as nodes, which know their lines, and as plain data.

    Raises:
        ConfigurationError: the file cannot be read, is not YAML, gives a key twice, or holds no settings.
    """
    root = _parse(path, _read(path, kind), kind)
    return root, _construct(path, root)


def _read(path: Path, kind: Kind) -> str:
    if os.path.isdir(path):  # unlike Path.is_dir, quiet where the way there is barred
        raise ConfigurationError(
            f"{path} is a folder, not a {kind.name} file.",
            hint=f"Name the file in it, for example {path / kind.file}.",
        )
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigurationError(
            f"The {kind.name} file {path} does not exist.", hint=kind.missing
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(
            f"The {kind.name} file {path} cannot be read: {reason}.",
            hint="Check its permissions.",
        ) from error
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(
            f"{path} is larger than {MAX_BYTES:,} bytes, too large for a {kind.name} file.",
            hint=kind.too_large,
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{path} is not UTF-8 text: the first byte that does not fit is in line {line}.",
            hint="Save the file with the encoding UTF-8.",
        ) from None


def _parse(path: Path, text: str, kind: Kind) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if isinstance(root, yaml.MappingNode):
            _refuse_duplicates(path, root)
            _refuse_growth(path, root)
    except yaml.YAMLError as error:
        raise _malformed(path, error) from None
    except RecursionError:
        raise ConfigurationError(f"{path} is nested too deeply.", hint=kind.too_deep) from None
    if root is None:
        raise ConfigurationError(f"{path} is empty.", hint=kind.empty)
    if not isinstance(root, yaml.MappingNode):
        raise ConfigurationError(
            f"{path} holds no settings: it should consist of keys such as “{kind.key}:”.",
            hint=kind.no_settings,
        )
    return root


def _refuse_duplicates(path: Path, root: yaml.MappingNode) -> None:
    for mapping in _mappings(root, set()):
        seen: dict[str, int] = {}
        for key, _ in mapping.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise ConfigurationError(
                    f"{path}, line {line}: the key “{key.value}” is there twice; "
                    f"it was already given in line {seen[key.value]}.",
                    hint="Remove one of the two.",
                )
            seen[key.value] = line


def _refuse_growth(path: Path, root: yaml.MappingNode) -> None:
    """Merged into one another (`<<`), a few lines can make more keys than any memory holds."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if isinstance(node, yaml.SequenceNode):
            return sum(map(size, node.value))
        if not isinstance(node, yaml.MappingNode):
            return 0
        if id(node) not in sizes:
            sizes[id(node)] = MAX_KEYS  # what merges itself has no end
            merged = [value for key, value in node.value if key.tag == MERGE]
            sizes[id(node)] = len(node.value) + sum(map(size, merged))
        return sizes[id(node)]

    if any(size(mapping) > MAX_KEYS for mapping in _mappings(root, set())):
        raise ConfigurationError(
            f"{path} has more than {MAX_KEYS:,} keys in one place, by merging (“<<”).",
            hint="Write the settings out.",
        )


def _mappings(node: yaml.Node, visited: set[int]) -> Iterator[yaml.MappingNode]:
    # An alias leads to a node again, even to one that it is part of.
    if id(node) in visited:
        return
    visited.add(id(node))
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value, visited)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _mappings(item, visited)


def _construct(path: Path, root: yaml.MappingNode) -> dict[Hashable, Any]:
    try:
        constructor = yaml.constructor.SafeConstructor()
        data: dict[Hashable, Any] = constructor.construct_document(root)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-13-01
        raise _malformed(path, error) from None
    return data


def _malformed(path: Path, error: Exception) -> ConfigurationError:
    mark = getattr(error, "problem_mark", None)
    where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    if what.startswith("but found"):
        what = f"{getattr(error, 'context', '')}, {what}"
    return ConfigurationError(
        f"{path}{where}: this is not valid YAML: {what}.",
        hint="Check the indentation (spaces, no tabs), colons and quotes there.",
    )
