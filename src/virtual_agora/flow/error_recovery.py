"""What follows from what went wrong. The table below decides, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph

from virtual_agora.errors import (
    MalformedAnswerError,
    PermanentProviderError,
    ProviderAccessError,
    TransientProviderError,
    UsageError,
    VirtualAgoraError,
)
from virtual_agora.providers.calls import CallPolicy
from virtual_agora.state.manager import StateManager
from virtual_agora.state.validator import validate_state_consistency

__all__ = ["EXCLUDED_AFTER", "QUORUM", "TABLE", "Action", "ErrorRecoveryManager", "Rule"]

Graph = CompiledStateGraph[Any, Any, Any, Any]

EXCLUDED_AFTER = 3
"""Turns lost in a row after which a participant is excluded."""

QUORUM = 2
"""Participants without whom there is no deliberation: fewer able to speak, and the user is asked."""


class Action(StrEnum):
    """What is done when a rule's attempts, if it has any, are used up."""

    SKIP = "skip"
    """The agent's turn is skipped with a notice; after `EXCLUDED_AFTER` in a row it is excluded."""
    ABSTAIN = "abstain"
    """The agent has answered, but not usably: recorded as an abstention."""
    ASK_USER = "ask_user"
    """The session waits with the question `provider_failure`."""
    EMERGENCY = "emergency"
    """`emergency_recovery`, then the error goes on to the caller."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`attempts` is how often a call is made in all before the action follows."""

    errors: tuple[type[BaseException], ...]
    attempts: int
    action: Action


TABLE: tuple[Rule, ...] = (
    Rule((TransientProviderError,), attempts=3, action=Action.SKIP),
    Rule((MalformedAnswerError,), attempts=3, action=Action.ABSTAIN),
    Rule((PermanentProviderError,), attempts=1, action=Action.SKIP),
    Rule((ProviderAccessError, UsageError), attempts=1, action=Action.ASK_USER),
    Rule((Exception,), attempts=1, action=Action.EMERGENCY),
)
"""The first rule that fits an error applies."""


class ErrorRecoveryManager:
    """Applies the table for one flow, whose compiled graph `graph` gives."""

    def __init__(self, graph: Callable[[], Graph], state_manager: StateManager) -> None:
        self._graph = graph
        self._state_manager = state_manager

    def rule_for(self, error: BaseException | type[BaseException]) -> Rule:
        """The rule for an error."""
        kind = error if isinstance(error, type) else type(error)
        return next(rule for rule in TABLE if issubclass(kind, rule.errors))

    def call_policy(self) -> CallPolicy:
        """How a single model call is retried and asked again."""
        return CallPolicy(
            attempts=self.rule_for(TransientProviderError).attempts,
            reasks=self.rule_for(MalformedAnswerError).attempts - 1,
        )

    def action_for(self, error: VirtualAgoraError) -> Action:
        """What follows when a call has failed for good."""
        return self.rule_for(error).action

    def emergency_recovery(self, error: BaseException, config: RunnableConfig) -> None:
        """After a bug in a step: leave the session in a state from which `resume` goes on.

        A valid state is left exactly as it is: the answers already paid for in the broken step hang on its
        checkpoint, and a new checkpoint would lose them. Where a step has spoilt the state, the session
        goes back to its last valid checkpoint, but never past the point where it left another session: what lies
        before is held under that one's configuration. The error itself is in the checkpoint, see `last_error`.
        """
        graph = self._graph()
        snapshot = graph.get_state(config)
        if _is_valid(snapshot.values):
            self._state_manager.load(config)
            return
        for past in graph.get_state_history(config):
            if past.values.get("forked_from") != snapshot.values.get("forked_from"):
                break
            if past.values and _is_valid(past.values):
                graph.update_state(past.config, None, as_node="__copy__")
                break
        self._state_manager.load(config)

    def last_error(self, config: RunnableConfig) -> str | None:
        """What broke the session's latest step off, as LangGraph recorded it; None if nothing did."""
        tasks = self._graph().get_state(config).tasks
        return next((str(task.error) for task in tasks if task.error is not None), None)


def _is_valid(values: Mapping[str, Any]) -> bool:
    return validate_state_consistency(values)["is_valid"]
