"""Phase 3: a topic is closed: the minority's last word, the report, the summary."""

from __future__ import annotations

from typing import Any

from virtual_agora import reports
from virtual_agora.agents.context import fence
from virtual_agora.agents.member import Request
from virtual_agora.agents.report_writer import topic_material
from virtual_agora.flow.budget import topic_closed
from virtual_agora.flow.files import write_files
from virtual_agora.flow.node import FlowNode, State, Update
from virtual_agora.flow.nodes_v13.discussion import message
from virtual_agora.flow.positions import positions
from virtual_agora.flow.writing import write_report
from virtual_agora.state.schema import TopicSummary

__all__ = ["ConclusionNodes"]

_WHY = {
    "vote": "The assembly voted to conclude; you voted against it.",
    "user": "The user closed the topic.",
    "max_rounds": "The topic is closed because it has had its last round.",
}


class ConclusionNodes(FlowNode):
    """From the decision to close a topic to its report on disk."""

    def final_considerations_node(self, state: State) -> Update:
        """Last words: of those who voted no if the assembly concluded, of all if it was made to."""
        asking = self.asking(state, beside=True)
        topic = state["current_topic"]
        cause = state["concluded_by"]
        members = asking.participants()
        if cause == "vote":
            against = set(_last_no_votes(state))
            members = [member for member in members if member.record["id"] in against]
        why = fence("dissent", _WHY[cause])
        requests = [
            member.final_words(state, topic, state["current_round"], why) for member in members
        ]
        heard = [reply for reply in asking.all(requests) if reply.value is not None]
        words = [
            message(
                state,
                position,
                reply.member,
                kind="final_words",
                round=state["current_round"],
                content=str(reply.value),
                at=reply.at,
            )
            for position, reply in enumerate(heard, start=1)
        ]
        return asking.update(messages=words)

    def closing_positions_node(self, state: State) -> Update:
        """Everybody says again where they stand, blind and at once; as a control also without the discussion."""
        asking = self.asking(state, beside=True)
        rules = self.config.session
        if rules.positions == "off":
            return asking.update(positions=[])
        topic, number = state["current_topic"], state["current_round"]
        members = asking.participants()
        requests: list[Request[Any]] = [
            member.closing_position(state, topic, number) for member in members
        ]
        if rules.control:
            requests += [member.control_position(state, topic, number) for member in members]
        replies = asking.all(requests)
        after, control = replies[: len(members)], replies[len(members) :]
        heard = positions(state, "after", after) + positions(state, "control", control)
        return asking.update(positions=heard)

    def topic_report_generation_node(self, state: State) -> Update:
        """An outline, then all its sections at once."""
        topic = state["current_topic"]
        asking = self.asking(state)
        report = write_report(
            asking, self.report_writer(state), state, topic, topic_material(state, topic)
        )
        return asking.update(reports=[report])

    def topic_summary_generation_node(self, state: State) -> Update:
        """One paragraph, for those who discuss the next topics."""
        topic = state["current_topic"]
        asking = self.asking(state, beside=True)
        words = [m for m in state["messages"] if m["topic"] == topic and m["kind"] == "final_words"]
        reply = asking.one(self.summarizer(state).topic_summary(state, topic, words))
        summary = TopicSummary(
            topic=topic,
            text=reply.value or "",
            rounds=state["current_round"],
            concluded_by=state["concluded_by"],
        )
        return asking.update(topic_summaries=[summary])

    def file_output_node(self, state: State) -> Update:
        """The topic's report is on disk, and the topic is closed."""
        topic = state["current_topic"]
        write_files(state, reports.topic_report(state, topic)).result()
        return {
            "completed_topics": [*state.get("completed_topics", []), topic],
            "current_topic": "",
            **topic_closed(state),
        }


def _last_no_votes(state: State) -> list[str]:
    votes = [v for v in state["vote_history"] if v["kind"] == "conclude_topic"]
    last = votes[-1]["ballot"] if votes else 0
    return [vote["agent"] for vote in votes if vote["ballot"] == last and vote["choice"] == ["no"]]
