"""Reading `config.yml`: every mistake in it becomes one sentence that names the key and its line."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from virtual_agora.config.mistakes import check_providers, describe
from virtual_agora.config.models import Config
from virtual_agora.config.settings_file import Kind, read_settings

__all__ = ["CONFIG_NAMES", "absolute_prompts", "config_hash", "load_config"]

CONFIG_NAMES = ("config.yml", "config.yaml")
"""Looked for in the working folder, in this order, when no file is named."""

CONFIGURATION = Kind(
    name="configuration",
    file=CONFIG_NAMES[0],
    key="agents",
    missing="Check the path, or write a new one with: virtual-agora init",
    too_large="Give long texts to the assembly as files in a folder, with --context.",
    too_deep="A configuration has three levels: a key, its entries, their settings.",
    empty="Write a new one with `virtual-agora init`, or run without a file to see the demo.",
    no_settings="`virtual-agora init` writes a commented example.",
)


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
    root, data = read_settings(path, CONFIGURATION)
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise describe(error, root, str(path)) from None
    if check_provider is not None:
        check_providers(config, check_provider, root, str(path))
    return absolute_prompts(config, path)


def absolute_prompts(config: Config, path: Path) -> Config:
    """`config` with its `prompts` folder, if any, as an absolute path; a relative one is meant from the folder of `path`."""
    if config.prompts is None:
        return config
    folder = path.parent / Path(config.prompts).expanduser()
    return config.model_copy(update={"prompts": str(folder.absolute())})


def config_hash(config: Config) -> str:
    """64 hex digits, the same for equal configurations."""
    plain = json.dumps(config.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()
