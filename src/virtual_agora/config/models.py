"""The configuration: what a session is made of. A version 1.3 `config.yml` loads unchanged."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticKnownError

from virtual_agora.addresses import refuse_secrets

__all__ = [
    "MAX_SEED",
    "ROLES",
    "AgentConfig",
    "BudgetConfig",
    "Caps",
    "Config",
    "PanelConfig",
    "Role",
    "Rules",
    "SessionConfig",
    "Strict",
]

Role = Literal["moderator", "summarizer", "report_writer"]
ROLES: tuple[Role, ...] = get_args(Role)

MIN_PARTICIPANTS = 2
MAX_PARTICIPANTS = 20

MAX_SEED = 2**63 - 1
"""The largest seed that fits into a session's state; a seed is a whole number from 0."""

MAX_TIMES = 1_000
"""More rounds, or rejections, than any deliberation has."""

MAX_TOKENS = 10_000_000
"""More than any model writes in one answer."""

MAX_BUDGET = 10**12
"""More calls, tokens or US dollars than any session takes."""

MAX_TIMEOUT = 86_400
"""Seconds: a day."""


def _written_off(value: object) -> object:
    """YAML reads the bare word `off` as false."""
    return "off" if value is False else value


class Strict(BaseModel):
    """Settings that a user writes: unknown keys are refused, and nothing changes once it is read."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,  # it may be a key in the wrong place
    )

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        """Otherwise `true` would be 1."""
        kind = cls.model_fields[info.field_name or ""].annotation
        numbers = {int, float} & {kind, *get_args(kind)}
        if isinstance(value, bool) and numbers:
            raise PydanticKnownError("int_type" if int in numbers else "float_type")
        return value


class AgentConfig(Strict):
    """One model in one role."""

    provider: str
    """Which vendor, in any case."""
    model: str = Field(min_length=1)
    """The vendor's name of the model."""
    name: str | None = None
    """What the agent goes by; otherwise its model's name."""
    persona: str | None = None
    """Who the agent is and what it looks at, in a sentence or two."""
    base_url: Annotated[str, AfterValidator(refuse_secrets)] | None = None
    """Another address than the vendor's own: server and path, without a key."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """How freely it chooses its words, 0 to 2; otherwise the vendor's default."""
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    """The most tokens in one answer."""
    timeout: float | None = Field(default=None, gt=0, le=MAX_TIMEOUT)
    """Seconds of silence after which a call has failed; a whole answer may take six times as long, and half an hour in any case."""

    @field_validator("provider")
    @classmethod
    def _provider_names_ignore_case(cls, value: str) -> str:
        return value.strip().lower()


class PanelConfig(AgentConfig):
    """A participant, or several that differ in name only."""

    count: int = Field(default=1, ge=1, le=MAX_PARTICIPANTS)
    """How many."""


class Rules(Strict):
    """The rules of one deliberation, each by itself."""

    min_rounds: int = Field(default=3, ge=1, le=MAX_TIMES)
    """Rounds on a topic before the participants are asked whether to conclude it."""
    max_rounds: int = Field(default=10, ge=1, le=MAX_TIMES)
    """Rounds after which a topic is closed in any case."""
    checkpoint_interval: int = Field(default=3, ge=1, le=MAX_TIMES)
    """From `min_rounds` on, the user is asked how to go on in every round that this divides."""
    participation: Literal["disabled", "start_of_round", "end_of_round"] = "disabled"
    """Whether and when the user may speak in a round."""
    conclude: Literal["majority", "two_thirds", "unanimous"] = "majority"
    """How many must say yes to conclude a topic or the session."""
    voting_rule: Literal[
        "borda", "copeland", "instant_runoff", "plurality", "ranked_pairs", "schulze"
    ] = "borda"
    """How the ballots on the agenda are counted."""
    attribution: Literal["hidden", "shown"] = "hidden"
    """Whether the participants learn who said what; names sway more than they should."""
    dissenter: bool = False
    """Whether in each round one participant, another each time, argues against the prevailing view."""
    positions: Annotated[
        Literal["off", "before_and_after", "every_round"], BeforeValidator(_written_off)
    ] = "before_and_after"
    """When the participants note in secret where they stand on a topic, and how sure they are."""
    control: bool = False
    """Whether each also says where it would stand after thinking alone, so that persuasion can be told from reflection; needs positions."""
    single_model: bool = False
    """Whether one model without a persona is asked about each topic too, to compare the assembly with; needs positions."""
    agenda_rejections: int = Field(default=3, ge=0, le=MAX_TIMES)
    """How often the user may reject a proposed agenda."""


class SessionConfig(Rules):
    """The rules of one deliberation."""

    seed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    """The seed of every random choice; otherwise drawn for each session."""

    @model_validator(mode="after")
    def _rounds_are_ordered(self) -> SessionConfig:
        if self.max_rounds < self.min_rounds:
            raise ValueError(
                f"max_rounds ({self.max_rounds}) is smaller than min_rounds ({self.min_rounds})"
            )
        return self

    @model_validator(mode="after")
    def _comparisons_have_positions(self) -> SessionConfig:
        asked = [key for key in ("control", "single_model") if getattr(self, key)]
        if asked and self.positions == "off":
            need = "needs" if len(asked) == 1 else "need"
            raise ValueError(f"{' and '.join(asked)} {need} positions, which are off")
        return self


class Caps(Strict):
    """How much may be used; what is left out has no cap."""

    calls: int | None = Field(default=None, ge=1, le=MAX_BUDGET)
    """Calls to models; one that is asked for again counts once."""
    tokens: int | None = Field(default=None, ge=1, le=MAX_BUDGET)
    """Tokens, sent and received together."""
    cost: float | None = Field(default=None, gt=0, le=MAX_BUDGET)
    """US dollars; every model's price must be known."""


class BudgetConfig(Caps):
    """What a session may use before you are asked how to go on."""

    topic: Caps = Caps()
    """The same for each topic, from its announcement to its report."""


class Config(Strict):
    """A whole configuration. Only `agents` is required."""

    agents: tuple[PanelConfig, ...] = Field(min_length=1)
    """The participants, 2 to 20 in all."""
    moderator: AgentConfig | None = None
    """Merges proposals and breaks ties; otherwise the first participant's model."""
    summarizer: AgentConfig | None = None
    """Compacts rounds and topics; otherwise the first participant's model."""
    report_writer: AgentConfig | None = None
    """Writes the reports; otherwise the first participant's model."""
    session: SessionConfig = SessionConfig()
    """The rules."""
    budget: BudgetConfig = BudgetConfig()
    """What the session may use before you are asked how to go on; without it, as much as it takes."""
    prompts: str | None = None
    """A folder whose Markdown files replace the packaged prompts of the same name."""

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

    def speaking_through(self, provider: str, model: str) -> Config:
        """The same members, names and personas, all on one provider's model."""

        def moved(agent: AgentConfig) -> dict[str, object]:
            return {**agent.model_dump(), "provider": provider, "model": model, "base_url": None}

        roles = {role: moved(named) for role in ROLES if (named := getattr(self, role)) is not None}
        agents = [moved(agent) for agent in self.agents]
        return Config.model_validate({**self.model_dump(), **roles, "agents": agents})

    def role(self, name: Role) -> AgentConfig:
        """The agent for a role, which is the first participant's model where none is named."""
        chosen: AgentConfig | None = getattr(self, name)
        first = self.agents[0]
        return chosen or AgentConfig(**first.model_dump(exclude={"count", "name", "persona"}))
