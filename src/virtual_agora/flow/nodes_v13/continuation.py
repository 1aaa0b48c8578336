"""Phase 4: go on with the next topic, revise the agenda, or come to the end."""

from __future__ import annotations

from virtual_agora import hitl
from virtual_agora.flow.node import FlowNode, State, Update, decision
from virtual_agora.flow.nodes_v13.agenda import last_closed, next_ballot, standing
from virtual_agora.flow.polls import counts, poll_votes
from virtual_agora.state.schema import Proposal
from virtual_agora.voting.ballots import needed

__all__ = ["ContinuationNodes"]


class ContinuationNodes(FlowNode):
    """What happens between two topics."""

    def agent_poll_node(self, state: State) -> Update:
        """A secret poll: end the whole session?"""
        asking = self.asking(state)
        members = asking.participants()
        replies = asking.all([member.session_poll(state, state["agenda"]) for member in members])
        if asking.cut_short:
            return asking.update(poll={})
        votes = poll_votes(
            replies, "end_session", ballot=next_ballot(state), topic=last_closed(state), round=0
        )
        required = needed(self.config.session.conclude, len(asking.participants()))
        return asking.update(vote_history=votes, poll=counts(votes) | {"needed": required})

    def user_approval_node(self, state: State) -> Update:
        """✋ The user goes on, ends the session, or has the agenda revised."""
        poll = state["poll"]
        recommendation = {"end": poll["yes"], "go_on": poll["no"], "abstained": poll["abstained"]}
        question = hitl.topic_continuation(
            state["completed_topics"][-1], state["agenda"], recommendation
        )
        action = self.ask_human(question)["action"]
        update: Update = {"decision": action, "agenda_change": action == "modify_agenda"}
        if action == "end_session":
            update["notices"] = [decision(state, "ended the session.")]
        if action == "modify_agenda":
            update["notices"] = [decision(state, "had the agenda revised.")]
        return update

    def agenda_modification_node(self, state: State) -> Update:
        """Participants propose additions and removals; any change is voted on as in phase 1.

        A topic comes off when more than half of the participants want it off.
        """
        asking = self.asking(state)
        members = asking.participants()
        remaining: list[str] = state["agenda"]
        replies = asking.all([member.modification(state, remaining) for member in members])
        heard = [(reply.member["id"], reply.value) for reply in replies if reply.value is not None]
        majority = needed("majority", len(asking.participants()))
        against = {title: sum(title in change.remove for _, change in heard) for title in remaining}
        kept = [title for title in remaining if against[title] < majority]
        for title in remaining:
            if title not in kept:
                asking.note("dropped", "", f"“{title}”, by {against[title]} of the participants.")
        additions = [
            Proposal(agent=agent, topics=[topic.model_dump() for topic in change.add])
            for agent, change in heard
            if change.add
        ]
        changed = additions or kept != remaining
        return asking.update(
            agenda=kept,
            proposals=[*standing(kept), *additions] if changed else [],
            agenda_change=False,
            agenda_rejections=0,
        )
