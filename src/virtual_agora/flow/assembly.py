"""What it takes to ask: the models the agents speak through, and the human."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from virtual_agora import providers
from virtual_agora.clock import Clock
from virtual_agora.flow import nodes_v13
from virtual_agora.flow.error_recovery import ErrorRecoveryManager
from virtual_agora.hitl import Question, check_answer
from virtual_agora.prompts import Prompts
from virtual_agora.providers.vendors import check_provider, key_of
from virtual_agora.state.schema import AgentRecord

__all__ = ["Assembly"]


@dataclass(kw_only=True, repr=False)
class Assembly:
    """Everybody who can be asked in a session, as far as this process is concerned.

    It is handed to the tasks, whose arguments LangChain's tracers write down; so it shows nothing of what it holds.
    """

    prompts: Prompts
    clock: Clock
    recovery: ErrorRecoveryManager
    seed: int
    control: RunControl
    check_saved: Callable[[str], None]
    _models: dict[tuple[object, ...], BaseChatModel] = field(default_factory=dict)

    def check_may_go_on(self, session_id: str) -> None:
        """Called before anything is paid for.

        Raises:
            GraphDrained: the run is to end.
            StorageError: what was paid for could not be saved.
        """
        # It may take a while, in which the run may be told to end.
        self.check_saved(session_id)
        if self.control.drain_requested:
            raise GraphDrained(self.control.drain_reason or "stopping")

    def ask_human(self, question: Question) -> dict[str, Any]:
        """Pause with a question; the checked answer when the session goes on.

        `interrupt` is looked up at every call, so that a test can answer in the human's place.
        """
        return check_answer(question, nodes_v13.interrupt(question))

    def model_for(self, agent: AgentRecord) -> BaseChatModel:
        """The chat model an agent speaks through; made on first use in this process, and anew for a new key.

        `create_provider` is looked up at every call, so that a test can put another far end in its place.
        """
        secret = key_of(check_provider(agent["provider"]))
        # The key's hash is enough to tell it from another, and no place from which it could get out.
        key = (agent["id"], agent["provider"], agent["model"], agent["base_url"], hash(secret))
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
