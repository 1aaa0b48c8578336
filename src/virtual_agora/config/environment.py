"""API keys and other settings from a `.env` file."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import load_dotenv

from virtual_agora.errors import ConfigurationError

__all__ = ["load_env"]


_from_file: dict[str, str] = {}
"""What is in the environment because a file says so."""


def load_env(folder: Path) -> Path | None:
    """Put the lines of `folder/.env` into the environment, where they are not set already.

    Called again, it takes over what was changed in the file; what the environment itself has set still counts more.
    Returns the file, or None when there is none.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    for name, value in _from_file.items():
        if os.environ.get(name) == value:
            del os.environ[name]
    _from_file.clear()
    path = folder / ".env"
    if not os.path.isfile(path):
        return None
    before = set(os.environ)
    try:
        load_dotenv(path, override=False, encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{path} is not UTF-8 text.", hint="Save the file with the encoding UTF-8."
        ) from None
    except (OSError, ValueError) as error:
        # Of a ValueError nothing is said: its text may hold the line, and the line a key.
        reason = error.strerror if isinstance(error, OSError) else "a line in it makes no sense"
        raise ConfigurationError(
            f"{path} cannot be read: {reason}.",
            hint="Each line has the form NAME=value; check that you may read the file.",
        ) from None
    finally:
        _from_file.update((name, os.environ[name]) for name in set(os.environ) - before)
    return path
