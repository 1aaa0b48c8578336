"""The moderator: merges proposals and breaks ties; never has an opinion. Its model can also be asked for one, as a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from virtual_agora.agents.answers import BallotAnswer, Collation, PositionAnswer, ballot_form
from virtual_agora.agents.context import fence, join, options, shared_context, undiscussed
from virtual_agora.agents.member import Member, Request
from virtual_agora.agents.participant import proposals_text
from virtual_agora.providers.calls import ModelRequest

__all__ = ["Moderator"]

State = Mapping[str, Any]


class Moderator(Member):
    """A member without an opinion."""

    def collation(
        self, state: State, proposals: Sequence[Sequence[Mapping[str, str]]]
    ) -> Request[Collation]:
        """All proposals as one list without duplicates."""
        return self.request("collation", Collation, state, proposals_text(proposals))

    def tie_break(self, state: State, tied: Sequence[str]) -> Request[BallotAnswer]:
        """An order for topics that the ballots left tied."""
        return self.request("tie_break", ballot_form(tied), state, options(tied))

    def single_model(self, state: State, topic: str) -> Request[PositionAnswer]:
        """What its model says by itself: no assembly, no persona, no role, nothing of any discussion."""
        prompt = join(
            [
                shared_context(undiscussed(state), topic=topic),
                fence("task", self.prompts.fill("single_model"), name="single_model"),
            ]
        )
        call = ModelRequest(
            task="single_model",
            system=self.prompts.fill("single_model_system"),
            prompt=prompt,
            schema=PositionAnswer,
            topic=topic,
            round=0,
        )
        return Request(self.record, call, PositionAnswer)
