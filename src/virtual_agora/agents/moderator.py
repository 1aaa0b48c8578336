"""The moderator: merges proposals and breaks ties; never has an opinion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from virtual_agora.agents.answers import BallotAnswer, Collation, ballot_form
from virtual_agora.agents.context import options
from virtual_agora.agents.member import Member, Request
from virtual_agora.agents.participant import proposals_text

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
