"""What differs between a task's recorded writes and those of new code."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.types import Interrupt, Send
from pydantic import BaseModel

from langgraph_parity.history import CONTROL, INTERNAL
from langgraph_parity.kept import short
from langgraph_parity.saver import Died
from langgraph_parity.schema import same
from langgraph_parity.writes import TASKS, Writes

__all__ = [
    "NOTHING",
    "Difference",
    "Volatile",
    "asked",
    "branches",
    "died",
    "fields",
    "finished",
    "of",
    "one",
    "said",
    "sends",
    "told",
    "unequal",
]

Written = Sequence[tuple[str, Any]]
Difference = tuple[str, Any, Any]


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()


class Volatile:
    """Paths of values that may differ: globs of `field`, `node.field`, `field.part.0`."""

    def __init__(self, globs: Sequence[str]) -> None:
        self._globs = globs

    def covers(self, node: str, path: str) -> bool:
        """Is the path, or what it lies in, volatile?"""
        parts = path.split(".")
        heads = [".".join(parts[: n + 1]) for n in range(len(parts))]
        heads += [f"{node}.{head}" for head in heads]
        return any(fnmatchcase(head, glob) for head in heads for glob in self._globs)


def fields(writes: Written) -> dict[str, list[Any]]:
    """State key -> what was written to it, in order."""
    found: dict[str, list[Any]] = {}
    for channel, value in writes:
        if channel == "__root__" or channel == "__end__" or not channel.startswith(INTERNAL):
            found.setdefault(channel, []).append(value)
    return found


def branches(writes: Written) -> Counter[str]:
    """Node -> how often the task led to it."""
    found: Counter[str] = Counter()
    for channel, value in writes:
        if channel.startswith("branch:to:"):
            found[channel.removeprefix("branch:to:")] += 1
        elif channel.startswith("join:"):
            found[channel.rsplit(":", 1)[1]] += 1
        elif channel == TASKS and isinstance(value, Send):
            found[value.node] += 1
    return found


def sends(writes: Written) -> dict[str, list[Any]]:
    """Node -> what was sent to it, in order."""
    found: dict[str, list[Any]] = {}
    for channel, value in writes:
        if channel == TASKS and isinstance(value, Send):
            found.setdefault(value.node, []).append(value.arg)
    return found


def unequal(path: str, old: Any, new: Any) -> Iterator[Difference]:
    """Every part that differs, with its path. A message's id is chance, and left out."""
    if same(old, new):
        return
    was, now = _parts(old), _parts(new)
    if was is None or now is None or type(old) is not type(new):
        yield path, old, new
        return
    for key in [*was, *(key for key in now if key not in was)]:
        yield from unequal(f"{path}.{key}", was.get(key, NOTHING), now.get(key, NOTHING))


def told(found: Sequence[Difference], noun: str = "field") -> str:
    """The first difference in words, and how many more there are."""
    path, old, new = found[0]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{noun} {path}: {short(old)} → {short(new)}{more}"


def finished(writes: Written) -> bool:
    """Did the task end, so that its writes are its outcome?"""
    return any(channel not in CONTROL for channel, _ in writes)


def one(values: list[Any] | None) -> Any:
    """What a task wrote to a key: most write once."""
    if values is None:
        return NOTHING
    return values[0] if len(values) == 1 else values


def of(made: Writes, channel: str) -> list[Any]:
    """All a task wrote to a channel."""
    return [value for name, value in made.writes if name == channel]


def asked(written: list[Any]) -> Any:
    """The payload of the question, or of the questions."""
    several = [one.value if isinstance(one, Interrupt) else one for w in written for one in w]
    return several[0] if len(several) == 1 else (several or NOTHING)


def died(made: Writes) -> bool:
    """Was the task stopped by the kit?"""
    return any(isinstance(error, Died) for error in of(made, "__error__"))


def said(error: object) -> str:
    """An error in words."""
    return f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else str(error)


def _parts(value: Any) -> dict[Any, Any] | None:
    """What a value is made of, if it can be taken apart."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list | tuple):
        return dict(enumerate(value))
    if isinstance(value, BaseMessage):
        return value.model_dump(exclude={"id"})
    if isinstance(value, BaseModel):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    return None
