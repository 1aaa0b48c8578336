"""Phase 2: a topic is discussed in rounds until the assembly, the user or the rules conclude it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from virtual_agora import hitl
from virtual_agora.agents.earlier import LONGEST, due, stand_in
from virtual_agora.agents.member import Request
from virtual_agora.flow.asking import Asking, Reply
from virtual_agora.flow.node import FlowNode, State, Update, decision
from virtual_agora.flow.nodes_v13.agenda import next_ballot
from virtual_agora.flow.polls import counts, poll_votes
from virtual_agora.flow.positions import positions
from virtual_agora.state.schema import AgentRecord, Digest, Message, RoundSummary
from virtual_agora.voting.ballots import needed, shuffled

__all__ = ["DiscussionNodes", "message"]

CLOSING = {
    "finalize": "closed this topic.",
    "end_topic": "closed this topic.",
    "skip_to_report": "closed this topic and went straight to the final report.",
}
"""The user's decisions that close a topic, and how the reports put them."""


class DiscussionNodes(FlowNode):
    """Rounds, summaries, polls and the user's turns on the current topic."""

    def announce_item_node(self, state: State) -> Update:
        """The next topic; its first speaking order is drawn from the session's seed. With the budget used up it stays on the agenda."""
        asking = self.asking(state)
        asking.check_budget("announcement")
        topic = state["agenda"][0]
        begun: Update = {"current_round": 0, "poll": {}, "decision": "", "concluded_by": ""}
        if asking.cut_short:
            return asking.update(**begun, current_topic="", speaking_order=[])
        asking.announce_topic()
        speakers = [member.record["id"] for member in asking.participants()]
        return asking.update(
            **begun,
            current_topic=topic,
            agenda=state["agenda"][1:],
            speaking_order=shuffled(speakers, self.seed, "order", topic),
        )

    def opening_positions_node(self, state: State) -> Update:
        """Everybody says where they stand, blind and at once; one model alone is asked too, if configured."""
        asking = self.asking(state)
        rules, topic = self.config.session, state["current_topic"]
        if rules.positions == "off":
            return asking.update(positions=[])
        requests = [member.opening_position(state, topic) for member in asking.participants()]
        alone = [self.moderator(state).single_model(state, topic)] if rules.single_model else []
        replies = asking.all([*requests, *alone])
        assembly, single = replies[: len(requests)], replies[len(requests) :]
        heard = positions(state, "before", assembly) + positions(state, "single_model", single)
        return asking.update(positions=heard)

    def user_turn_node(self, state: State) -> Update:
        """✋ The user listens, speaks, or closes the topic."""
        moment = self.config.session.participation
        round_number = state["current_round"] + (moment == "start_of_round")
        question = hitl.user_turn(state["current_topic"], round_number, moment)
        answer = self.ask_human(question)
        if answer["action"] == "participate":
            said = message(
                state,
                1,
                _USER,
                kind="user",
                round=round_number,
                content=answer["text"],
                at=self.clock.timestamp(),
            )
            return {"messages": [said]}
        return _decided(state, answer["action"])

    def discussion_round_node(self, state: State) -> Update:
        """Everybody speaks in turn and hears the round so far; the order of those present rotates by one each round."""
        asking = self.asking(state)
        topic, number = state["current_topic"], state["current_round"] + 1
        members = {member.record["id"]: member for member in asking.participants()}
        said: list[Message] = []
        opened = [m for m in state["messages"] if m["topic"] == topic and m["round"] == number]
        present = [speaker for speaker in state["speaking_order"] if speaker in members]
        order = _rotated(present, number - 1)
        for speaker in order:
            # The last to speak has heard the most of the view that prevails.
            charged = self.config.session.dissenter and speaker == order[-1]
            heard = [*opened, *said]
            reply = asking.one(
                members[speaker].statement(state, topic, number, heard, dissenter=charged)
            )
            if asking.cut_short:
                break
            if reply.value is not None:
                turn = message(
                    state,
                    len(said) + 1,
                    reply.member,
                    kind="statement",
                    round=number,
                    content=reply.value,
                    at=reply.at,
                )
                said.append({**turn, "dissenter": True} if charged else turn)
        if asking.cut_short and not (opened or said):
            number -= 1
        return asking.update(messages=said, current_round=number)

    def round_summarization_node(self, state: State) -> Update:
        """The round is compacted, who said what left out; if configured, all note at once where they stand.

        Once the summaries of earlier rounds have grown long, the oldest are condensed at the same time.
        """
        asking = self.asking(state)
        topic, number = state["current_topic"], state["current_round"]
        said = [m for m in state["messages"] if m["topic"] == topic and m["round"] == number]
        known = {(summary["topic"], summary["round"]) for summary in state["round_summaries"]}
        if asking.cut_short and (not said or (topic, number) in known):
            return asking.update(round_summaries=[])
        asked: list[Request[Any]] = [
            self.summarizer(state).round_summary(state, topic, number, said)
        ]
        if self.config.session.positions == "every_round":
            members = asking.participants()
            asked += [member.round_position(state, topic, number, said) for member in members]
        if old := due(state, topic):
            asked.append(self.summarizer(state).digest(state, topic, number, old[-1]["round"]))
        reply, *noted = asking.all(asked)
        digests = [_digest(asking, state, noted.pop(), old)] if old else []
        summary = RoundSummary(topic=topic, round=number, text=reply.value or "")
        return asking.update(
            round_summaries=[summary], digests=digests, positions=positions(state, "round", noted)
        )

    def end_topic_poll_node(self, state: State) -> Update:
        """A secret poll: conclude this topic?"""
        asking = self.asking(state)
        topic, number = state["current_topic"], state["current_round"]
        members = asking.participants()
        replies = asking.all([member.poll(state, topic, number) for member in members])
        if asking.cut_short:
            return asking.update(poll={})
        votes = poll_votes(
            replies, "conclude_topic", ballot=next_ballot(state), topic=topic, round=number
        )
        required = needed(self.config.session.conclude, len(asking.participants()))
        return asking.update(vote_history=votes, poll=counts(votes) | {"needed": required})

    def periodic_user_stop_node(self, state: State) -> Update:
        """✋ Every few rounds the user may end the topic, skip to the report or have the agenda revised."""
        question = hitl.periodic_stop(state["current_topic"], state["current_round"], state["poll"])
        action = self.ask_human(question)["action"]
        if action == "modify_agenda":
            asked = decision(state, "asked for the agenda to be revised after this topic.")
            return {"agenda_change": True, "notices": [asked]}
        return _decided(state, action)

    def vote_evaluation_node(self, state: State) -> Update:
        """Is the topic concluded, and by whom? What follows begins side by side, so the budget is looked at for both here."""
        asking = self.asking(state)
        cause = "budget" if asking.cut_short else self._cause(state)
        if cause:
            asking.check_budget("closing")
        return asking.update(concluded_by=cause)

    def _cause(self, state: State) -> str:
        poll = state["poll"]
        if state.get("decision") in CLOSING:
            return "user"
        if poll["yes"] >= poll["needed"]:
            return "vote"
        return "max_rounds" if state["current_round"] >= self.config.session.max_rounds else ""


_USER = AgentRecord(
    id="user",
    name="You",
    role="participant",
    provider="",
    model="",
    persona=None,
    base_url=None,
    temperature=None,
    max_tokens=None,
    timeout=None,
)


def message(
    state: State,
    position: int,
    speaker: AgentRecord,
    *,
    kind: str,
    round: int,
    content: str,
    at: str,
) -> Message:
    """The `position`-th thing said in this step."""
    return Message(
        id=f"m{len(state.get('messages', [])) + position:04d}",
        agent=speaker["id"],
        speaker=speaker["name"],
        role="convener" if speaker["id"] == "user" else speaker["role"],
        kind=kind,  # type: ignore[typeddict-item]
        topic=state["current_topic"],
        round=round,
        content=content,
        at=at,
    )


def _digest(asking: Asking, state: State, reply: Reply[str], old: Sequence[RoundSummary]) -> Digest:
    """What is told from here on in place of the summaries `old` and those before them."""
    topic, condensed = state["current_topic"], old[-1]["round"]
    text = reply.value or stand_in(state, topic, old)
    if not reply.value:
        what = (
            f"After round {state['current_round']}, rounds {old[0]['round']} to {condensed} could not be condensed. "
            f"The panel is told the first sentence of the summary of each: {reply.reason}"
        )
        asking.note("warning", reply.member["id"], what)
    elif len(text) > LONGEST:
        what = (
            f"The digest of rounds 1 to {condensed} has {len(text):,} characters. "
            f"The panel is told the first {LONGEST:,}."
        )
        asking.note("warning", reply.member["id"], what)
    return Digest(topic=topic, round=state["current_round"], condensed=condensed, text=text)


def _decided(state: State, action: str) -> Update:
    if action not in CLOSING:
        return {"decision": ""}
    return {"decision": action, "notices": [decision(state, CLOSING[action])]}


def _rotated(order: Sequence[str], by: int) -> list[str]:
    start = by % len(order) if order else 0
    return [*order[start:], *order[:start]]
