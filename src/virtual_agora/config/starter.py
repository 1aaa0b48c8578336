"""The files a new user begins with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from virtual_agora.errors import ConfigurationError, StorageError

__all__ = ["STARTER_NAMES", "write_starter"]

STARTER_NAMES = ("config.yml", ".env.example")


def write_starter(folder: Path, *, force: bool = False) -> list[Path]:
    """Write a commented `config.yml` and `.env.example` into `folder`, which is created if need be.

    Raises:
        ConfigurationError: one of them is there already, and `force` was not given; nothing was written.
        StorageError: the folder cannot be written to.
    """
    templates = files(__package__) / "templates"
    targets = [folder / name for name in STARTER_NAMES]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        present = [target for target in targets if target.exists()]
        if present and not force:
            raise ConfigurationError(
                f"{present[0]} is there already, and was left as it is.",
                hint="Move it away, or overwrite it with: virtual-agora init --force",
            )
        for target in targets:
            target.write_text((templates / target.name).read_text("utf-8"), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written to: {error.strerror}.",
            hint="Choose another folder, or make room or permission in this one.",
        ) from error
    return targets
