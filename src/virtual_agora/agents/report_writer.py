"""The report writer: an outline first, then one section at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from virtual_agora.agents.answers import Outline, Section
from virtual_agora.agents.context import fence, join, live_round, statements
from virtual_agora.agents.member import Member, Request
from virtual_agora.state.schema import Message

__all__ = ["ReportWriter", "topic_material"]

State = Mapping[str, Any]


class ReportWriter(Member):
    """A member that writes down what the others came to. `topic` is empty for the final report."""

    def outline(self, state: State, topic: str, material: str) -> Request[Outline]:
        """The sections of a report."""
        return self.request(
            "report_outline", Outline, state, material, topic=topic, subject=_subject(topic)
        )

    def section(self, state: State, topic: str, material: str, section: Section) -> Request[str]:
        """One section, readable alone. Its heading and brief are a model's words, so they stand with the material."""
        brief = section.brief or "It covers what its heading says."
        assignment = fence("assignment", brief, heading=section.title)
        return self.request(
            "report_section",
            str,
            state,
            material,
            assignment,
            topic=topic,
            subject=_subject(topic),
        )


def topic_material(state: State, topic: str) -> str:
    """What the report on a topic rests on besides the round summaries: the last round and the final words."""
    said: list[Message] = [m for m in state.get("messages", []) if m["topic"] == topic]
    last = max((m["round"] for m in said), default=0)
    spoken = [m for m in said if m["round"] == last and m["kind"] != "final_words"]
    words = statements((m for m in said if m["kind"] == "final_words"), tag="final_words")
    return join([live_round(spoken, last), *words, _vote(state, topic)])


def _vote(state: State, topic: str) -> str:
    polls = [
        v
        for v in state.get("vote_history", [])
        if v["kind"] == "conclude_topic" and v["topic"] == topic
    ]
    if not polls:
        return ""
    last = [v for v in polls if v["ballot"] == polls[-1]["ballot"]]
    lines = [f"- {(v['choice'] or ['abstained'])[0]}: {v['reason']}" for v in last]
    return fence("dissent", "The last poll on concluding this topic:\n" + "\n".join(lines))


def _subject(topic: str) -> str:
    return "the topic above" if topic else "the whole session"
