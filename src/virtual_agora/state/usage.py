"""What calls to models took, and what a session's budget has to say to it: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

__all__ = ["Budgeted", "Count", "Scope", "Spent", "Usage", "add_usage", "concluding"]

Count = Annotated[int, Field(ge=0)]
Scope = Literal["session", "topic"]


class Usage(TypedDict):
    """What calls to one model took: counts, tokens, prompt characters, and US dollars (None: price unknown)."""

    calls: Count
    failed: Count
    repaired: Count
    input_tokens: Count
    output_tokens: Count
    cached_tokens: Count
    prompt_chars: Count
    cost: Annotated[float, Field(ge=0)] | None


class Spent(TypedDict):
    """What was used by all models together: calls, tokens in and out, and US dollars as far as prices are known."""

    calls: Count
    tokens: Count
    cost: Annotated[float, Field(ge=0)]


class Budgeted(TypedDict):
    """Where a session stands with its budget.

    A cap goes by its scope and kind, such as `session.cost` or `topic.calls`. `raised` are the caps that the user has
    raised, `noticed` those whose nearness was told, each as it was then, and `unpriced:MODEL` for a model whose price
    was told to be unknown. `before_topic` is what the session had used when its current topic was announced.
    `concluding` says what is brought to its end because of the budget: nothing but the writing is asked for in it.
    """

    raised: dict[str, float]
    noticed: dict[str, float]
    before_topic: Spent
    concluding: Literal["", Scope]


def concluding(state: Mapping[str, Any]) -> str:
    """What is brought to its end because of the budget: `topic`, `session` or nothing."""
    return str((state.get("budget") or {}).get("concluding", ""))


def add_usage(total: Mapping[str, Usage], delta: Mapping[str, Usage]) -> dict[str, Usage]:
    """Sum usage model by model. A cost unknown once stays unknown for that model."""
    merged = dict(total)
    for model, used in delta.items():
        before = merged.get(model)
        merged[model] = used if before is None else _sum_usage(before, used)
    return merged


def _sum_usage(one: Usage, other: Usage) -> Usage:
    costs = (one["cost"], other["cost"])
    return Usage(
        calls=one["calls"] + other["calls"],
        failed=one["failed"] + other["failed"],
        repaired=one["repaired"] + other["repaired"],
        input_tokens=one["input_tokens"] + other["input_tokens"],
        output_tokens=one["output_tokens"] + other["output_tokens"],
        cached_tokens=one["cached_tokens"] + other["cached_tokens"],
        prompt_chars=one["prompt_chars"] + other["prompt_chars"],
        cost=None if costs[0] is None or costs[1] is None else costs[0] + costs[1],
    )
