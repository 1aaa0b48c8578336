"""What each command does: gather, hand over, say how it ended."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from importlib import import_module
from typing import cast

__all__ = ["command"]

_ELSEWHERE = {"doctor": "setup", "init": "setup", "study": "study"}
"""The modules of the commands that hold no session and look at none."""


def command(name: str) -> Callable[[Namespace], int]:
    """What the command of this name does, which returns an exit code. Only its own module is imported."""
    module = import_module(f"{__name__}.{_ELSEWHERE.get(name, 'sessions')}")
    return cast(Callable[[Namespace], int], getattr(module, name))
