"""What a session is made of: plain data, readable in any checkpoint.

Fields that only ever grow are `DeltaChannel`s: a checkpoint stores what a step added, not the whole list
again, so that the cost of a step does not grow with the session. A field's reducer is declared here, once;
`StateManager` reads it from here. Growing fields are never initialised: LangGraph begins them empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired

from langgraph.channels.delta import DeltaChannel
from pydantic import Field
from typing_extensions import TypedDict

from virtual_agora.state.usage import (
    Budgeted,
    Count,
    Estimated,
    Scope,
    Spent,
    TaskUse,
    Usage,
    add_task_usage,
    add_usage,
)
from virtual_agora.state.votes import Ballot, Poll, Tally, Verdict, Verdicts, Vote

__all__ = [
    "PROTOCOL_VERSION",
    "SCHEMA_VERSION",
    "AgentRecord",
    "Ballot",
    "Budgeted",
    "Change",
    "ContextDocument",
    "Digest",
    "Estimated",
    "Fork",
    "Message",
    "Moment",
    "Notice",
    "NoticeKind",
    "PhaseRecord",
    "Poll",
    "Position",
    "Proposal",
    "Report",
    "RoundSummary",
    "Scope",
    "Spent",
    "Tally",
    "TaskUse",
    "TopicSummary",
    "Usage",
    "Verdict",
    "Verdicts",
    "VirtualAgoraState",
    "Vote",
    "add_usage",
    "extend",
    "merge_agents",
    "merge_excluded",
    "merge_failures",
]

SCHEMA_VERSION = 2
"""Raised when a release before could no longer read what this one saves; kept in every session as `schema_version`.

Of those before, all can be gone on with. 1 has no budget, digests, use by task, estimate, forks or protocol's version.
"""

PROTOCOL_VERSION = "1.3"
"""Raised with the protocol: its steps, what follows on what, and what they decide. Kept in every session as `protocol_version`.

A session without one is of this protocol's first releases, which did not keep it.
"""

SNAPSHOT_EVERY = 1000
"""Updates of a growing field between two full copies of it in the checkpoints (see `docs/adr`)."""

Phase = Annotated[int, Field(ge=0, le=5)]
Percent = Annotated[int, Field(ge=0, le=100)]
Stance = Annotated[int, Field(ge=-3, le=3)]
Cause = Literal["vote", "user", "max_rounds", "budget"]
Moment = Literal["before", "round", "after", "control", "single_model"]
NoticeKind = Literal[
    "skipped", "excluded", "repaired", "abstained", "replaced", "warning", "dropped", "user"
]


def extend(value: list[Any], writes: Sequence[Sequence[Any]]) -> list[Any]:
    """Append every write to `value`, in place: each channel owns its list, so a step costs what it adds."""
    for write in writes:
        value.extend(write)
    return value


def merge_agents(known: Sequence[AgentRecord], delta: Sequence[AgentRecord]) -> list[AgentRecord]:
    """Add agents, or replace those of the same id where they stand."""
    by_id = {agent["id"]: agent for agent in known} | {agent["id"]: agent for agent in delta}
    return list(by_id.values())


def merge_excluded(known: Sequence[str], delta: Sequence[str]) -> list[str]:
    """Add members to those that are excluded, each once."""
    return list(dict.fromkeys((*known, *delta)))


def merge_failures(known: Mapping[str, int], delta: Mapping[str, int]) -> dict[str, int]:
    """Take over how many turns members have lost in a row, of those in `delta`."""
    return {**known, **delta}


class AgentRecord(TypedDict):
    """One member of the assembly. `id` is stable (`participant-1`, `moderator`, …), `name` is for people."""

    id: str
    name: str
    role: Literal["participant", "moderator", "summarizer", "report_writer"]
    provider: str
    model: str
    persona: str | None
    base_url: str | None
    temperature: float | None
    max_tokens: int | None
    timeout: float | None


class ContextDocument(TypedDict):
    """A text the user gave the assembly to read; `tokens` is an estimate."""

    name: str
    text: str
    tokens: Count


class Proposal(TypedDict):
    """The topics one participant wants discussed; each `{"title", "why"}`."""

    agent: str
    topics: list[dict[str, str]]


class Message(TypedDict):
    """Something said. `id` is unique in the session, `at` ISO 8601 in UTC.

    `kind` is `statement`, `final_words` or `user`; `speaker` is the name, `agent` the id (`user` for the human).
    `role` is the agent's, or `convener` for the human. It cannot be `user`: LangGraph turns a dict with the role
    of a chat message in a `DeltaChannel` into a message object, and the state is to stay plain data.
    `dissenter` is there, and true, when the speaker had been told to argue against the prevailing view.
    """

    id: str
    agent: str
    speaker: str
    role: Literal["participant", "moderator", "summarizer", "report_writer", "convener"]
    kind: Literal["statement", "final_words", "user"]
    topic: str
    round: Count
    content: str
    at: str
    dissenter: NotRequired[bool]


class Position(TypedDict):
    """Where somebody stands on a topic, said in secret and without having heard the others' positions.

    `moment` is `before` the first round, in a `round`, `after` the last one, or `control`: after the last one, by
    somebody who was shown nothing of the discussion. `single_model` is the answer of one model without a persona
    instead of an assembly's; its `agent` is the moderator's id. `round` counts the rounds held until then.
    `stance` is from −3 (firmly against what is proposed) to 3 (firmly for it): by the topic or, where that is an
    open question, by the theme. None: neither proposes anything. `confidence` is in percent. `moved_by` lists the ids of the
    messages that changed or shaped the position, its own left out, since nobody is shown which are its own; only
    positions of the moments `round` and `after` have any.
    """

    agent: str
    topic: str
    moment: Moment
    round: Count
    stance: Stance | None
    confidence: Percent
    position: str
    reasons: list[str]
    moved_by: list[str]
    at: str


class RoundSummary(TypedDict):
    """A round, compacted, speakers unattributed."""

    topic: str
    round: Count
    text: str


class Digest(TypedDict):
    """The first `condensed` rounds of a topic in one text, made beside the summary of `round`.

    From then on it is told in place of their summaries, which stay as they are, and of any digest before it.
    """

    topic: str
    round: Count
    condensed: Annotated[int, Field(ge=1)]
    text: str


class TopicSummary(TypedDict):
    """A closed topic in a paragraph."""

    topic: str
    text: str
    rounds: Count
    concluded_by: Cause


class Report(TypedDict):
    """The report on a topic, or the final one (`topic` empty): sections in order, each `{"title", "text"}`."""

    topic: str
    title: str
    sections: list[dict[str, str]]


class Notice(TypedDict):
    """Something a reader of the reports must know: a turn skipped, an answer repaired, a member excluded.

    `dropped` is a topic taken off the agenda, `user` what the user decided.
    """

    kind: NoticeKind
    agent: str
    text: str
    topic: str
    round: Count


class PhaseRecord(TypedDict):
    """The session entered `phase` (0 to 5) with the step `node`."""

    phase: Phase
    node: str


class Change(TypedDict):
    """A key of the configuration by its path, as `session.voting_rule` or `agents.Ada.model`, and its values; None: not set.

    `agents.Ada` by itself is a participant that only one of the two configurations has, and its model.
    """

    key: str
    before: str | int | float | bool | None
    after: str | int | float | bool | None


class Fork(TypedDict):
    """Where a session left the history of another: just before `node`, the `step`-th of `session`.

    `changes` are those of the configuration. `joined` and `left` are ids of participants, of whom `left` were there until
    then. `concluded` counts the topics whose discussion had ended, and `usage` is what all calls before had taken.
    `one_model`: from then on all participants share one model.
    """

    session: str
    step: Count
    node: str
    changes: list[Change]
    joined: list[str]
    left: list[str]
    concluded: Count
    usage: dict[str, Usage]
    one_model: bool


class VirtualAgoraState(TypedDict, total=False):
    """The whole session; the checkpoint of it is the only truth."""

    # The session: written once, when it is created.
    session_id: str
    schema_version: int
    protocol_version: str
    start_time: str
    config: dict[str, Any]
    config_hash: str
    seed: int
    reports_dir: str
    # The forks that led to it, the earliest first; missing in a session that none did.
    forked_from: list[Fork]
    context_documents: Annotated[
        list[ContextDocument], DeltaChannel(extend, snapshot_frequency=SNAPSHOT_EVERY)
    ]

    # What is deliberated on.
    main_topic: str
    user_defines_topics: bool
    agenda: list[str]
    completed_topics: list[str]
    current_topic: str
    current_round: Count
    current_phase: Phase
    status: Literal["running", "complete"]

    # The assembly. `failures` counts turns lost in a row, by agent id, 0 for one heard again; `excluded` lists agent ids.
    agents: Annotated[list[AgentRecord], merge_agents]
    failures: Annotated[dict[str, Count], merge_failures]
    excluded: Annotated[list[str], merge_excluded]
    speaking_order: list[str]

    # The agenda in the making.
    proposals: list[Proposal]
    candidates: list[dict[str, str]]
    ballots: list[Ballot]
    tally: Tally
    proposed_agenda: list[str]
    agenda_rejections: Count
    rejection_reason: str
    agenda_change: bool

    # The discussion of the current topic. `poll` counts the latest poll; `decision` is the user's, if any.
    poll: Poll
    decision: Literal[
        "",
        "reject",
        "finalize",
        "end_topic",
        "skip_to_report",
        "continue",
        "end_session",
        "modify_agenda",
    ]
    concluded_by: Literal["", Cause]

    # What only grows.
    messages: Annotated[list[Message], DeltaChannel(extend, snapshot_frequency=SNAPSHOT_EVERY)]
    positions: Annotated[list[Position], DeltaChannel(extend, snapshot_frequency=SNAPSHOT_EVERY)]
    round_summaries: Annotated[
        list[RoundSummary], DeltaChannel(extend, snapshot_frequency=SNAPSHOT_EVERY)
    ]
    digests: Annotated[list[Digest], DeltaChannel(extend, snapshot_frequency=SNAPSHOT_EVERY)]
    topic_summaries: Annotated[
        list[TopicSummary], DeltaChannel(extend, snapshot_frequency=SNAPSHOT_EVERY)
    ]
    reports: Annotated[list[Report], DeltaChannel(extend, snapshot_frequency=SNAPSHOT_EVERY)]
    vote_history: Annotated[list[Vote], DeltaChannel(extend, snapshot_frequency=SNAPSHOT_EVERY)]
    phase_history: Annotated[
        list[PhaseRecord], DeltaChannel(extend, snapshot_frequency=SNAPSHOT_EVERY)
    ]
    notices: Annotated[list[Notice], DeltaChannel(extend, snapshot_frequency=SNAPSHOT_EVERY)]

    # What it takes. `estimate` is there if one was made before it began, `budget` once something is to be said of it.
    # `task_usage` goes by `TASK PROVIDER/MODEL`.
    estimate: Estimated
    budget: Budgeted
    task_usage: Annotated[dict[str, TaskUse], add_task_usage]
    usage: Annotated[dict[str, Usage], add_usage]
