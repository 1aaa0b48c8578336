"""Where the members stood on a topic before and after, and in what they still differ."""

from __future__ import annotations

from collections.abc import Sequence

from virtual_agora.citations import citable
from virtual_agora.reports.facts import State, last_poll, names
from virtual_agora.reports.markdown import inline, table
from virtual_agora.reports.traces import turn_link, turn_links
from virtual_agora.reports.words import short, stance_words
from virtual_agora.state.schema import Message, Moment, Position, Vote

__all__ = ["TRANSCRIPT", "dissent", "positions", "speaker"]

LONGEST_POSITION = 240
TRANSCRIPT = "../transcript.md"
SCALE = (
    "Said in secret. A stance is from −3 (firmly against what is proposed) to +3 (firmly for it): by the "
    "topic or, where that is an open question, by the theme; “no stance” where neither proposes anything; the percentage is how sure the member was."
)


def speaker(message: Message) -> str:
    """Who took a turn, and whether they had been told to argue against the prevailing view."""
    name = "You" if message["agent"] == "user" else inline(message["speaker"])
    return f"{name}, asked to dissent" if message.get("dissenter") else name


def positions(state: State, topic: str) -> list[str]:
    """Each member's position before and after, alone if that was asked, and what moved it, as a table."""
    held = [p for p in state.get("positions", []) if p["topic"] == topic]
    members = dict.fromkeys(p["agent"] for p in held if p["moment"] != "single_model")
    moments: list[Moment] = ["before", "after"]
    header = ["Member", "Before", "After", "Moved by"]
    if any(p["moment"] == "control" for p in held):
        moments.append("control")
        header.insert(-1, "Thinking alone")
    known = citable(state.get("messages", []), topic)
    rows = []
    for agent in members:
        own = [p for p in held if p["agent"] == agent and p["moment"] != "single_model"]
        moved = dict.fromkeys(id_ for p in own for id_ in p["moved_by"] if id_ in known)
        cells = [_cell(own, moment) for moment in moments]
        rows.append([_name(state, agent), *cells, turn_links(list(moved), TRANSCRIPT) or "–"])
    parts = [SCALE, table(header, rows)] if rows else []
    parts += [
        f"For comparison, one model without a persona, asked alone: {_told(p)}"
        for p in held
        if p["moment"] == "single_model"
    ]
    return ["## Positions before and after", *parts] if parts else []


def dissent(state: State, topic: str) -> list[str]:
    """Who wanted to go on, who was asked to dissent, and where the last positions differ, or that nobody did.

    The minority's last words follow it in the report.
    """
    votes = last_poll(state, "conclude_topic", topic)
    against = [vote for vote in votes if vote["choice"] == ["no"]]
    asked = [
        m for m in state.get("messages", []) if m["topic"] == topic and m.get("dissenter", False)
    ]
    parts = [_votes_against(state, votes, against), *_sides(state, topic)]
    if asked:
        turns = "; ".join(
            f"{inline(m['speaker'])} in round {m['round']} ({turn_link(m['id'], TRANSCRIPT)})"
            for m in asked
        )
        parts.append(
            f"Asked to argue against the prevailing view, whatever they held themselves: {turns}."
        )
    return ["## Dissent", *parts]


def _votes_against(state: State, votes: Sequence[Vote], against: Sequence[Vote]) -> str:
    if not votes:
        return "Nobody was asked by vote whether to close the topic."
    if not against:
        return "In the last poll, nobody voted against closing the topic."
    lines = [
        f"- **{_name(state, vote['agent'])}** voted against closing the topic: "
        f"{inline(vote['reason']) or 'no reason was given'}"
        for vote in against
    ]
    return "\n".join(lines)


def _sides(state: State, topic: str) -> list[str]:
    """Who ended on which side, with the positions of the smaller ones in full and the reasons for them."""
    last = [p for p in state.get("positions", []) if p["topic"] == topic and p["moment"] == "after"]
    sides: dict[str, list[Position]] = {"for it": [], "against it": [], "undecided": []}
    for position in last:
        stance = position["stance"] or 0
        side = "for it" if stance > 0 else "against it" if stance < 0 else "undecided"
        sides[side].append(position)
    if not last or all(p["stance"] is None for p in last):
        return []
    taken = {side: held for side, held in sides.items() if held}
    if len(taken) == 1:
        return [f"In the end all positions were on one side: {next(iter(taken))}."]
    counted = ", ".join(f"{len(held)} {side}" for side, held in taken.items())
    largest = max(len(held) for held in taken.values())
    smaller = [held for held in taken.values() if len(held) < largest] or list(taken.values())
    lines = [line for held in smaller for p in held for line in _in_full(state, p)]
    return [f"The last positions still differ: {counted}.", "\n".join(lines)]


def _cell(own: Sequence[Position], moment: Moment) -> str:
    held = [p for p in own if p["moment"] == moment]
    return _told(held[-1]) if held else "–"


def _in_full(state: State, position: Position) -> list[str]:
    told = f"{_held(position)} {inline(position['position'])}"
    # Numbered in words: what begins with a reason's own text might be a heading or a list to Markdown.
    reasons = [
        f"  - Reason {number}: {inline(reason)}"
        for number, reason in enumerate(position["reasons"], start=1)
    ]
    return [f"- **{_name(state, position['agent'])}**: {told}", *reasons]


def _told(position: Position) -> str:
    return f"{_held(position)} {short(position['position'], LONGEST_POSITION)}"


def _held(position: Position) -> str:
    return f"{stance_words(position['stance'])} ({position['confidence']} %)."


def _name(state: State, agent: str) -> str:
    return inline(names(state).get(agent, agent))
