"""The measures of a session: how they are called and of what type they are. `docs/measures.md` defines each.

None always means that there was nothing to measure, never zero.
"""

from __future__ import annotations

from typing_extensions import TypedDict

__all__ = [
    "AgendaMeasures",
    "Agreement",
    "Influence",
    "Measures",
    "Minority",
    "Participation",
    "Shift",
    "Sides",
    "TopicMeasures",
]


class AgendaMeasures(TypedDict):
    """The latest ballot on the agenda.

    `winner_margin` is how many more of the ballots, as a share, put the winner before its strongest rival than the
    other way round (−1 to 1; 0 also where the rule leaves the first place tied); `kendall_tau` the mean of Kendall's tau
    over all pairs of ballots (−1 to 1); `rule_agreement` the share of the other voting rules that put first what the
    chosen one does (0 to 1), those left out that the ballots hold too many ties to follow.
    """

    winner_margin: float | None
    kendall_tau: float | None
    rule_agreement: float | None


class Agreement(TypedDict):
    """How far the participants agreed when `round` rounds had been held (0: before the first); each 0 to 1.

    By their `stances` (Leik's consensus), by the larger side of the `poll` on concluding the topic, and by `words`: how
    many words their statements of the round share, which is likeness of wording and not agreement.
    """

    round: int
    stances: float | None
    words: float | None
    poll: float | None


class Shift(TypedDict):
    """Where one participant stood before and after, and would stand without the discussion.

    Stances are from −3 to 3, confidence in percent; `rewording` is how far the words of position and reasons changed,
    0 to 1.
    """

    agent: str
    before: int | None
    after: int | None
    control: int | None
    confidence_before: int | None
    confidence_after: int | None
    rewording: float | None


class Influence(TypedDict):
    """`speaker` moved `agent`: the latter names `turns` of the former as what changed or shaped its position.

    Both are ids; the user's is `user`.
    """

    speaker: str
    agent: str
    turns: list[str]


class Sides(TypedDict):
    """How many were for what is proposed, against it, and undecided (stance 0 or none)."""

    support: int
    oppose: int
    undecided: int


class Participation(TypedDict):
    """Who spoke how much, by the id of the speaker: turns, and words in them.

    Every participant is there, with 0 if it was silent; the user if it spoke. `balance` is about the participants: 1 if
    all wrote equally many words, 0 if only one wrote.
    """

    turns: dict[str, int]
    words: dict[str, int]
    balance: float | None


class Minority(TypedDict):
    """Those who voted against closing the topic, or, where nobody did, the smaller closing side; what became of their turns.

    The poll is about the procedure: who wants to go on need not be of the minority on the matter itself.
    `survival` is the share of their `turns` that the topic's report or the final report cites; None also where these
    reports cite nothing at all.
    """

    agents: list[str]
    turns: list[str]
    cited: list[str]
    survival: float | None


class TopicMeasures(TypedDict):
    """One topic. Shifts are means over the participants, in points of the scale from −3 to 3.

    `opinion_shift` and `control_shift` have a sign, so that moves to opposite sides cancel; `net_shift` is the former less
    the latter, over those with both. `gross_shift` and `gross_control_shift` are the same without a sign: how far one moved,
    wherever to. `toward_majority` is the share of those who moved that moved toward the mean of the others' opening
    stances; `collapse` the round from which on nobody was against what another was for; `diversity` the mean distance in words
    between the opening positions, 0 to 1; `drift` by round the share of the turns in which no word of theme or topic
    occurs, 0 to 1.
    """

    topic: str
    agreement: list[Agreement]
    collapse: int | None
    shifts: list[Shift]
    opinion_shift: float | None
    gross_shift: float | None
    control_shift: float | None
    gross_control_shift: float | None
    net_shift: float | None
    toward_majority: float | None
    influence: list[Influence]
    diversity: float | None
    drift: list[float | None]
    participation: Participation
    minority: Minority
    vote_only: Sides | None
    decided: Sides | None
    single_model: int | None


class Measures(TypedDict):
    """A whole session.

    `retained_turns` are the turns that any report cites, `tokens_per_retained_turn` all tokens of the session divided
    by their number; `claims` counts the paragraphs, list items and rows of tables in reports and summaries of topics,
    `unsupported_claims` those of them that cite no turn there is.
    """

    agenda: AgendaMeasures
    topics: list[TopicMeasures]
    participation: Participation
    retained_turns: list[str]
    tokens_per_retained_turn: float | None
    claims: int
    unsupported_claims: int
