"""Phase 1: the agenda is proposed, voted on and approved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from virtual_agora import hitl
from virtual_agora.flow.node import FlowNode, State, Update, decision
from virtual_agora.state.schema import Ballot, Proposal, Vote
from virtual_agora.voting.ballots import shuffled
from virtual_agora.voting.rules import verdicts
from virtual_agora.voting.tally import order_with, tally

__all__ = ["AgendaNodes", "last_closed", "next_ballot", "standing"]


class AgendaNodes(FlowNode):
    """From blind proposals to an agenda that the user has approved."""

    def agenda_proposal_node(self, state: State) -> Update:
        """Each participant proposes topics, blind to the others; what was approved before stands beside them."""
        asking = self.asking(state)
        replies = asking.all([member.proposal(state) for member in asking.participants()])
        proposals = [
            Proposal(agent=reply.member["id"], topics=[t.model_dump() for t in reply.value.topics])
            for reply in replies
            if reply.value is not None
        ]
        return asking.update(proposals=[*standing(state.get("agenda", [])), *proposals])

    def topic_refinement_node(self, state: State) -> Update:
        """Each sees all proposals, shuffled and unattributed, and improves its own."""
        asking = self.asking(state)
        members = asking.participants()
        everything = [proposal["topics"] for proposal in state["proposals"]]
        requests = [
            member.refinement(
                state, shuffled(everything, self.seed, "refinement", member.record["id"])
            )
            for member in members
        ]
        replies = asking.all(requests)
        refined = {
            reply.member["id"]: [topic.model_dump() for topic in reply.value.topics]
            for reply in replies
            if reply.value is not None
        }
        before = {proposal["agent"]: proposal["topics"] for proposal in state["proposals"]}
        final = before | refined
        return asking.update(proposals=[Proposal(agent=a, topics=final[a]) for a in sorted(final)])

    def collate_proposals_node(self, state: State) -> Update:
        """The moderator merges all proposals into one list without duplicates."""
        asking = self.asking(state)
        everything = [proposal["topics"] for proposal in state["proposals"]]
        closed = state.get("completed_topics", [])
        candidates = [topic for topics in everything for topic in topics]
        if everything:
            lists = shuffled(everything, self.seed, "collation")
            reply = asking.one(self.moderator(state).collation(state, lists))
            if reply.value is not None:
                candidates = [topic.model_dump() for topic in reply.value.topics]
        elif not closed:
            asking.note(
                "warning", "", "Nobody proposed a usable topic: the theme itself is the agenda."
            )
            candidates = [{"title": " ".join(state["main_topic"].split())[:200], "why": ""}]
        return asking.update(candidates=_distinct(candidates, without=closed))

    def agenda_voting_node(self, state: State) -> Update:
        """A secret ballot; every voter finds the options in another order."""
        asking = self.asking(state)
        titles = [candidate["title"] for candidate in state["candidates"]]
        if len(titles) < 2:
            return {"ballots": []}
        requests = [
            member.ballot(state, shuffled(titles, self.seed, "ballot", member.record["id"]))
            for member in asking.participants()
        ]
        replies = asking.all(requests)
        if asking.cut_short:
            return asking.update(ballots=[])
        ballots = [
            Ballot(
                agent=reply.member["id"],
                ranking=list(reply.value.ranking) if reply.value is not None else [],
                reason=reply.value.reason if reply.value is not None else reply.reason,
            )
            for reply in replies
        ]
        number = next_ballot(state)
        votes = [
            Vote(
                ballot=number,
                kind="agenda",
                agent=ballot["agent"],
                topic=last_closed(state),
                round=0,
                choice=ballot["ranking"],
                reason=ballot["reason"],
            )
            for ballot in ballots
        ]
        return asking.update(ballots=ballots, vote_history=votes)

    def synthesize_agenda_node(self, state: State) -> Update:
        """The ballots are counted, by every rule for the record; the moderator only breaks a tie of the chosen one."""
        asking = self.asking(state)
        titles = [candidate["title"] for candidate in state["candidates"]]
        rankings = [ballot["ranking"] for ballot in state["ballots"] if ballot["ranking"]]
        count = tally(
            self.config.session.voting_rule,
            titles,
            rankings,
            abstained=len(state["ballots"]) - len(rankings),
        )
        if rankings:
            count["all_rules"] = verdicts(titles, rankings)
        tied = [title for group in count["order"] if len(group) > 1 for title in group]
        order: Sequence[str] = shuffled(tied, self.seed, "tie")
        if len(tied) > 1:
            reply = asking.one(self.moderator(state).tie_break(state, order))
            count["tie_broken_by"] = "moderator" if reply.value is not None else "seed"
            order = reply.value.ranking if reply.value is not None else order
        return asking.update(tally=dict(count), proposed_agenda=order_with(count, order))

    def agenda_approval_node(self, state: State) -> Update:
        """✋ The user approves, edits, reorders or rejects."""
        proposed: list[str] = state["proposed_agenda"]
        left = self.config.session.agenda_rejections - state.get("agenda_rejections", 0)
        answer = self.ask_human(hitl.agenda_approval(proposed, state["tally"], max(0, left)))
        if answer["action"] == "reject":
            why = answer["reason"] or "no reason was given."
            return {
                "notices": [decision(state, f"rejected the proposed agenda: {why}")],
                "agenda_rejections": state.get("agenda_rejections", 0) + 1,
                "rejection_reason": answer["reason"],
                "decision": "reject",
            }
        match answer["action"]:
            case "edit":
                agenda = answer["agenda"]
            case "reorder":
                agenda = [proposed[number - 1] for number in answer["order"]]
            case _:
                agenda = proposed
        closed = set(state.get("completed_topics", []))
        changed = [] if agenda == proposed else [decision(state, "changed the proposed agenda.")]
        return {
            "notices": changed,
            "agenda": [title for title in agenda if title not in closed],
            "proposals": [],
            "candidates": [],
            "ballots": [],
            "rejection_reason": "",
            "decision": "",
        }


def standing(agenda: Sequence[str]) -> list[Proposal]:
    """The topics already on the agenda, as a proposal among the others."""
    topics = [{"title": title, "why": "on the agenda"} for title in agenda]
    return [Proposal(agent="moderator", topics=topics)] if topics else []


def last_closed(state: State) -> str:
    """The topic closed last; empty before the first."""
    closed: list[str] = state.get("completed_topics", [])
    return closed[-1] if closed else ""


def next_ballot(state: State) -> int:
    """The number of the next occasion on which votes are cast."""
    votes = state.get("vote_history", [])
    return votes[-1]["ballot"] + 1 if votes else 1


def _distinct(topics: Iterable[dict[str, str]], *, without: Iterable[str]) -> list[dict[str, str]]:
    seen = {title.casefold() for title in without}
    kept = []
    for topic in topics:
        if topic["title"].casefold() not in seen:
            seen.add(topic["title"].casefold())
            kept.append(topic)
    return kept
