"""Who called: places in the user's code, and the functions on the stack."""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import traceback
from types import CodeType, FrameType
from typing import Any

__all__ = ["Places", "code_of", "look_up", "place", "trace", "within"]

__tracebackhide__ = True

NOT_THE_USERS = (
    "_pytest",
    "pluggy",
    "pytest",
    "concurrent",
    "contextlib",
    "unittest",
    "langgraph",
    "langchain",
    "langchain_core",
    "langgraph_parity",
    "asyncio",
    "threading",
)


Places = tuple[tuple[str, str], ...]
"""Module and `file:line` of the user's frames, the innermost first."""


def look_up(frame: FrameType | None) -> tuple[Places, frozenset[CodeType]]:
    """The user's code that called, and every code object on the stack of this thread and of others."""
    places, codes = [], set()
    here: FrameType | None = frame
    beyond = False
    while here is not None:
        codes.add(here.f_code)
        module = str(here.f_globals.get("__name__", ""))
        # What called pytest is nobody's code: `__main__` of whatever started it.
        beyond = beyond or within(module, "pluggy")
        if not beyond and not within(module, *NOT_THE_USERS):
            places.append((module, f"{_short(here.f_code.co_filename)}:{here.f_lineno}"))
        here = here.f_back
    for (
        thread,
        here,
    ) in sys._current_frames().items():  # a coordinator may stream in a worker thread
        while here is not None and thread != threading.get_ident():
            codes.add(here.f_code)
            here = here.f_back
    return tuple(places), frozenset(codes)


def place(places: Places, package: str = "") -> str:
    """Where it happened: in the user's innermost frame, called from outside the package."""
    if not places:
        return "?"
    outer = next((where for module, where in places if not within(module, package)), places[0][1])
    return places[0][1] if outer == places[0][1] else f"{outer} by {places[0][1]}"


def trace(error: BaseException | None) -> str:
    """The traceback of an error and of what it comes from: the user's frames only; empty if there are none."""
    parts: list[str] = []
    seen: set[int] = set()
    some = False
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.StackSummary.extract(
            (frame, line)
            for frame, line in traceback.walk_tb(error.__traceback__)
            if not within(str(frame.f_globals.get("__name__", "")), *NOT_THE_USERS)
        )
        some = some or bool(frames)
        parts[:0] = [*traceback.format_list(frames), *traceback.format_exception_only(error)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "".join(parts) if some else ""


def _short(path: str) -> str:
    return "/".join(path.replace("\\", "/").split("/")[-2:])


def code_of(function: Any) -> frozenset[CodeType]:
    """The code objects of a function: of what it decorates, encloses and defines, too."""
    found: set[CodeType] = set()
    todo: list[Any] = [function]
    while todo:
        one = todo.pop()
        if isinstance(one, CodeType):
            if one not in found:
                found.add(one)
                todo += one.co_consts
        elif isinstance(one, functools.partial):
            todo.append(one.func)
        elif inspect.ismethod(one):
            todo.append(one.__func__)
        elif inspect.isfunction(one) and one.__code__ not in found:
            todo += [one.__code__, getattr(one, "__wrapped__", None)]
            todo += [cell.cell_contents for cell in one.__closure__ or () if _filled(cell)]
        elif one is function and not isinstance(one, type) and callable(one):
            todo.append(inspect.getattr_static(one, "__call__"))
    return frozenset(found)


def _filled(cell: Any) -> bool:
    try:
        return inspect.isfunction(cell.cell_contents)
    except ValueError:
        return False


def within(name: str, *packages: str) -> bool:
    """Is a dotted name one of the packages, or in one of them?"""
    return any(name == package or name.startswith(f"{package}.") for package in packages)
