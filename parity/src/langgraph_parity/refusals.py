"""Markers that would test nothing, or cannot be read: each is refused in one sentence, and only its own test fails."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from langgraph_parity.crashes import chosen
from langgraph_parity.rules import RULES, ParityUsageError

__all__ = ["allowed_by", "counted_by", "refuse"]

PERFORMING = ("parity_crash", "parity_faults")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse what is wrong with the test's markers, before any fixture runs."""
    for sentence in _wrong(item):
        refuse(sentence)


def refuse(sentence: str) -> NoReturn:
    """A sentence helps more than the frames of pytest and the kit."""
    raise pytest.fail.Exception(sentence, pytrace=False) from None


def allowed_by(item: pytest.Item) -> set[str]:
    """The rules that the markers `parity_allow` of a test name."""
    names = [name for marker in item.iter_markers("parity_allow") for name in marker.args]
    return {name for name in names if isinstance(name, str)}


def counted_by(marker: pytest.Mark) -> dict[str, str]:
    """The fixtures that `parity_crash` counts, by what they are counted as."""
    return {name: marker.kwargs.get(name, name) for name in ("effects", "calls")}


def _wrong(item: pytest.Item) -> Iterator[str]:
    for marker in item.iter_markers("parity_allow"):
        yield from _allowing(marker)
    for marker in item.iter_markers("parity_variant"):
        if marker.kwargs or [type(one) for one in marker.args] != [str]:
            yield 'parity_variant takes one name: parity_variant("strict").'
    markers = {name: item.get_closest_marker(name) for name in PERFORMING}
    names = [name for name in PERFORMING if markers[name] is not None]
    for name in names:
        if "parity" not in getattr(item, "fixturenames", ()):
            yield f"{name} needs the fixture parity."
    if len(names) > 1:
        yield "parity_crash and parity_faults do a run again each in its own way. Make two tests of it."
    if (crash := markers["parity_crash"]) is not None:
        yield from _crashing(item, crash)
    params = getattr(getattr(item, "callspec", None), "params", {})
    if isinstance(refused := params.get("parity_fault"), str):
        yield refused


def _allowing(marker: pytest.Mark) -> Iterator[str]:
    example = 'parity_allow("P502", reason="the mail server knows repeats")'
    if not marker.args or not all(isinstance(name, str) for name in marker.args):
        yield f"parity_allow: name the rules, each as a text of its own: {example}."
    elif unknown := sorted(set(marker.args) - RULES.keys()):
        yield f"parity_allow: there is no rule {', '.join(unknown)}. See `parity rules`."
    reason = marker.kwargs.get("reason")
    if set(marker.kwargs) - {"reason"} or not isinstance(reason, str) or not reason.strip():
        yield f"parity_allow: say why: {example}."


def _crashing(item: Any, marker: pytest.Mark) -> Iterator[str]:
    options = {k: v for k, v in marker.kwargs.items() if k not in ("effects", "calls")}
    try:
        inspect.signature(chosen).bind(*marker.args, **options)
        chosen(*marker.args, **options)
    except (TypeError, ParityUsageError) as error:
        yield f"parity_crash: {error}"
    for name, fixture in counted_by(marker).items():
        if name in marker.kwargs and fixture not in item.fixturenames:
            yield f"parity_crash({name}={fixture!r}): the test has no such fixture. Name one that it uses."
