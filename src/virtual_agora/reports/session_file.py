"""What `session.json` consists of, and the JSON Schema that says so to other programs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from virtual_agora.config.models import Config
from virtual_agora.measures.model import Measures
from virtual_agora.state.schema import (
    SCHEMA_VERSION,
    AgentRecord,
    Digest,
    Fork,
    Message,
    Notice,
    PhaseRecord,
    Position,
    Report,
    RoundSummary,
    Tally,
    TopicSummary,
    Usage,
    Vote,
)

__all__ = ["SCHEMA_ID", "SessionFile", "session_schema"]

SCHEMA_ID = f"urn:virtual-agora:session:{SCHEMA_VERSION}"
"""The name of the schema, which a session's file has as its `$schema`."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class DocumentName(TypedDict):
    """A text the user gave the assembly to read; `tokens` is an estimate."""

    name: str
    tokens: int


class AgendaRecord(TypedDict):
    """The topics: those closed, those still open, those of the latest ballot in the order that it gave, and the count."""

    user_defined: bool
    completed: list[str]
    open: list[str]
    proposed: list[str]
    tally: Tally | None


@with_config(ConfigDict(title="A session of Virtual Agora"))
class SessionFile(TypedDict("Named", {"$schema": str})):
    """A whole session, finished or not. `demo` is the stamp of scripted text, or null; times are ISO 8601 in UTC."""

    demo: str | None
    session_id: str
    schema_version: int
    protocol_version: str
    status: Literal["running", "complete"]
    start_time: str
    theme: str
    seed: int
    config: Config
    config_hash: str
    agents: list[AgentRecord]
    excluded: list[str]
    context_documents: list[DocumentName]
    agenda: AgendaRecord
    messages: list[Message]
    positions: list[Position]
    round_summaries: list[RoundSummary]
    digests: list[Digest]
    topic_summaries: list[TopicSummary]
    vote_history: list[Vote]
    reports: list[Report]
    notices: list[Notice]
    phase_history: list[PhaseRecord]
    usage: dict[str, Usage]
    forked_from: list[Fork]
    measures: Measures


def session_schema() -> dict[str, Any]:
    """The JSON Schema of `session.json`."""
    schema = TypeAdapter(SessionFile).json_schema(mode="serialization")
    return {"$schema": DIALECT, "$id": SCHEMA_ID, **schema}
