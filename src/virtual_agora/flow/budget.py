"""A session's budget: which caps are near or reached, and what follows from the user's word on them.

Pure functions of the state and of what a step has used so far, so that a step that runs again asks the same again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from virtual_agora import hitl
from virtual_agora.agents.earlier import due
from virtual_agora.amounts import KINDS, said, share, suggested
from virtual_agora.config.models import Config
from virtual_agora.estimates.calls import closing_calls, most_left
from virtual_agora.hitl import Question
from virtual_agora.state.schema import Budgeted, Scope, Spent, Usage
from virtual_agora.state.usage import cost_of, spent

__all__ = ["NEAR", "Budget", "Cap", "recapped", "topic_closed"]

NEAR = 0.8
"""The share of a cap from which on its nearness is told."""

NOTHING = Spent(calls=0, tokens=0, cost=0.0)


@dataclass(frozen=True, slots=True)
class Cap:
    """One cap as it stands: of calls, tokens or US dollars, of which so much is `used`."""

    scope: Scope
    kind: str
    limit: float
    used: float

    @property
    def name(self) -> str:
        """What it is called in the state."""
        return f"{self.scope}.{self.kind}"

    @property
    def reached(self) -> bool:
        """Whether there is room for nothing more."""
        return self.used >= self.limit

    def __str__(self) -> str:
        return share(self.kind, self.used, self.limit)


def topic_closed(state: Mapping[str, Any]) -> dict[str, Any]:
    """The update that ends what held for one topic alone; nothing where nothing did."""
    budget: Budgeted | None = state.get("budget")
    if budget is None or budget["concluding"] != "topic":
        return {}
    return {"budget": Budgeted(**{**budget, "concluding": ""})}


def recapped(
    state: Mapping[str, Any], config: Mapping[str, Any], names: Collection[str], node: str
) -> dict[str, Any]:
    """The update once a fork before the step `node` gives caps of these `names` anew, in `config`: they hold as they stand there.

    What was raised or told of them is dropped, and what was being concluded goes on if its caps leave room and nothing was
    passed over for it yet. A topic that is being closed by then is closed, but no more than that.
    """
    before: Budgeted | None = state.get("budget")
    if before is None:
        return {}
    kept = {
        field: {name: cap for name, cap in before[field].items() if name not in names}
        for field in ("raised", "noticed")
    }
    after = Budgeted(**{**before, **kept})  # type: ignore[typeddict-item]
    caps = Budget({**state, "config": config, "budget": after}).caps(state.get("usage", {}))
    if not any(cap.scope == after["concluding"] and cap.reached for cap in caps):
        topic = state.get("current_topic")
        summarized = {(s["topic"], s["round"]) for s in state.get("round_summaries", ())}
        if before["concluding"] and topic and (state["concluded_by"] or node == "vote_evaluation"):
            after["concluding"] = "topic"
        elif node == "round_summarization" and (topic, state["current_round"]) not in summarized:
            after["concluding"] = ""
    return {"budget": after}


class Budget:
    """Begins with what the state says, and ends as an update to it."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._state = state
        self._caps: Mapping[str, Any] = state["config"].get("budget") or {}
        before: Budgeted | None = state.get("budget")
        self._before = before
        self._raised = dict(before["raised"]) if before else {}
        self._noticed = dict(before["noticed"]) if before else {}
        self._before_topic = before["before_topic"] if before else NOTHING
        self.concluding: str = before["concluding"] if before else ""

    def reached(self, usage: Mapping[str, Usage], *, closing: bool) -> list[Cap]:
        """The caps to ask about: those of the session first, and those of the topic only if none of these is reached.

        Nothing is asked twice about what is being concluded; `closing`, the writing with which a topic ends, is not held back by the topic's own.
        """
        asked = {"": ("session", "topic"), "topic": ("session",)}.get(self.concluding, ())
        for scope in asked:
            found = [cap for cap in self.caps(usage) if cap.scope == scope and cap.reached]
            if found and (scope == "session" or not closing):
                return found
        return []

    def near(self, usage: Mapping[str, Usage]) -> Iterator[str]:
        """What is to be told of caps that are near, each once; of prices that are unknown, once for each model."""
        for cap in self.caps(usage):
            if cap.used >= NEAR * cap.limit and self._noticed.get(cap.name) != cap.limit:
                self._noticed[cap.name] = cap.limit
                yield f"{int(100 * cap.used / cap.limit)} % of the budget of this {cap.scope} is used: {cap}."
        if any(cap.kind == "cost" for cap in self.caps(usage)):
            for model, used in usage.items():
                if used["cost"] is None and f"unpriced:{model}" not in self._noticed:
                    self._noticed[f"unpriced:{model}"] = 0.0
                    yield f"The price of {model} is unknown: what it costs is not counted against the budget."

    def announce(self, usage: Mapping[str, Usage]) -> None:
        """A topic begins, with the caps of every topic."""
        if not self._caps.get("topic"):
            return
        self._before_topic = spent(usage)
        for known in (self._raised, self._noticed):
            for name in [name for name in known if name.startswith("topic.")]:
                del known[name]

    def question(
        self, caps: Sequence[Cap], usage: Mapping[str, Usage], *, round_number: int, step: str
    ) -> Question:
        """The question about caps that are reached, with what there is to decide by."""
        state, scope = self._state, caps[0].scope
        topic: str = state.get("current_topic", "")
        rounds = state["current_round"] - 1 if topic else None
        summarized = {(s["topic"], s["round"]) for s in state.get("round_summaries", ())}
        unsummarized = bool(topic) and (topic, round_number) not in summarized
        calls = closing_calls(
            topic=bool(topic),
            session=scope == "session" and bool(topic or state.get("completed_topics")),
            compacting=1 + bool(due(state, topic)) if unsummarized else 0,
        )
        used = spent(usage)
        each = calls / max(1, used["calls"])
        priced = cost_of(usage) is not None
        return hitl.budget_reached(
            [
                {
                    "kind": cap.kind,
                    "used": cap.used,
                    "limit": cap.limit,
                    "suggested": suggested(cap.kind, cap.limit, cap.used),
                }
                for cap in caps
            ],
            scope=scope,
            topic=topic,
            round_number=round_number if topic else 0,
            remaining_topics=state["agenda"],
            going_on=most_left(
                Config.model_validate(state["config"]), len(state["agenda"]), rounds
            ),
            closing={
                "calls": calls,
                "tokens": round(used["tokens"] * each),
                "cost": used["cost"] * each if priced else None,
            },
            step=step,
        )

    def decide(self, answer: Mapping[str, Any], caps: Sequence[Cap]) -> str:
        """Do what the user says; what is to be told of it."""
        scope = caps[0].scope
        if answer["action"] == "extend":
            self._raised |= {cap.name: answer[cap.kind] for cap in caps}
            raised = [
                f"from {said(cap.kind, cap.limit)} to {said(cap.kind, answer[cap.kind])}"
                for cap in caps
            ]
            return f"The user raised the cap of this {scope} {' and '.join(raised)}."
        self.concluding = scope
        used = " and ".join(map(str, caps))
        # An answer does not tell a person's from the default that applies where nobody is there.
        return f"This {scope} was concluded because of the budget: {used}."

    def update(self) -> dict[str, Any]:
        """What changed, as an update to the state."""
        after = Budgeted(
            raised=self._raised,
            noticed=self._noticed,
            before_topic=self._before_topic,
            concluding=self.concluding,  # type: ignore[typeddict-item]
        )
        nothing = Budgeted(raised={}, noticed={}, before_topic=NOTHING, concluding="")
        return {} if after == (self._before or nothing) else {"budget": after}

    def caps(self, usage: Mapping[str, Usage]) -> Iterator[Cap]:
        """The caps as they stand, with what is used of each; those of a topic only while there is one."""
        total = spent(usage)
        for scope in get_args(Scope):
            if scope == "topic" and not self._state.get("current_topic"):
                return
            given = self._caps if scope == "session" else self._caps.get("topic") or {}
            used: Mapping[str, Any] = total
            if scope == "topic":
                used = {kind: total[kind] - self._before_topic[kind] for kind in KINDS}  # type: ignore[literal-required]
            for kind in KINDS:
                if given.get(kind) is not None:
                    limit = max(given[kind], self._raised.get(f"{scope}.{kind}", 0))
                    yield Cap(scope, kind, limit, used[kind])
