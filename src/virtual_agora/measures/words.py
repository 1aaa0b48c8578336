"""Each measure in words, for the caption beside a number. `docs/measures.md` has the same and the definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["EXPLANATIONS", "Explanation", "explain"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a measure is called, its unit and range, what it is, and how to read a value."""

    title: str
    unit: str
    meaning: str
    reading: str


def explain(name: str) -> Explanation:
    """The explanation of a measure, by its name in `Measures`; one of a part as `part.name`, such as `minority.survival`.

    Raises KeyError for another name.
    """
    return EXPLANATIONS[name]


EXPLANATIONS: Mapping[str, Explanation] = {
    "winner_margin": Explanation(
        "Winner's margin",
        "share of ballots, −1 to 1",
        "How many more ballots put the winner before its strongest rival than the other way round.",
        "1: everybody. 0: nobody was ahead. Below 0: a majority liked another topic better.",
    ),
    "kendall_tau": Explanation(
        "Likeness of the ballots",
        "Kendall's tau, −1 to 1",
        "How far two ballots rank the topics in the same order, on average over all pairs of ballots.",
        "1: all alike. 0: as if drawn by lot. Below 0: ballots contradict each other.",
    ),
    "rule_agreement": Explanation(
        "Agreement of the voting rules",
        "share of the other rules, 0 to 1",
        "How many of the other voting rules put first what the chosen rule does, on the same ballots; rules with too many ties to follow are left out.",
        "1: the choice of rule did not matter. 0: it decided.",
    ),
    "agreement.stances": Explanation(
        "Agreement",
        "0 to 1",
        "How close together the stances are: 1 less the mean distance from the median, as a share of the largest possible.",
        "1: all hold the same stance. 0: half fully for, half fully against.",
    ),
    "agreement.words": Explanation(
        "Common words",
        "0 to 1",
        "How many of their words the statements of a round share, on average over all pairs. Not agreement: opponents use the same words.",
        "0: no word in common. A rise over the rounds: they repeat or quote each other.",
    ),
    "agreement.poll": Explanation(
        "Larger side of the poll",
        "share of the votes, 0.5 to 1",
        "How many of those who voted were on the larger side of the poll on concluding the topic.",
        "1: of one mind about going on or ending. 0.5: split.",
    ),
    "collapse": Explanation(
        "End of disagreement",
        "round",
        "The round from which on nobody was against what somebody else was for.",
        "0: nobody ever was. 1 or 2: early, which calls for a look at why. None: somebody still is.",
    ),
    "shifts.rewording": Explanation(
        "Rewording",
        "0 to 1",
        "How far the words of a participant's position and reasons changed from before to after.",
        "0: the same words. 1: no content word in common. The stance may be the same.",
    ),
    "opinion_shift": Explanation(
        "Opinion shift",
        "points, −6 to 6",
        "How far the participants moved from before the discussion to after it, on average; moves to opposite sides cancel.",
        "Above 0: toward what is proposed. Below 0: away from it.",
    ),
    "gross_shift": Explanation(
        "Movement",
        "points, 0 to 6",
        "How far the participants moved on average, wherever to.",
        "0: nobody moved. Well above the opinion shift: they moved to different sides.",
    ),
    "control_shift": Explanation(
        "Shift by thinking alone",
        "points, −6 to 6",
        "How far they would have moved without the discussion, by thinking once more, on average.",
        "As the opinion shift.",
    ),
    "gross_control_shift": Explanation(
        "Movement by thinking alone",
        "points, 0 to 6",
        "How far they would have moved without the discussion, wherever to, on average.",
        "What it has of the movement, the discussion cannot claim.",
    ),
    "net_shift": Explanation(
        "Net shift",
        "points, −6 to 6",
        "The opinion shift less the shift by thinking alone: what is left for the discussion.",
        "0: they would have got there alone. One of four moving by one point already gives 0.25.",
    ),
    "toward_majority": Explanation(
        "Moved toward the others",
        "share of those who moved, 0 to 1",
        "How many of those who moved went toward the mean of the others' opening stances.",
        "1: everybody who moved went where the others were; persuasion and conformity look alike here.",
    ),
    "influence": Explanation(
        "Influence",
        "turns",
        "Whose turns a participant names as what changed or shaped its position.",
        "What they say of themselves, which need not be what moved them.",
    ),
    "diversity": Explanation(
        "Diversity of the first positions",
        "0 to 1",
        "How far apart the opening positions are in words, on average over all pairs.",
        "0: the same words. 1: none in common, which says little more than that they were written apart.",
    ),
    "drift": Explanation(
        "Drift",
        "share of the turns, 0 to 1",
        "In how many of a round's turns no word of theme or topic occurs.",
        "0: all name the subject. A rise over the rounds calls for a look; a turn may be to the point in other words.",
    ),
    "participation.balance": Explanation(
        "Balance of participation",
        "0 to 1",
        "How evenly the participants' words are spread over them.",
        "1: all wrote equally much. 0: only one wrote. Below 0.9 is uneven: of four, one silent gives 0.79.",
    ),
    "minority.survival": Explanation(
        "Cited turns of those against closing",
        "share of its turns, 0 to 1",
        "How many of the turns are cited, in the topic's report or the final one, of those who voted against closing the topic, or, where nobody did, of the smaller closing side.",
        "0: the reports cite nothing they said. Who wants to go on need not be of the minority on the matter itself. Compare with the share of all turns that are cited.",
    ),
    "vote_only": Explanation(
        "Vote only",
        "participants",
        "Which side would have won if the opening stances had been counted as votes and nothing discussed.",
        "If it is the side that won in the end, the discussion did not change the outcome.",
    ),
    "decided": Explanation(
        "After the discussion",
        "participants",
        "How many were for, against and undecided when the topic was closed.",
        "Compare with vote only.",
    ),
    "single_model": Explanation(
        "Single model",
        "stance, −3 to 3",
        "Where one model without a persona stood that was asked once and alone.",
        "If it stands where the assembly ended, the assembly may not have been needed.",
    ),
    "retained_turns": Explanation(
        "Retained turns",
        "turns",
        "The turns that any report cites.",
        "What is not among them was said for nothing, or taken up without being named.",
    ),
    "tokens_per_retained_turn": Explanation(
        "Tokens per retained turn",
        "tokens",
        "All tokens of the session, in and out, divided by the number of turns that any report cites.",
        "What an argument that made it into a report cost; lower is cheaper, not better.",
    ),
    "unsupported_claims": Explanation(
        "Claims without a turn",
        "claims",
        "How many paragraphs, list items and rows of tables in the reports and the summaries of topics cite no turn of the discussion.",
        "What they say may be so, but cannot be traced.",
    ),
}
"""By name; the order is that of `Measures`."""
