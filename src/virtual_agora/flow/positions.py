"""Positions: from replies to what is kept of them."""

from __future__ import annotations

from collections.abc import Sequence

from virtual_agora.agents.answers import MovedPositionAnswer, PositionAnswer
from virtual_agora.citations import cited
from virtual_agora.flow.asking import Reply
from virtual_agora.flow.node import State
from virtual_agora.state.schema import Moment, Position

__all__ = ["positions"]


def positions(
    state: State, moment: Moment, replies: Sequence[Reply[PositionAnswer]]
) -> list[Position]:
    """The positions on the current topic that were heard at this moment."""
    return [
        Position(
            agent=reply.member["id"],
            topic=state["current_topic"],
            moment=moment,
            round=state["current_round"],
            stance=reply.value.stance,
            confidence=reply.value.confidence,
            position=reply.value.position,
            reasons=reply.value.reasons,
            moved_by=_moved_by(state, reply.member["id"], reply.value),
            at=reply.at,
        )
        for reply in replies
        if reply.value is not None
    ]


def _moved_by(state: State, member: str, answer: PositionAnswer) -> list[str]:
    """The turns of others that the answer names and that exist, each once."""
    if not isinstance(answer, MovedPositionAnswer):
        return []
    named = cited(" ".join(f"[{id_.strip(' []')}]" for id_ in answer.moved_by))
    others = {m["id"] for m in state.get("messages", []) if m["agent"] != member}
    return [id_ for id_ in named if id_ in others]
