"""A topic's part of the state: what was said and voted on it, and where the participants stood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from virtual_agora.state.schema import Message, Position, Report, Vote

__all__ = ["Discussion", "discussions", "panel", "text_of"]


def panel(state: Mapping[str, Any]) -> list[str]:
    """The ids of all participants, excluded ones too."""
    return [agent["id"] for agent in state.get("agents", []) if agent["role"] == "participant"]


def text_of(position: Position) -> str:
    """A position and its reasons."""
    return "\n".join([position["position"], *position["reasons"]])


@dataclass(frozen=True, slots=True)
class Discussion:
    """One topic. `votes` are those on concluding it; `reports` are the one on it and the final one, if written."""

    theme: str
    topic: str
    panel: list[str]
    messages: list[Message] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    votes: list[Vote] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)

    def statements(self) -> list[list[Message]]:
        """The participants' statements, round by round from the first."""
        said = [message for message in self.messages if message["kind"] == "statement"]
        rounds: list[list[Message]] = [
            [] for _ in range(max((m["round"] for m in said), default=0))
        ]
        for message in said:
            rounds[message["round"] - 1].append(message)
        return rounds

    def opening(self) -> dict[str, Position]:
        """By agent, the positions before the first round."""
        return self._at("before")

    def control(self) -> dict[str, Position]:
        """By agent, the positions of those who had thought alone."""
        return self._at("control")

    def single_model(self) -> Position | None:
        """The answer of one model instead of the assembly's."""
        return next(iter(self._at("single_model").values()), None)

    def closing(self) -> dict[str, Position]:
        """By agent, the positions after the last round; of a topic under way, those of the latest round."""
        if after := self._at("after"):
            return after
        rounds = self.by_round()
        return rounds[max(rounds)] if rounds else {}

    def by_round(self) -> dict[int, dict[str, Position]]:
        """By round from the first and agent, the latest position in or after it."""
        found: dict[int, dict[str, Position]] = {}
        for position in self.positions:
            if position["moment"] in ("round", "after") and position["round"]:
                found.setdefault(position["round"], {})[position["agent"]] = position
        return found

    def _at(self, moment: str) -> dict[str, Position]:
        return {p["agent"]: p for p in self.positions if p["moment"] == moment}


def discussions(state: Mapping[str, Any]) -> list[Discussion]:
    """Every topic that was taken up, in order, with what belongs to it."""
    members = panel(state)
    titles = [*state.get("completed_topics", []), state.get("current_topic", "")]
    found = {
        title: Discussion(theme=state.get("main_topic", ""), topic=title, panel=members)
        for title in titles
        if title
    }
    for message in state.get("messages", []):
        if message["topic"] in found:
            found[message["topic"]].messages.append(message)
    for position in state.get("positions", []):
        if position["topic"] in found:
            found[position["topic"]].positions.append(position)
    for vote in state.get("vote_history", []):
        if vote["kind"] == "conclude_topic" and vote["topic"] in found:
            found[vote["topic"]].votes.append(vote)
    for report in state.get("reports", []):
        for discussion in found.values():
            if report["topic"] in ("", discussion.topic):
                discussion.reports.append(report)
    return list(found.values())
