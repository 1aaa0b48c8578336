"""The panel: who they are, and how much each of them said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from virtual_agora.measures.model import Measures
from virtual_agora.reports.facts import State, absent, names
from virtual_agora.reports.html.figures import figure
from virtual_agora.reports.html.prose import plain

__all__ = ["Member", "Panel", "Voice", "panel_of"]

ROLES = {
    "participant": "Participant",
    "moderator": "Moderator",
    "summarizer": "Summarizer",
    "report_writer": "Report writer",
}


@dataclass(frozen=True, slots=True)
class Member:
    """One agent; `persona` is whole, `absent` says why it takes no part, if so."""

    name: str
    role: str
    model: str
    persona: str
    absent: str


@dataclass(frozen=True, slots=True)
class Voice:
    """How much one speaker said; `share` is that of the words of the one who said most, in percent."""

    name: str
    turns: int
    words: int
    share: float


@dataclass(frozen=True, slots=True)
class Panel:
    """All agents, all voices in the order of their words, and how evenly they are distributed."""

    members: Sequence[Member]
    voices: Sequence[Voice]
    balance: str


def panel_of(state: State, measures: Measures) -> Panel:
    """Who took part, and how much each said."""
    gone = absent(state)
    members = [
        Member(
            name=plain(agent["name"]),
            role=ROLES[agent["role"]],
            model=plain(f"{agent['provider']}/{agent['model']}"),
            persona=plain(agent["persona"] or ""),
            absent=gone.get(agent["id"], ""),
        )
        for agent in state.get("agents", [])
    ]
    said = measures["participation"]
    words, turns = said.get("words") or {}, said.get("turns") or {}
    who = {**names(state), "user": "You"}
    most = max(words.values(), default=0) or 1
    voices = [
        Voice(plain(who.get(id_, id_)), turns.get(id_, 0), count, 100 * count / most)
        for id_, count in sorted(words.items(), key=lambda item: (-item[1], item[0]))
    ]
    balance = said.get("balance")
    return Panel(
        members=members,
        voices=voices,
        balance=""
        if balance is None
        else f"Balance {figure(balance, 2)}, where 1 is an equal share for all and 0 one voice alone.",
    )
