"""Where a session stands, read off one of its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from langgraph.checkpoint.base import CheckpointTuple

from virtual_agora.flow.graph_v13 import NODES
from virtual_agora.state.checkpoints import unanswered
from virtual_agora.state.schema import VirtualAgoraState
from virtual_agora.state.usage import cost_of, spent

__all__ = ["SessionInfo", "Status", "Step", "next_nodes", "next_step", "outcome", "standing"]

Status = Literal["complete", "waiting", "interrupted", "newer", "encrypted", "unreadable"]


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session in one line. `round` is the one under way, `cost` in US dollars, None where a price is unknown.

    Of a session that a later release saved (`newer`), whose key is not here (`encrypted`) or that is damaged (`unreadable`) only
    the id is known.
    """

    session_id: str
    status: Status
    theme: str = ""
    phase: int = 0
    topic: str = ""
    round: int = 0
    started: str = ""
    updated: str = ""
    calls: int = 0
    cost: float | None = None
    waiting_for: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A point of a session to fork from: just before `node` runs, which belongs to `phase` and `round`.

    `brought` are the fields that the step before it gave, of those that grow what it added.
    """

    number: int
    checkpoint_id: str
    node: str
    phase: int
    topic: str
    round: int
    brought: Mapping[str, Any] = field(default_factory=dict)


def standing(session_id: str, found: CheckpointTuple) -> SessionInfo:
    """Where a session stands by its latest checkpoint."""
    values = found.checkpoint["channel_values"]
    questions = unanswered(found)
    complete = values.get("status") == "complete"
    usage = values.get("usage", {})
    return SessionInfo(
        session_id=session_id,
        status="complete" if complete else "waiting" if questions else "interrupted",
        theme=values.get("main_topic", ""),
        phase=values.get("current_phase", 0),
        topic=values.get("current_topic", ""),
        round=_round(values, next_nodes(found)),
        started=values.get("start_time", ""),
        updated=found.checkpoint["ts"],
        calls=spent(usage)["calls"],
        cost=cost_of(usage),
        waiting_for=questions[0].value["type"] if questions else "",
    )


def outcome(found: CheckpointTuple) -> dict[str, Any]:
    """The fields that the step after a checkpoint gave, as far as it is saved; of those that grow what it added."""
    given: dict[str, Any] = {}
    for _, name, value in found.pending_writes or []:
        if name in VirtualAgoraState.__annotations__:
            both = name in given and isinstance(value, list)
            given[name] = [*given[name], *value] if both else value
    return given


def next_step(number: int, found: CheckpointTuple, before: CheckpointTuple | None) -> Step | None:
    """What runs next after a checkpoint, the session's `number`-th, which is `before` it; None if nothing does."""
    values: Mapping[str, Any] = found.checkpoint["channel_values"]
    nodes = next_nodes(found)
    if not nodes:
        return None
    return Step(
        number=number,
        checkpoint_id=found.checkpoint["id"],
        node=" + ".join(nodes),
        phase=NODES.get(nodes[0], values.get("current_phase", 0)),
        topic=values.get("current_topic", ""),
        round=_round(values, nodes),
        brought=outcome(before) if before else {},
    )


def next_nodes(found: CheckpointTuple) -> list[str]:
    """The steps that run next after a checkpoint, as its triggers say.

    A trigger is named `branch:to:STEP`, or `join:ONE+OTHER:STEP` where several steps must have ended before; its
    value then is those that have. PostgreSQL keeps them in an order of its own, so they are put into the protocol's.
    """
    order = list(NODES)
    nodes = []
    for name, value in found.checkpoint["channel_values"].items():
        kind, _, way = name.partition(":")
        before, _, node = way.rpartition(":")
        if kind == "branch" or (kind == "join" and set(before.split("+")) == value):
            nodes.append(node)
    return sorted(nodes, key=lambda node: order.index(node) if node in NODES else len(order))


def _round(values: Mapping[str, Any], nodes: Sequence[str]) -> int:
    """The round of the current topic that the next steps belong to; the state counts those that were spoken."""
    if not values.get("current_topic"):
        return 0
    begin = {"discussion_round"}
    if values["config"]["session"]["participation"] == "start_of_round":
        begin.add("user_turn")
    return int(values["current_round"]) + (not begin.isdisjoint(nodes))
