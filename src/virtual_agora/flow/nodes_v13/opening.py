"""Phase 0: the session is set up, and the theme is known."""

from __future__ import annotations

from virtual_agora import hitl
from virtual_agora.config.models import AgentConfig
from virtual_agora.flow.node import FlowNode, State, Update
from virtual_agora.providers.pricing import require_prices
from virtual_agora.providers.vendors import check_provider, one_model, require_key
from virtual_agora.state.schema import AgentRecord, Notice

__all__ = ["OpeningNodes", "agent_record"]

ONE_MODEL = "All participants share one model: expect them to agree more than a mixed panel would."


class OpeningNodes(FlowNode):
    """Configuration, assembly, theme."""

    def config_and_keys_node(self, state: State) -> Update:
        """Every provider in use is known and has its key, and a price where the cost has a cap; the key itself is not kept."""
        for agent in self.config.everyone():
            check_provider(agent.provider)
            require_key(agent.provider, agent.base_url)
        require_prices(self.config)
        return {"agenda_rejections": 0}

    def agent_instantiation_node(self, state: State) -> Update:
        """The assembly is recorded; a panel of one single model is warned about."""
        participants = [
            (f"participant-{number}", name, member)
            for number, (name, member) in enumerate(self.config.participants(), start=1)
        ]
        roles = [
            (role, role.replace("_", " "), self.config.role(role))
            for role in ("moderator", "summarizer", "report_writer")
        ]
        agents = [
            agent_record(id_, name, "participant", member) for id_, name, member in participants
        ]
        agents += [
            agent_record(role, member.name or name, role, member) for role, name, member in roles
        ]
        update: Update = {"agents": agents, "failures": {}, "excluded": []}
        if one_model(member for _, _, member in participants):
            update["notices"] = [
                Notice(kind="warning", agent="", text=ONE_MODEL, topic="", round=0)
            ]
        return update

    def get_theme_node(self, state: State) -> Update:
        """✋ What to deliberate on, and on which topics, where the session does not bring it along."""
        theme, topics = state.get("main_topic", ""), state.get("agenda", [])
        if theme and (topics or not state["user_defines_topics"]):
            return {"main_topic": theme}
        answer = self.ask_human(hitl.theme_request(theme, topics))
        return {
            "main_topic": answer["theme"],
            "agenda": answer["topics"],
            "user_defines_topics": bool(answer["topics"]),
        }


def agent_record(id_: str, name: str, role: str, agent: AgentConfig) -> AgentRecord:
    """What the session keeps of an agent."""
    return AgentRecord(
        id=id_,
        name=name,
        role=role,  # type: ignore[typeddict-item]
        provider=agent.provider,
        model=agent.model,
        persona=agent.persona,
        base_url=agent.base_url,
        temperature=agent.temperature,
        max_tokens=agent.max_tokens,
        timeout=agent.timeout,
    )
