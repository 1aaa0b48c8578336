"""Python environments for the peers, one each, in `.peers/`: made from pinned files, and kept while those are unchanged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKS = Path(__file__).with_name("locks")
FOLDER = ROOT / ".peers"
PATIENCE = 900.0
"""Seconds after which an installation is given up."""


class Unusable(Exception):
    """A peer cannot be installed or run; said with the last line of what it said."""


def python(name: str, locks: Path = LOCKS, folder: Path = FOLDER) -> Path:
    """The interpreter of the peer's environment, which is made if need be.

    Raises:
        Unusable: it cannot be made.
    """
    lock = locks / f"{name}.txt"
    environment = folder / name
    interpreter = environment / "bin" / "python"
    made_from = environment / "made-from.txt"
    if made_from.exists() and made_from.read_text() == lock.read_text():
        return interpreter
    run(sys.executable, "-m", "venv", "--clear", str(environment))
    pip = (str(interpreter), "-m", "pip", "--disable-pip-version-check", "--quiet")
    # The files are complete: nothing is resolved, so that it is the same everywhere.
    run(*pip, "install", "--require-hashes", "--no-deps", "--requirement", str(lock))
    made_from.write_text(lock.read_text())
    return interpreter


def run(*command: str) -> None:
    """Run a command to its end.

    Raises:
        Unusable: it failed, or took too long.
    """
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.CalledProcessError as error:
        raise Unusable(last_line(error.stderr or error.stdout)) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unusable(last_line(str(error))) from error


def last_line(said: str) -> str:
    """The last line of an error that says something."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
