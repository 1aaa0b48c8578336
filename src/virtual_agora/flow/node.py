"""A step of the protocol: what every one of them can use, and the shell that LangGraph calls it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from langgraph.config import get_stream_writer
from langgraph.errors import GraphBubbleUp

from virtual_agora.agents.moderator import Moderator
from virtual_agora.agents.report_writer import ReportWriter
from virtual_agora.agents.summarizer import Summarizer
from virtual_agora.config.models import Config
from virtual_agora.errors import NodeExecutionError
from virtual_agora.events import StepStarted
from virtual_agora.flow.asking import Asking
from virtual_agora.flow.assembly import Assembly
from virtual_agora.providers.redaction import redact
from virtual_agora.state.schema import AgentRecord, Notice, PhaseRecord, VirtualAgoraState
from virtual_agora.state.usage import concluding

__all__ = ["FlowNode", "V13NodeWrapper", "decision"]

State = Mapping[str, Any]
Update = dict[str, Any]


@dataclass(kw_only=True, repr=False)
class FlowNode(Assembly):
    """What the steps of every phase share: the rules, the agents, the human.

    A step is a method `<name>_node(state) -> update`. It is deterministic around its calls and questions,
    because it starts again from its top when it is resumed: no clock, no unseeded choice, no order of a set.
    """

    config: Config

    def asking(self, state: State, *, beside: bool = False) -> Asking:
        """Begin to ask agents; `beside` another step, which looks after the budget for both."""
        return Asking(self, state, beside=beside)

    def moderator(self, state: State) -> Moderator:
        """The moderator."""
        return Moderator(_record(state, "moderator"), self.prompts)

    def summarizer(self, state: State) -> Summarizer:
        """The summarizer."""
        return Summarizer(_record(state, "summarizer"), self.prompts)

    def report_writer(self, state: State) -> ReportWriter:
        """The report writer."""
        return ReportWriter(_record(state, "report_writer"), self.prompts)


PASSED_OVER: Mapping[str, frozenset[str]] = {
    "": frozenset(),
    "topic": frozenset({"final_considerations", "closing_positions"}),
    "session": frozenset(
        {
            "topic_refinement",
            "collate_proposals",
            "agenda_voting",
            "synthesize_agenda",
            "agenda_approval",
            "final_considerations",
            "closing_positions",
        }
    ),
}
"""The steps that do nothing on the way to an end that the budget has brought, by what is concluded."""


class HasNodes(Protocol):
    """The flow, as far as a step's shell is concerned."""

    nodes: Any


class V13NodeWrapper:
    """The shell around one step: finds it on `flow.nodes` when called, and gives its errors a name.

    The pause for a human (any `GraphBubbleUp`) passes through untouched; everything else becomes a
    `NodeExecutionError` with the step and the cause.
    """

    def __init__(self, flow: HasNodes, name: str, phase: int, *, enters: bool = True) -> None:
        self.flow = flow
        self.name = name
        self.phase = phase
        self.enters = enters

    def __call__(self, state: State) -> Update:
        """Run the step; its update also says when the session enters another phase, unless another step's does."""
        get_stream_writer()(StepStarted(self.name))
        try:
            if self.name in PASSED_OVER[concluding(state)]:
                return {"notices": []} | self._entering(state)
            update: Update = getattr(self.flow.nodes, f"{self.name}_node")(state)
            if unknown := sorted(set(update) - set(VirtualAgoraState.__annotations__)):
                raise KeyError(f"the update has unknown fields: {', '.join(unknown)}")
        except GraphBubbleUp:
            raise
        except Exception as cause:  # whatever it is, it is this step's failure
            raise NodeExecutionError(
                self.name, cause, told=partial(redact, passwords=True)
            ) from cause
        return update | self._entering(state)

    def _entering(self, state: State) -> Update:
        if not self.enters or (state.get("phase_history") and state["current_phase"] == self.phase):
            return {}
        entered = PhaseRecord(phase=self.phase, node=self.name)
        return {"current_phase": self.phase, "phase_history": [entered]}


def decision(state: State, what: str) -> Notice:
    """What the user decided, for those who read the reports."""
    return Notice(
        kind="user",
        agent="user",
        text=f"The user {what}",
        topic=state.get("current_topic", ""),
        round=state.get("current_round", 0),
    )


def _record(state: State, role: str) -> AgentRecord:
    agents: list[AgentRecord] = state["agents"]
    return next(agent for agent in agents if agent["role"] == role)
