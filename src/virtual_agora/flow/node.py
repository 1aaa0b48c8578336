"""A step of the protocol: what every one of them can use, and the shell that LangGraph calls it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langgraph.errors import GraphBubbleUp

from virtual_agora import providers
from virtual_agora.agents.moderator import Moderator
from virtual_agora.agents.report_writer import ReportWriter
from virtual_agora.agents.summarizer import Summarizer
from virtual_agora.clock import Clock
from virtual_agora.config.models import Config
from virtual_agora.errors import NodeExecutionError
from virtual_agora.flow import nodes_v13
from virtual_agora.flow.asking import Asking
from virtual_agora.hitl import Question, check_answer
from virtual_agora.prompts import Prompts
from virtual_agora.state.schema import AgentRecord, PhaseRecord, VirtualAgoraState

if TYPE_CHECKING:
    from virtual_agora.flow.error_recovery import ErrorRecoveryManager
    from virtual_agora.flow.graph_v13 import VirtualAgoraV13Flow

__all__ = ["FlowNode", "V13NodeWrapper"]

State = Mapping[str, Any]
Update = dict[str, Any]


@dataclass
class FlowNode:
    """What the steps of every phase share: the rules, the agents, the human.

    A step is a method `<name>_node(state) -> update`. It is deterministic around its calls and questions,
    because it starts again from its top when it is resumed: no clock, no unseeded choice, no order of a set.
    """

    config: Config
    prompts: Prompts
    clock: Clock
    recovery: ErrorRecoveryManager
    seed: int
    _models: dict[tuple[object, ...], BaseChatModel] = field(default_factory=dict)

    def ask_human(self, question: Question) -> dict[str, Any]:
        """Pause with a question; the checked answer when the session goes on.

        `interrupt` is looked up at every call, so that a test can answer in the human's place.
        """
        return check_answer(question, nodes_v13.interrupt(question))

    def asking(self, state: State) -> Asking:
        """Begin to ask agents."""
        return Asking(self, state)

    def moderator(self, state: State) -> Moderator:
        """The moderator."""
        return Moderator(_record(state, "moderator"), self.prompts)

    def summarizer(self, state: State) -> Summarizer:
        """The summarizer."""
        return Summarizer(_record(state, "summarizer"), self.prompts)

    def report_writer(self, state: State) -> ReportWriter:
        """The report writer."""
        return ReportWriter(_record(state, "report_writer"), self.prompts)

    def model_for(self, agent: AgentRecord) -> BaseChatModel:
        """The chat model an agent speaks through; made on first use, in this process.

        `create_provider` is looked up at every call, so that a test can put another far end in its place.
        """
        key = (agent["id"], agent["provider"], agent["model"], agent["base_url"])
        if key not in self._models:
            self._models[key] = providers.create_provider(
                agent["provider"],
                agent["model"],
                base_url=agent["base_url"],
                temperature=agent["temperature"],
                max_tokens=agent["max_tokens"],
                timeout=agent["timeout"],
                persona=agent["persona"],
                seed=self.seed,
            )
        return self._models[key]


class V13NodeWrapper:
    """The shell around one step: finds it on `flow.nodes` when called, and gives its errors a name.

    The pause for a human (any `GraphBubbleUp`) passes through untouched; everything else becomes a
    `NodeExecutionError` with the step and the cause.
    """

    def __init__(self, flow: VirtualAgoraV13Flow, name: str, phase: int) -> None:
        self.flow = flow
        self.name = name
        self.phase = phase

    def __call__(self, state: State) -> Update:
        """Run the step; its update also says when the session enters another phase."""
        try:
            update: Update = getattr(self.flow.nodes, f"{self.name}_node")(state)
            if unknown := sorted(set(update) - set(VirtualAgoraState.__annotations__)):
                raise KeyError(f"the update has unknown fields: {', '.join(unknown)}")
        except GraphBubbleUp:
            raise
        except Exception as cause:  # whatever it is, it is this step's failure
            raise NodeExecutionError(self.name, cause) from cause
        if state.get("phase_history") and state["current_phase"] == self.phase:
            return update
        entered = PhaseRecord(phase=self.phase, node=self.name)
        return update | {"current_phase": self.phase, "phase_history": [entered]}


def _record(state: State, role: str) -> AgentRecord:
    agents: list[AgentRecord] = state["agents"]
    return next(agent for agent in agents if agent["role"] == role)
