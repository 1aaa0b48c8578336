"""Ballots, polls and what they gave, as a session keeps them."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from virtual_agora.state.usage import Count

__all__ = ["Ballot", "Poll", "Tally", "Verdict", "Verdicts", "Vote"]


class Ballot(TypedDict):
    """One participant's secret ranking, best first; empty: abstained."""

    agent: str
    ranking: list[str]
    reason: str


class Verdict(TypedDict):
    """What these voting rules put first on the same ballots; several options: they leave them tied."""

    first: list[str]
    rules: list[str]


class Verdicts(TypedDict):
    """What all voting rules make of the same ballots, each rule once. They `agree` if there is but one verdict.

    A rule with too many ties on the way to follow them all is not among the `verdicts` but `unsettled`: what it puts
    first is among the options named, of which there are several. Missing when every rule came to an end.
    """

    verdicts: list[Verdict]
    agree: bool
    unsettled: NotRequired[list[Verdict]]


class Tally(TypedDict):
    """How the ballots on the agenda were counted. `order` has the best group first; a group of more than one is a tie.

    `scores` are those of `rule`, higher is better. `tie_broken_by` is empty, `moderator`, or `seed` where the
    moderator could not be asked. `all_rules` is missing without ballots, and in sessions of releases that
    counted by one rule.
    """

    rule: str
    scores: dict[str, float]
    order: list[list[str]]
    ballots: Count
    abstained: Count
    tie_broken_by: Literal["", "moderator", "seed"]
    all_rules: NotRequired[Verdicts]


class Poll(TypedDict, total=False):
    """A yes/no poll, counted, and how many had to say yes. Empty: nobody was polled on the topic so far."""

    yes: Count
    no: Count
    abstained: Count
    needed: Count


class Vote(TypedDict):
    """A ballot or a poll answer, as it is kept for good.

    `kind` is `agenda`, `conclude_topic` or `end_session`. `topic` is the one it is about; for the other two kinds
    the one that was closed last, empty before the first. `choice` is the ranking, or `["yes"]` or `["no"]`;
    empty: abstained, and `reason` says why. `ballot` counts the occasions, so that votes cast together share it.
    """

    ballot: Annotated[int, Field(ge=1)]
    kind: Literal["agenda", "conclude_topic", "end_session"]
    agent: str
    topic: str
    round: Count
    choice: list[str]
    reason: str
