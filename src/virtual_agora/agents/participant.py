"""A participant: proposes, debates and votes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from virtual_agora.agents.answers import (
    BallotAnswer,
    ModificationAnswer,
    MovedPositionAnswer,
    PollAnswer,
    PositionAnswer,
    Proposals,
    ballot_form,
    modification_form,
)
from virtual_agora.agents.context import (
    fence,
    join,
    listed,
    live_round,
    options,
    own_position,
    undiscussed,
)
from virtual_agora.agents.member import Member, Request
from virtual_agora.state.schema import Message, Position

__all__ = ["Participant", "proposals_text"]

State = Mapping[str, Any]


class Participant(Member):
    """A member with an opinion."""

    def proposal(self, state: State) -> Request[Proposals]:
        """Topics for the agenda, blind to the others' proposals."""
        return self.request("proposal", Proposals, state, _rejection(state))

    def refinement(
        self, state: State, proposals: Sequence[Sequence[Mapping[str, str]]]
    ) -> Request[Proposals]:
        """Its own proposals again, having seen everybody's, shuffled and unattributed."""
        return self.request(
            "refinement", Proposals, state, proposals_text(proposals), _rejection(state)
        )

    def ballot(self, state: State, titles: Sequence[str]) -> Request[BallotAnswer]:
        """A secret ranking of `titles`, which come in this voter's own order."""
        return self.request("ballot", ballot_form(titles), state, options(titles))

    def opening_position(self, state: State, topic: str) -> Request[PositionAnswer]:
        """Where it stands before anybody has spoken, blind to where the others do."""
        return self.request("opening_position", PositionAnswer, state, topic=topic)

    def round_position(
        self, state: State, topic: str, round: int, heard: Sequence[Message]
    ) -> Request[MovedPositionAnswer]:
        """Where it stands after a round of which it has `heard` everything."""
        return self.request(
            "round_position",
            MovedPositionAnswer,
            state,
            live_round(heard, round, attributed=_attributed(state)),
            topic=topic,
            round=round,
            own=self._opening(state, topic),
        )

    def closing_position(
        self, state: State, topic: str, round: int
    ) -> Request[MovedPositionAnswer]:
        """Where it stands when the topic is closed; of what was said it is shown the summaries, as for the last words."""
        return self.request(
            "closing_position",
            MovedPositionAnswer,
            state,
            topic=topic,
            round=round,
            own=self._opening(state, topic),
        )

    def control_position(self, state: State, topic: str, round: int) -> Request[PositionAnswer]:
        """Where it would stand after thinking alone: nothing of any discussion is shown."""
        return self.request(
            "control_position",
            PositionAnswer,
            undiscussed(state),
            topic=topic,
            round=round,
            own=self._opening(state, topic),
        )

    def statement(
        self,
        state: State,
        topic: str,
        round: int,
        heard: Sequence[Message],
        *,
        dissenter: bool = False,
    ) -> Request[str]:
        """Its turn in a round; `heard` is what was said in it so far.

        In the first round it is reminded of its own opening position. A `dissenter` is told to argue against the
        prevailing view.
        """
        return self.request(
            "statement",
            str,
            state,
            live_round(heard, round, attributed=_attributed(state)),
            topic=topic,
            round=round,
            own=self._opening(state, topic) if round == 1 else "",
            charge="dissenter" if dissenter else "",
        )

    def poll(self, state: State, topic: str, round: int) -> Request[PollAnswer]:
        """Shall this topic be concluded?"""
        return self.request("poll", PollAnswer, state, topic=topic, round=round)

    def final_words(self, state: State, topic: str, round: int, why: str) -> Request[str]:
        """The last word on a topic; `why` says how it came to be closed."""
        return self.request("final_words", str, state, why, topic=topic, round=round)

    def session_poll(self, state: State, remaining: Sequence[str]) -> Request[PollAnswer]:
        """Shall the whole session end with `remaining` undiscussed?"""
        return self.request("session_poll", PollAnswer, state, _agenda(remaining))

    def modification(self, state: State, remaining: Sequence[str]) -> Request[ModificationAnswer]:
        """What to add to the agenda and what to take off it."""
        return self.request("modification", modification_form(remaining), state, _agenda(remaining))

    def _opening(self, state: State, topic: str) -> str:
        """Its own opening position on the topic, if it gave one."""
        mine = (self.record["id"], topic, "before")
        said: list[Position] = state.get("positions", [])
        found = (p for p in said if (p["agent"], p["topic"], p["moment"]) == mine)
        return next(map(own_position, found), "")


def proposals_text(proposals: Sequence[Sequence[Mapping[str, str]]]) -> str:
    """Members' proposals, one block for each list of topics."""
    blocks = [
        fence("proposal", listed(f"{topic['title']}: {topic['why']}" for topic in topics))
        for topics in proposals
    ]
    return f"<proposals>\n{join(blocks)}\n</proposals>"


def _attributed(state: State) -> bool:
    return bool(state["config"]["session"].get("attribution") == "shown")


def _agenda(titles: Sequence[str]) -> str:
    return fence("agenda", listed(titles) or "(nothing is left)")


def _rejection(state: State) -> str:
    if not state.get("agenda_rejections"):
        return ""
    reason = state.get("rejection_reason") or "no reason was given"
    return fence("agenda", f"The user rejected the agenda proposed before: {reason}")
