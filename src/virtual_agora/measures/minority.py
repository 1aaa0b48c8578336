"""Those who were outvoted on closing a topic, and what of theirs came into the reports; and how many stood on which side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from virtual_agora.citations import cited
from virtual_agora.measures.discussion import Discussion
from virtual_agora.measures.model import Minority, Sides
from virtual_agora.state.schema import Position

__all__ = ["minority", "sides"]


def sides(positions: Mapping[str, Position]) -> Sides | None:
    """How many are for it, against it and undecided; None without positions."""
    stances = [position["stance"] or 0 for position in positions.values()]
    if not stances:
        return None
    support, oppose = sum(s > 0 for s in stances), sum(s < 0 for s in stances)
    return Sides(support=support, oppose=oppose, undecided=len(stances) - support - oppose)


def minority(discussion: Discussion) -> Minority:
    """The minority, its turns, and those of them that the topic's report or the final one cites.

    It is those who voted against closing the topic, or, where nobody did or not fewer than for it, the smaller closing
    side.
    """
    agents = _outvoted(discussion) or _smaller_side(discussion.closing().values())
    ordered = [agent for agent in discussion.panel if agent in agents]
    turns = [message["id"] for message in discussion.messages if message["agent"] in ordered]
    texts = [section["text"] for report in discussion.reports for section in report["sections"]]
    named = {turn for text in texts for turn in cited(text)}
    kept = [turn for turn in turns if turn in named]
    survival = len(kept) / len(turns) if turns and named else None
    return Minority(agents=ordered, turns=turns, cited=kept, survival=survival)


def _outvoted(discussion: Discussion) -> set[str]:
    """Those who said no in the last poll on concluding the topic, where more said yes."""
    last = max((vote["ballot"] for vote in discussion.votes), default=0)
    votes = [vote for vote in discussion.votes if vote["ballot"] == last]
    against = {vote["agent"] for vote in votes if vote["choice"] == ["no"]}
    return against if len(against) < sum(vote["choice"] == ["yes"] for vote in votes) else set()


def _smaller_side(closing: Iterable[Position]) -> set[str]:
    """Those on the smaller of the two sides; nobody if one is empty or both are of a size."""
    stances = {position["agent"]: position["stance"] or 0 for position in closing}
    support = {agent for agent, stance in stances.items() if stance > 0}
    oppose = {agent for agent, stance in stances.items() if stance < 0}
    return set() if len(support) == len(oppose) else min(support, oppose, key=len)
