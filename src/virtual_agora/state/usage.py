"""What calls to models took, and what a session's budget has to say to it: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

__all__ = [
    "Budgeted",
    "Count",
    "Estimated",
    "Scope",
    "Spent",
    "TaskUse",
    "Usage",
    "add_task_usage",
    "add_usage",
    "concluding",
    "cost_of",
    "spent",
]

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


class TaskUse(TypedDict):
    """What calls of one task to one model took: counts and tokens."""

    calls: Count
    input_tokens: Count
    output_tokens: Count


class Estimated(TypedDict):
    """The likely figures of the estimate that was made before the session began, and the tokens of its documents.

    `cost` is in US dollars, None where a price was unknown.
    """

    calls: Count
    tokens: Count
    cost: Annotated[float, Field(ge=0)] | None
    documents: Count


def concluding(state: Mapping[str, Any]) -> str:
    """What is brought to its end because of the budget: `topic`, `session` or nothing."""
    return str((state.get("budget") or {}).get("concluding", ""))


def spent(usage: Mapping[str, Usage]) -> Spent:
    """What all models together took."""
    used = usage.values()
    return Spent(
        calls=sum(u["calls"] for u in used),
        tokens=sum(u["input_tokens"] + u["output_tokens"] for u in used),
        cost=sum(u["cost"] or 0.0 for u in used),
    )


def cost_of(usage: Mapping[str, Usage]) -> float | None:
    """US dollars for all models together; None where a price is unknown."""
    costs = [used["cost"] for used in usage.values()]
    return None if None in costs else sum(cost or 0.0 for cost in costs)


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


def add_task_usage(
    total: Mapping[str, TaskUse], delta: Mapping[str, TaskUse]
) -> dict[str, TaskUse]:
    """Sum what tasks took, by task and model."""
    merged = dict(total)
    for key, used in delta.items():
        before = merged.get(key, TaskUse(calls=0, input_tokens=0, output_tokens=0))
        merged[key] = TaskUse(
            calls=before["calls"] + used["calls"],
            input_tokens=before["input_tokens"] + used["input_tokens"],
            output_tokens=before["output_tokens"] + used["output_tokens"],
        )
    return merged
