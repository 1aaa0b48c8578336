"""Was a fault swallowed? Does a run lack what it should have, with nothing in its state that says so?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["has_in_chain", "swallowed"]

# Words by which applications record that something is missing.
WORDS = re.compile(r"error|fail|skip|missing|unavailable|absent|abstain|exclud|timeout|timed out|refus|fallback|degraded|invalid|malformed", re.IGNORECASE)  # fmt: skip

BEGINNING = 120
"""Characters of a text that are searched for them: a notice says it at once, and prose uses such words anywhere."""


def has_in_chain(error: BaseException, original: BaseException) -> bool:
    """Is `original` the error itself, or one of its causes?"""
    todo, seen = [error], set()
    while todo:
        one = todo.pop()
        if one is original:
            return True
        if id(one) not in seen:
            seen.add(id(one))
            todo += [one.__cause__] if one.__cause__ is not None else []
            todo += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
    return False


def swallowed(
    promised: Iterable[str],
    without: Mapping[str, Any],
    with_fault: Mapping[str, Any],
    said: str,
    error_fields: Iterable[str],
) -> list[str]:
    """The promised fields that the run with the fault lacks, unless its state records that.

    Lacking is: empty where there was a value, a collection with fewer items, or an empty text inside of one.
    Recorded is: an error field is filled, any field is filled that was empty, a collection has more items, or a text
    names the fault or says that something failed. Both are plain values (`plain.plain`); `said` is the case in words.
    """
    lost = [name for name in promised if _lacks(without.get(name), with_fault.get(name))]
    if not lost or any(with_fault.get(name) for name in error_fields):
        return []
    for name in with_fault:
        one, other = without.get(name), with_fault[name]
        if one != other and (_lacks(other, one) or _tells(one, other, said)):
            return []
    return sorted(lost)


def _lacks(one: Any, other: Any) -> bool:
    if isinstance(one, dict | list) and isinstance(other, dict | list):
        return len(other) < len(one) or _has_emptied(one, other)
    return bool(one) and not other


def _has_emptied(one: Any, other: Any) -> bool:
    """Is a text empty, somewhere inside, that was not? A count that is 0 lacks nothing."""
    if isinstance(one, dict) and isinstance(other, dict):
        return any(_has_emptied(one[key], other[key]) for key in one.keys() & other.keys())
    if isinstance(one, list) and isinstance(other, list):
        return any(_has_emptied(*pair) for pair in zip(one, other, strict=False))
    return isinstance(one, str) and one != "" and other in ("", None)


def _tells(one: Any, other: Any, said: str) -> bool:
    known = set(_texts(one))
    new = [text for text in _texts(other) if text not in known]
    words = [word for word in re.split(r"\W+", said) if len(word) > 5]
    return any(
        WORDS.search(text[:BEGINNING]) or any(word in text for word in words) for text in new
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield str(key)
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    else:
        yield str(value)
