"""Where a session stands, folded from its events: for a status line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from virtual_agora.events import (
    CallFailed,
    CallFinished,
    CallRetried,
    CallStarted,
    Event,
    SessionStarted,
    StepFinished,
    Stopping,
    Token,
)
from virtual_agora.flow.files import reports_folder
from virtual_agora.ui.text import one_line

__all__ = ["PHASES", "TASKS", "Call", "Progress", "Totals", "streams"]

PHASES = ("Preparation", "Agenda", "Discussion", "Conclusion", "Continuation", "Final report")
"""The protocol's phases by number."""


class Task(NamedTuple):
    """What a prompt's name means to people: in the plural, what one agent is doing, and in which phase."""

    plural: str
    doing: str
    phase: int


TASKS: Mapping[str, Task] = {
    "proposal": Task("proposals", "is proposing topics", 1),
    "refinement": Task("refined proposals", "is refining its proposals", 1),
    "collation": Task("one list of topics", "is merging the proposals", 1),
    "ballot": Task("ballots", "is ranking the topics", 1),
    "tie_break": Task("a decision on the tie", "is breaking a tie", 1),
    "opening_position": Task("opening positions", "is saying where it stands", 2),
    "single_model": Task("the answer of a model alone", "is answering alone", 2),
    "statement": Task("statements", "is speaking", 2),
    "round_summary": Task("a summary of the round", "is summing up the round", 2),
    "digest": Task("a digest of earlier rounds", "is condensing earlier rounds", 2),
    "round_position": Task("positions", "is noting where it stands", 2),
    "poll": Task("votes", "is voting on closing the topic", 2),
    "final_words": Task("final words", "is giving final words", 3),
    "closing_position": Task("closing positions", "is saying where it stands", 3),
    "control_position": Task("second thoughts", "is thinking again, alone", 3),
    "report_outline": Task("an outline of the report", "is outlining the report", 3),
    "report_section": Task("report sections", "is writing the report", 3),
    "topic_summary": Task("a conclusion", "is writing the conclusion", 3),
    "session_poll": Task("votes", "is voting on ending the session", 4),
    "modification": Task("proposed changes", "is revising the agenda", 4),
}


def streams(task: str) -> bool:
    """Whether the answer is shown as it streams in. A report is shown in order, once its sections are all there."""
    return task not in TASKS or task in (
        "statement",
        "round_summary",
        "final_words",
        "topic_summary",
    )


@dataclass(slots=True)
class Call:
    """One question to an agent, `state` one of `running`, `waiting` (before another attempt), `done`, `failed`."""

    call_id: str
    agent: str
    role: str
    model: str
    task: str
    topic: str
    round: int
    charge: str = ""
    state: str = "running"


@dataclass(frozen=True, slots=True)
class Totals:
    """What the session took so far; `unpriced` counts calls whose price is unknown."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0

    def plus(self, calls: int, tokens: int, cost: float | None) -> Totals:
        """These totals and `calls` more."""
        unpriced = self.unpriced + (calls if cost is None else 0)
        return Totals(self.calls + calls, self.tokens + tokens, self.cost + (cost or 0.0), unpriced)

    def at_least(self, other: Totals) -> Totals:
        """The greater of both, figure by figure."""
        return Totals(
            max(self.calls, other.calls),
            max(self.tokens, other.tokens),
            max(self.cost, other.cost),
            max(self.unpriced, other.unpriced),
        )


@dataclass(slots=True)
class Progress:
    """Place, calls under way and totals. `names` maps agent ids to names, `reports` is a folder; as far as known."""

    phase: int = 0
    topic: str = ""
    round: int = 0
    agenda: list[str] = field(default_factory=list)
    completed: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    reports: str = ""
    calls: dict[str, Call] = field(default_factory=dict)
    totals: Totals = Totals()
    stopping: bool = False
    _committed: Totals = Totals()

    def recall(self, state: Mapping[str, Any]) -> None:
        """Take over a saved session's state, so that a resumed run counts on and knows the names."""
        self._learn(state)
        self.reports = str(reports_folder(state))
        self.phase = state.get("current_phase", self.phase)
        self.topic = state.get("current_topic", self.topic)
        self.round = state.get("current_round", self.round)

    def follow(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case CallStarted():
                self._start(event)
            case CallRetried():
                self._settle(event.call_id, "waiting")
            case Token():
                self._settle(event.call_id, "running")
            case CallFinished():
                spent = event.input_tokens + event.output_tokens
                self.totals = self.totals.plus(1, spent, event.cost)
                self._settle(event.call_id, "done")
            case CallFailed():
                self._settle(event.call_id, "failed")
            case StepFinished():
                self.calls = {
                    key: call
                    for key, call in self.calls.items()
                    if call.state in ("running", "waiting")
                }
                self._learn(event.update)
                self.phase, self.topic, self.round = event.phase, event.topic, event.round
            case SessionStarted():
                self.calls = {}
            case Stopping():
                self.stopping = True
            case _:
                pass

    def name(self, agent: str) -> str:
        """What people call the agent."""
        return one_line(self.names.get(agent, agent), 40)

    def topic_place(self) -> tuple[int, int]:
        """The current topic's number and how many there are; zeros while no topic is open."""
        if not self.topic:
            return 0, 0
        known = [*self.completed, self.topic, *self.agenda]
        order = list(dict.fromkeys(known))
        return order.index(self.topic) + 1, len(order)

    def running(self) -> list[Call]:
        """The calls still under way, in the order they began."""
        return [call for call in self.calls.values() if call.state in ("running", "waiting")]

    def _start(self, event: CallStarted) -> None:
        self.calls[event.call_id] = Call(
            event.call_id,
            event.agent,
            event.role,
            event.model,
            event.task,
            event.topic,
            event.round,
            event.charge,
        )
        if event.task in TASKS:
            final = event.task.startswith("report_") and not event.topic
            self.phase = 5 if final else TASKS[event.task].phase
        if self.phase in (2, 3):
            self.topic = event.topic or self.topic
            self.round = event.round or self.round

    def _settle(self, call_id: str, state: str) -> None:
        if call_id in self.calls:
            self.calls[call_id].state = state

    def _learn(self, update: Mapping[str, Any]) -> None:
        for agent in update.get("agents", ()):
            self.names[agent["id"]] = agent["name"]
        self.agenda = list(update.get("agenda", self.agenda))
        self.completed = list(update.get("completed_topics", self.completed))
        for used in update.get("usage", {}).values():
            spent = used["input_tokens"] + used["output_tokens"]
            self._committed = self._committed.plus(used["calls"], spent, used["cost"])
        # A call finished before a crash is not made again, and so never announced; its step counts it.
        self.totals = self.totals.at_least(self._committed)
