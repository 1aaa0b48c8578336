"""Yes/no polls: from replies to votes, and from votes to numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from virtual_agora.agents.answers import PollAnswer
from virtual_agora.flow.asking import Reply
from virtual_agora.state.schema import Vote

__all__ = ["counts", "poll_votes"]


def poll_votes(
    replies: Sequence[Reply[PollAnswer]],
    kind: Literal["conclude_topic", "end_session"],
    *,
    ballot: int,
    topic: str,
    round: int,
) -> list[Vote]:
    """One vote a reply; whoever was not heard abstains, with the reason."""
    return [
        Vote(
            ballot=ballot,
            kind=kind,
            agent=reply.member["id"],
            topic=topic,
            round=round,
            choice=[reply.value.conclude] if reply.value is not None else [],
            reason=reply.value.reason if reply.value is not None else reply.reason,
        )
        for reply in replies
    ]


def counts(votes: Sequence[Vote]) -> dict[str, int]:
    """How many said `yes`, said `no`, and `abstained`."""
    choices = [vote["choice"] for vote in votes]
    return {
        "yes": choices.count(["yes"]),
        "no": choices.count(["no"]),
        "abstained": choices.count([]),
    }
