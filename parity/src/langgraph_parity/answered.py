"""Which of its possible answers a question was given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from langgraph_parity.writes import Writes

__all__ = ["label_of", "options_of", "resumed"]


def options_of(value: Any) -> list[str]:
    """The answers a payload lists in its `options`: texts, the keys of a mapping, or mappings with `value` or `id`."""
    given = value.get("options") if isinstance(value, Mapping) else None
    if isinstance(given, str) or not isinstance(given, Iterable):
        return []
    return [
        str(one.get("value", one.get("id", one)) if isinstance(one, Mapping) else one)
        for one in given
    ]


def label_of(answer: Any, options: Iterable[str]) -> str:
    """The option an answer takes, also where it says so in one of its fields; else the answer, if it is short."""
    if answer is None:
        return ""
    said = [answer, *answer.values()] if isinstance(answer, Mapping) else [answer]
    for one in said:
        if isinstance(one, str | int | float) and str(one) in options:
            return str(one)
    text = str(answer) if isinstance(answer, str | int | float) else ""
    return text if 0 < len(text) <= 40 and "\n" not in text else f"another {type(answer).__name__}"


def resumed(written: Iterable[Writes]) -> Iterator[tuple[str, Any, Any]]:
    """Node, question and answer (or None) of the interrupts that a test answered by itself."""
    questions: dict[str, list[tuple[str, Any]]] = {}
    answers: dict[str, list[Any]] = {}
    for w in written:
        for channel, value in w.writes:
            if channel == "__interrupt__":
                questions.setdefault(w.task_id, []).extend((w.node, one.value) for one in value)
            elif channel == "__resume__" and isinstance(value, list):
                answers[w.task_id] = value
    for id_, several in questions.items():
        given = answers.get(id_, [])
        for index, (node, value) in enumerate(several):
            yield node, value, given[index] if index < len(given) else None
