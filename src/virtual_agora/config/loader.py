"""Reading `config.yml`: every mistake in it becomes one sentence that names the key and its line."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from virtual_agora.config.mistakes import check_providers, describe
from virtual_agora.config.models import Config
from virtual_agora.errors import ConfigurationError

__all__ = ["CONFIG_NAMES", "config_hash", "load_config"]

CONFIG_NAMES = ("config.yml", "config.yaml")
"""Looked for in the working folder, in this order, when no file is named."""

MAX_BYTES = 1_000_000


def load_config(
    path: Path | None = None, check_provider: Callable[[str], object] | None = None
) -> Config | None:
    """The configuration in `path`, or in the working folder's `config.yml`; None when there is none.

    A relative `prompts` folder is meant from the file's own folder, and comes back absolute. `check_provider`
    is given the name of each provider, and raises ConfigurationError for one that it does not know.

    Raises:
        ConfigurationError: the file cannot be read, is not YAML, does not fit the model, or names no provider.
    """
    if path is None:
        path = next((Path(name) for name in CONFIG_NAMES if os.path.lexists(name)), None)
        if path is None:
            return None
    root = _parse(path, _read(path))
    try:
        config = Config.model_validate(_construct(path, root))
    except ValidationError as error:
        raise describe(error, root, str(path)) from None
    if check_provider is not None:
        check_providers(config, check_provider, root, str(path))
    if config.prompts is None:
        return config
    folder = path.parent / Path(config.prompts).expanduser()
    return config.model_copy(update={"prompts": str(folder.absolute())})


def config_hash(config: Config) -> str:
    """64 hex digits, the same for equal configurations."""
    plain = json.dumps(config.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def _read(path: Path) -> str:
    if os.path.isdir(path):  # unlike Path.is_dir, quiet where the way there is barred
        raise ConfigurationError(
            f"{path} is a folder, not a configuration file.",
            hint=f"Name the file in it, for example {path / CONFIG_NAMES[0]}.",
        )
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigurationError(
            f"The configuration file {path} does not exist.",
            hint="Check the path, or write a new one with: virtual-agora init",
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(
            f"The configuration file {path} cannot be read: {reason}.",
            hint="Check its permissions.",
        ) from error
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(
            f"{path} is larger than {MAX_BYTES:,} bytes, too large for a configuration file.",
            hint="Give long texts to the assembly as files in a folder, with --context.",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{path} is not UTF-8 text: the first byte that does not fit is in line {line}.",
            hint="Save the file with the encoding UTF-8.",
        ) from None


def _parse(path: Path, text: str) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if isinstance(root, yaml.MappingNode):
            _refuse_duplicates(path, root)
    except yaml.YAMLError as error:
        raise _malformed(path, error) from None
    except RecursionError:
        raise ConfigurationError(
            f"{path} is nested too deeply.",
            hint="A configuration has three levels: a key, its entries, their settings.",
        ) from None
    if root is None:
        raise ConfigurationError(
            f"{path} is empty.",
            hint="Write a new one with `virtual-agora init`, or run without a file to see the demo.",
        )
    if not isinstance(root, yaml.MappingNode):
        raise ConfigurationError(
            f"{path} holds no settings: it should consist of keys such as “agents:”.",
            hint="`virtual-agora init` writes a commented example.",
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
