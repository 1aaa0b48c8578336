"""Values of two runs, so that they can be compared: without what may differ, in plain data."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from langchain_core.messages import BaseMessage

from langgraph_parity.kept import short

__all__ = ["differences", "plain", "unlike"]

# Ids that were drawn, as messages have them: with the bits that tell a UUID from any other hexadecimal number.
UUID = re.compile(r"\b[0-9a-f]{8}(-?)[0-9a-f]{4}\1[1-8][0-9a-f]{3}\1[89ab][0-9a-f]{3}\1[0-9a-f]{12}\b")  # fmt: skip


def plain(
    values: Any,
    thread_id: str,
    volatile: tuple[str, ...] | Callable[[dict[str, Any]], Any] = (),
) -> Any:
    """The values in dicts, lists and texts; the thread's id stands as `<thread>`, UUIDs and ids of messages as `<id 1>`, ….

    `volatile` are names left out wherever they are a key, or a function that returns what is compared.
    """
    if callable(volatile):
        values, volatile = volatile(values), ()
    walk = _Plain(thread_id, frozenset(volatile))
    walk.of(values)  # An id may stand in the values before the message that it belongs to.
    return walk.of(values)


class _Plain:
    def __init__(self, thread_id: str, volatile: frozenset[str]) -> None:
        self._thread = re.compile(rf"(?<!\w){re.escape(thread_id)}(?!\w)") if thread_id else None
        self._volatile = volatile
        self._ids: dict[str, str] = {}

    def of(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, BaseMessage) and value.id:  # each vendor draws them in its own form
            self._ids.setdefault(value.id, f"<id {len(self._ids) + 1}>")
        if hasattr(value, "model_dump"):
            value = value.model_dump()
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        if isinstance(value, Mapping):
            kept = [(key, one) for key, one in value.items() if key not in self._volatile]
            return {
                self._text(str(key)): self.of(one) for key, one in sorted(kept, key=_key_as_text)
            }
        if isinstance(value, list | tuple):
            return [self.of(one) for one in value]
        if isinstance(value, set | frozenset):
            return sorted((self.of(one) for one in value), key=repr)
        return self._text(repr(value))

    def _text(self, text: str) -> str:
        if text in self._ids:
            return self._ids[text]
        if self._thread:
            text = self._thread.sub("<thread>", text)
        return UUID.sub(lambda m: self._ids.setdefault(m[0], f"<id {len(self._ids) + 1}>"), text)


def _key_as_text(item: tuple[Any, Any]) -> str:
    return str(item[0])


def unlike(
    one: tuple[Any, str],
    other: tuple[Any, str],
    volatile: tuple[str, ...] | Callable[[dict[str, Any]], Any],
) -> list[str]:
    """Where the values of two runs differ, each given with its thread's id.

    An id that is also a word of the values must not make them differ: they are compared with and without it.
    """
    if plain(one[0], "", volatile) == plain(other[0], "", volatile):
        return []
    return list(differences(plain(*one, volatile), plain(*other, volatile)))


def differences(one: Any, other: Any, where: str = "") -> Iterator[str]:
    """Where two plain values differ: `field: this became that`, at most one line for each field."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            path = f"{where}.{key}" if where else str(key)
            if key not in other:
                yield f"{path}: {short(one[key])} is missing"
            elif key not in one:
                yield f"{path}: {short(other[key])} was added"
            else:
                yield from differences(one[key], other[key], path)
    elif isinstance(one, list) and isinstance(other, list) and len(one) != len(other):
        yield f"{where}: {len(one)} items became {len(other)}"
    elif isinstance(one, list) and isinstance(other, list):
        for index, (this, that) in enumerate(zip(one, other, strict=True)):
            if this != that:
                yield from differences(this, that, f"{where}[{index}]")
                return
    elif one != other:
        yield f"{where}: {short(one)} became {short(other)}"
