"""The files a new user begins with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from virtual_agora.errors import ConfigurationError, StorageError, UsageError
from virtual_agora.private import protect

__all__ = ["TEMPLATES", "first_command", "other_prompts", "write_starter"]

TEMPLATES = ("decision", "policy", "red-team", "research", "retrospective")
"""Panels for a purpose: each a folder of packaged data with a README.md on when and how to use it."""

_CONFIG = PurePosixPath("config.yml")
_ENVIRONMENT = PurePosixPath(".env.example")
_README = PurePosixPath("README.md")


def write_starter(folder: Path, *, template: str | None = None, force: bool = False) -> list[Path]:
    """Write a commented `config.yml` and `.env.example` into `folder`, which is created if need be.

    `.env.example` is its owner's alone; the others, in which no secrets belong, are as open as the umask says.
    With a `template` the configuration is that of its panel, and its prompts, examples and README.md come with it.
    All paths written are returned, `config.yml` first.

    Raises:
        UsageError: there is no such template.
        ConfigurationError: one of them is there already, or another file among the prompts, and `force` was not
            given; nothing was written.
        StorageError: the folder cannot be written to.
    """
    texts = _texts(template)
    targets = {folder / name: text for name, text in texts.items()}
    try:
        if not force:
            _refuse_to_mix(folder, list(targets))
        for target in targets:
            target.parent.mkdir(parents=True, exist_ok=True)
        # Where it is, keys are soon to be; a copy of it is as closed as it is.
        (folder / _ENVIRONMENT).touch(mode=0o600)
        protect(folder / _ENVIRONMENT)
        for target, text in targets.items():
            target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written to: {error.strerror}.",
            hint="Choose another folder, or make room or permission in this one.",
        ) from error
    return list(targets)


def first_command(template: str) -> str:
    """The command line that the template's README.md says to begin with."""
    readme = _texts(template)[_README]
    return next(line for line in readme.splitlines() if line.startswith("virtual-agora run "))


def other_prompts(folder: Path, written: list[Path]) -> list[Path]:
    """Files that count as prompts of the configuration in `folder`, and are not among those `written`."""
    if not any(path.parent == folder / "prompts" for path in written):
        return []
    return sorted(set((folder / "prompts").glob("*.md")) - set(written))


def _refuse_to_mix(folder: Path, targets: list[Path]) -> None:
    present = [target for target in targets if os.path.lexists(target)]
    present += other_prompts(folder, targets)
    if present:
        are = f"and {len(present) - 1} more of these files are" if len(present) > 1 else "is"
        raise ConfigurationError(
            f"{present[0]} {are} there already; nothing was written.",
            hint="Name another folder, move it away, or overwrite it with: virtual-agora init --force",
        )


def _texts(template: str | None) -> dict[PurePosixPath, str]:
    """What is to be written, by its path in the new folder."""
    packaged = files(__package__) / "templates"
    if template is not None and template not in TEMPLATES:
        raise UsageError(
            f"There is no template “{template}”; there are {', '.join(TEMPLATES)}.",
            hint="Without --template a general configuration is written.",
        )
    source = packaged / template if template else packaged
    found = {_CONFIG: source / _CONFIG.name}
    if template:
        found |= _within(source, PurePosixPath())
    found[_ENVIRONMENT] = packaged / _ENVIRONMENT.name
    return {name: file.read_text("utf-8") for name, file in found.items()}


def _within(folder: Traversable, at: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _within(entry, at / entry.name)
        else:
            yield at / entry.name, entry
