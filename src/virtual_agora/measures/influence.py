"""Who moved whom, by what those who were moved say themselves."""

from __future__ import annotations

from collections.abc import Mapping

from virtual_agora.measures.discussion import Discussion
from virtual_agora.measures.model import Influence

__all__ = ["influence"]

USER = "user"


def influence(discussion: Discussion, speakers: Mapping[str, str]) -> list[Influence]:
    """Every speaker whose turns another names, in the panel's order, the user last.

    `speakers` has the agent of every turn of the session, by the turn's id. Turns of one's own, and those that do not
    exist, are left out.
    """
    named: dict[tuple[str, str], dict[str, None]] = {}
    for position in discussion.positions:
        for turn in position["moved_by"]:
            speaker = speakers.get(turn)
            if speaker and speaker != position["agent"]:
                named.setdefault((speaker, position["agent"]), {})[turn] = None
    return [
        Influence(speaker=speaker, agent=agent, turns=sorted(named[speaker, agent]))
        for speaker in [*discussion.panel, USER]
        for agent in discussion.panel
        if (speaker, agent) in named
    ]
