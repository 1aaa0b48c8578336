"""An estimate of what a session takes, corrected by what earlier sessions took, and how far off earlier estimates were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from virtual_agora.amounts import KINDS
from virtual_agora.config.models import Config
from virtual_agora.estimates.calls import calls_of
from virtual_agora.estimates.work import CHARACTERS, least, likely, most, work
from virtual_agora.providers.pricing import price, unpriced
from virtual_agora.state.schema import Estimated, TaskUse
from virtual_agora.state.usage import concluding, spent

__all__ = ["Estimate", "estimate", "record"]

State = Mapping[str, Any]

CORRECTED = ("calls", "input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class Estimate:
    """At least, likely and at most: calls, tokens, and US dollars, which are None where the price of a model is `unpriced`.

    `rests_on` counts the earlier sessions that corrected it. `off` says of calls, tokens and cost between what
    multiples of the truth the likely figures of `compared` earlier sessions were; a kind of which nothing was used is missing.
    """

    calls: tuple[int, int, int]
    tokens: tuple[int, int, int]
    cost: tuple[float, float, float] | None
    unpriced: list[str]
    rests_on: int
    compared: int
    off: Mapping[str, tuple[float, float]]


def estimate(config: Config, topics: int, material: int, earlier: Sequence[State]) -> Estimate:
    """What a session of this configuration takes.

    `topics` are those that the user gives, 0 if the participants propose them; `material` is the tokens of theme and
    documents. `earlier` are the states of complete sessions, without the fields that only grow.
    """
    whole = [state for state in earlier if concluding(state) != "session"]
    ratios, rests_on = _ratios(config, topics, whole)
    bounds = calls_of(config, topics)
    courses = [make(config, topics) for make in (least, likely, most)]
    found = [
        _corrected(
            work(config, course, topics=topics, material=material),
            ratios,
            material,
            calls=number == 1,
        )
        for number, course in enumerate(courses)
    ]
    unknown = unpriced(config.everyone())
    calls = min(max(round(_sum(found[1], "calls")), bounds.at_least), bounds.at_most)
    tokens = sorted(round(_sum(f, "input_tokens") + _sum(f, "output_tokens")) for f in found)
    costs = [] if unknown else sorted(_cost(f) for f in found)
    off = _off(whole)
    return Estimate(
        calls=(bounds.at_least, calls, bounds.at_most),
        tokens=(tokens[0], tokens[1], tokens[2]),
        cost=(costs[0], costs[1], costs[2]) if costs else None,
        unpriced=unknown,
        rests_on=rests_on,
        compared=sum("estimate" in state for state in whole),
        off=off,
    )


def record(made: Estimate, documents: int) -> Estimated:
    """What a session keeps of the estimate made before it began; `documents` is their tokens."""
    return Estimated(
        calls=made.calls[1],
        tokens=made.tokens[1],
        cost=made.cost[1] if made.cost else None,
        documents=documents,
    )


def _ratios(
    config: Config, topics: int, earlier: Iterable[State]
) -> tuple[dict[str, dict[str, float]], int]:
    """What tasks took with these models in earlier sessions, as multiples of what had been assumed, and in how many.

    Of tokens, what theme and documents take in every call is known and left out. How many calls there are depends on
    the rules, so that only sessions under the same rules say something of it.
    """
    assumed: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(CORRECTED, 0.0))
    took: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(CORRECTED, 0.0))
    own = {f"{agent.provider}/{agent.model}" for agent in config.everyone()}
    rests_on = 0
    for state in earlier:
        used: Mapping[str, TaskUse] = state.get("task_usage", {})
        if not own & {key.split(" ", 1)[1] for key in used}:
            continue
        rests_on += 1
        before = Config.model_validate(state["config"])
        given = _topics_given(state)
        alike = _rules(before) == _rules(config) and bool(given) == bool(topics)
        material = _material(state)
        course = likely(before, given)
        for key, expected in work(before, course, topics=given, material=material).items():
            real = used.get(key) or TaskUse(calls=0, input_tokens=0, output_tokens=0)
            share = real["calls"] / expected["calls"]
            if alike:
                assumed[key]["calls"] += expected["calls"]
                took[key]["calls"] += real["calls"]
            known = material * real["calls"]
            assumed[key]["input_tokens"] += expected["input_tokens"] * share - known
            took[key]["input_tokens"] += max(0, real["input_tokens"] - known)
            assumed[key]["output_tokens"] += expected["output_tokens"] * share
            took[key]["output_tokens"] += real["output_tokens"]
    ratios = {
        key: {kind: took[key][kind] / of[kind] if of[kind] > 0 else 1.0 for kind in CORRECTED}
        for key, of in assumed.items()
    }
    return ratios, rests_on


def _rules(config: Config) -> dict[str, Any]:
    """What decides how many calls a session makes."""
    return {**config.session.model_dump(exclude={"seed"}), "members": len(config.participants())}


def _topics_given(state: State) -> int:
    if not state.get("user_defines_topics"):
        return 0
    return len(state.get("completed_topics", [])) + len(state["agenda"])


def _material(state: State) -> int:
    documents: int = (state.get("estimate") or {}).get("documents", 0)
    return len(state.get("main_topic", "")) // CHARACTERS + documents


def _corrected(
    assumed: Mapping[str, TaskUse],
    ratios: Mapping[str, Mapping[str, float]],
    material: int,
    *,
    calls: bool,
) -> dict[str, dict[str, float]]:
    found = {}
    for key, use in assumed.items():
        by = ratios.get(key, {})
        times = use["calls"] * (by.get("calls", 1.0) if calls else 1.0)
        own = use["input_tokens"] / use["calls"] - material
        found[key] = {
            "calls": times,
            "input_tokens": times * (material + own * by.get("input_tokens", 1.0)),
            "output_tokens": times
            * (use["output_tokens"] / use["calls"])
            * by.get("output_tokens", 1.0),
        }
    return found


def _sum(found: Mapping[str, Mapping[str, float]], kind: str) -> float:
    return sum(use[kind] for use in found.values())


def _cost(found: Mapping[str, Mapping[str, float]]) -> float:
    total = 0.0
    for key, use in found.items():
        provider, model = key.split(" ", 1)[1].split("/", 1)
        if use["calls"]:
            each = price(
                provider,
                model,
                input_tokens=round(use["input_tokens"] / use["calls"]),
                output_tokens=round(use["output_tokens"] / use["calls"]),
            )
            total += (each or 0.0) * use["calls"]
    return total


def _off(earlier: Iterable[State]) -> dict[str, tuple[float, float]]:
    """Between what multiples of the truth earlier likely figures were."""
    found: dict[str, list[float]] = defaultdict(list)
    for state in earlier:
        if "estimate" in state:
            took: Mapping[str, Any] = spent(state.get("usage", {}))
            for kind in KINDS:
                if state["estimate"][kind] is not None and took[kind]:
                    found[kind].append(state["estimate"][kind] / took[kind])
    return {kind: (min(shares), max(shares)) for kind, shares in found.items()}
