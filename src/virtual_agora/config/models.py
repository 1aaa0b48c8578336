"""The configuration: what a session is made of. A version 1.3 `config.yml` loads unchanged."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["ROLES", "AgentConfig", "Config", "PanelConfig", "Role", "SessionConfig"]

Role = Literal["moderator", "summarizer", "report_writer"]
ROLES: tuple[Role, ...] = get_args(Role)

MIN_PARTICIPANTS = 2
MAX_PARTICIPANTS = 20


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentConfig(_Strict):
    """One model in one role. `timeout` is in seconds, `max_tokens` bounds one answer."""

    provider: str
    model: str = Field(min_length=1)
    name: str | None = None
    persona: str | None = None
    base_url: str | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    timeout: float | None = Field(default=None, gt=0)

    @field_validator("provider")
    @classmethod
    def _provider_names_ignore_case(cls, value: str) -> str:
        return value.strip().lower()


class PanelConfig(AgentConfig):
    """A participant, or `count` of them that differ in name only."""

    count: int = Field(default=1, ge=1, le=MAX_PARTICIPANTS)


class SessionConfig(_Strict):
    """The rules of one deliberation; `protocol.md` in the documentation says what each does."""

    min_rounds: int = Field(default=3, ge=1)
    max_rounds: int = Field(default=10, ge=1)
    checkpoint_interval: int = Field(default=3, ge=1)
    participation: Literal["disabled", "start_of_round", "end_of_round"] = "disabled"
    conclude: Literal["majority", "two_thirds", "unanimous"] = "majority"
    voting_rule: Literal["borda", "copeland", "plurality"] = "borda"
    agenda_rejections: int = Field(default=3, ge=0)
    seed: int | None = None

    @model_validator(mode="after")
    def _rounds_are_ordered(self) -> SessionConfig:
        if self.max_rounds < self.min_rounds:
            raise ValueError(
                f"max_rounds ({self.max_rounds}) is smaller than min_rounds ({self.min_rounds})"
            )
        return self


class Config(_Strict):
    """A whole configuration. Roles left out take the first participant's model.

    `prompts` is a folder whose Markdown files replace the packaged ones of the same name.
    """

    agents: tuple[PanelConfig, ...] = Field(min_length=1)
    moderator: AgentConfig | None = None
    summarizer: AgentConfig | None = None
    report_writer: AgentConfig | None = None
    session: SessionConfig = SessionConfig()
    prompts: str | None = None

    @model_validator(mode="after")
    def _panel_has_a_workable_size(self) -> Config:
        size = sum(member.count for member in self.agents)
        if not MIN_PARTICIPANTS <= size <= MAX_PARTICIPANTS:
            raise ValueError(
                f"a panel has {MIN_PARTICIPANTS} to {MAX_PARTICIPANTS} participants, this one has {size}"
            )
        return self

    def participants(self) -> list[tuple[str, AgentConfig]]:
        """Every participant with the name it goes by; no two share one."""
        members = [member for member in self.agents for _ in range(member.count)]
        wanted = [member.name or member.model for member in members]
        named = [
            name if wanted.count(name) == 1 else f"{name} {wanted[: at + 1].count(name)}"
            for at, name in enumerate(wanted)
        ]
        return list(zip(named, members, strict=True))

    def everyone(self) -> list[AgentConfig]:
        """Every agent in use, participants first."""
        return [*self.agents, *(self.role(name) for name in ROLES)]

    def is_demo(self) -> bool:
        """Whether any agent speaks scripted text instead of asking a model."""
        return any(agent.provider == "offline" for agent in self.everyone())

    def role(self, name: Role) -> AgentConfig:
        """The agent for a role, which is the first participant's model where none is named."""
        chosen: AgentConfig | None = getattr(self, name)
        first = self.agents[0]
        return chosen or AgentConfig(**first.model_dump(exclude={"count", "name", "persona"}))
