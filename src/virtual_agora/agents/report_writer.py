"""The report writer: an outline first, then one section at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from virtual_agora.agents.answers import Outline, Section
from virtual_agora.agents.context import fence, join, listed, live_round, stance, statements
from virtual_agora.agents.lengths import fitted
from virtual_agora.agents.member import Member, Request
from virtual_agora.citations import citable, only_turns
from virtual_agora.state.schema import Message, RoundSummary

__all__ = ["ReportWriter", "session_material", "topic_material"]

State = Mapping[str, Any]

SECTIONS = 100_000
"""Characters of the topics' reports in the prompts for the final one: about ten of the greatest length asked for."""

LAST = 30_000
"""Characters of final words there, and as many of positions: those of more than forty speakers."""


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
            check=only_turns(citable(state.get("messages", []), topic)),
            subject=_subject(topic),
        )


def topic_material(state: State, topic: str) -> str:
    """What the report on a topic rests on besides the round summaries: how it ended, and what nobody summed up."""
    said: list[Message] = [m for m in state.get("messages", []) if m["topic"] == topic]
    words = statements((m for m in said if m["kind"] == "final_words"), tag="final_words")
    stands = _stands(state, topic)
    positions = fence("positions", stands, topic=topic) if stands else ""
    return join([_not_summed_up(state, topic, said), *words, _vote(state, topic), positions])


def session_material(state: State) -> str:
    """What the final report rests on besides the summaries: the topics' reports, final words and last positions.

    However many topics there were, each of the three has a room that it is not longer than, but for the tags.
    """
    sections = [
        (report["topic"], section)
        for report in state.get("reports", [])
        for section in report["sections"]
    ]
    written = fitted([section["text"] for _, section in sections], SECTIONS)
    last: list[Message] = [m for m in state.get("messages", []) if m["kind"] == "final_words"]
    words = fitted([said["content"] for said in last], LAST)
    topics = state.get("completed_topics", [])
    stands = fitted([_stands(state, topic) for topic in topics], LAST)
    return join(
        [
            *(
                fence("section", text, title=section["title"], topic=topic)
                for (topic, section), text in zip(sections, written, strict=True)
            ),
            *(
                fence("final_words", text, id=said["id"], topic=said["topic"])
                for said, text in zip(last, words, strict=True)
            ),
            *(
                fence("positions", text, topic=topic)
                for topic, text in zip(topics, stands, strict=True)
                if text
            ),
        ]
    )


def _not_summed_up(state: State, topic: str, said: Sequence[Message]) -> str:
    """The topic's last round, verbatim, if it has no summary."""
    spoken = [message for message in said if message["kind"] != "final_words"]
    last = max((message["round"] for message in spoken), default=0)
    summaries: list[RoundSummary] = state.get("round_summaries", [])
    if any((s["topic"], s["round"]) == (topic, last) and s["text"] for s in summaries):
        return ""
    return live_round([message for message in spoken if message["round"] == last], last)


def _vote(state: State, topic: str) -> str:
    polls = [
        v
        for v in state.get("vote_history", [])
        if v["kind"] == "conclude_topic" and v["topic"] == topic
    ]
    if not polls:
        return ""
    last = [v for v in polls if v["ballot"] == polls[-1]["ballot"]]
    votes = listed(f"{(v['choice'] or ['abstained'])[0]}: {v['reason']}" for v in last)
    return fence("dissent", f"The last poll on concluding this topic:\n{votes}")


def _stands(state: State, topic: str) -> str:
    """Where the participants stood in the end, unattributed and in no order that tells who is who."""
    lines = [
        f"stance {stance(p)}, {p['confidence']} % sure: {p['position']}"
        for p in state.get("positions", [])
        if p["moment"] == "after" and p["topic"] == topic
    ]
    if not lines:
        return ""
    scale = "Where each member stands now, from -3 (firmly against) to +3 (firmly for):"
    return f"{scale}\n{listed(sorted(lines))}"


def _subject(topic: str) -> str:
    return "the topic above" if topic else "the whole session"
