"""`transcript.md`: what was said and voted, in order, and what the user decided."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby

from virtual_agora.citations import citable
from virtual_agora.reports.facts import (
    State,
    amount,
    between_topics,
    conclusion,
    decisions_between,
    digests_after,
    last_poll,
    last_words,
    names,
    notices_on,
    poll_words,
    topics,
)
from virtual_agora.reports.markdown import inline, table
from virtual_agora.reports.positions import speaker
from virtual_agora.reports.traces import traced
from virtual_agora.reports.verdicts import other_rules
from virtual_agora.reports.words import join, notice_lines, stamp, stance_words, theme
from virtual_agora.state.schema import Message, Moment, Notice, Position, Vote

__all__ = ["transcript"]

STANDS: dict[Moment, str] = {
    "before": "Where they stood before the first round",
    "single_model": "What one model said by itself",
    "round": "Where they stood after round {round}",
    "after": "Where they stood at the end",
    "control": "Where they would have stood after thinking alone",
}
"""The moments at which positions are taken."""


def transcript(state: State) -> str:
    """The whole session as one text, but for the proposals, which a state does not keep.

    Each message has its id as an anchor.
    """
    votes, decisions = between_topics(state), decisions_between(state)
    parts = [
        "# Transcript",
        *stamp(state),
        f"The deliberation on **{theme(state)}**. See the [overview](index.md).",
    ]
    if 0 in votes or 0 in decisions:
        parts += ["## The agenda", *_between(state, votes.get(0, []), decisions.get(0, []))]
    for number, topic in enumerate(topics(state), start=1):
        parts += _topic(state, number, topic)
        if number in votes or number in decisions:
            between = _between(state, votes.get(number, []), decisions.get(number, []))
            parts += [f"## After topic {number}", *between]
    if elsewhere := decisions.get(-1):
        parts += ["## Decided between topics", *notice_lines(elsewhere)]
    return join(parts)


def _between(
    state: State, occasions: Sequence[Sequence[Vote]], decisions: Sequence[Notice]
) -> list[str]:
    parts = _ballots(state, occasions)
    return [*parts, "### Decided", *notice_lines(decisions)] if decisions else parts


def _topic(state: State, number: int, topic: str) -> list[str]:
    parts = [f'## <a id="topic-{number}"></a>Topic {number}: {inline(topic)}']
    known = citable(state.get("messages", []), topic)
    said = [m for m in state.get("messages", []) if m["topic"] == topic]
    decided = [notice for notice in notices_on(state, topic) if notice["kind"] == "user"]
    parts += _positions(state, topic, "before", "single_model")
    spoken = [m for m in said if m["kind"] != "final_words"]
    for round_number, messages in groupby(spoken, key=lambda m: m["round"]):
        parts.append(f"### Round {round_number}")
        for message in messages:
            parts += _message(message, known)
        parts += _round_end(state, topic, round_number, known)
        if made := [notice for notice in decided if notice["round"] == round_number]:
            parts += ["#### Decided", *notice_lines(made)]
            decided = [notice for notice in decided if notice not in made]
    how = conclusion(state, topic)
    parts += ["### The end of the topic", f"{how[0].upper()}{how[1:]}."]
    parts += notice_lines(decided)
    for message in last_words(state, topic):
        parts += _message(message, known)
    return parts + _positions(state, topic, "after", "control")


def _positions(state: State, topic: str, *moments: Moment, round: int | None = None) -> list[str]:
    """Where the participants stood at these moments, if positions were taken; after a `round`, in that one."""
    parts = []
    for moment in moments:
        taken = [
            position
            for position in state.get("positions", [])
            if (position["topic"], position["moment"]) == (topic, moment)
            and round in (None, position["round"])
        ]
        if taken:
            parts += [f"### {STANDS[moment].format(round=round)}", _stands(state, taken)]
    return parts


def _stands(state: State, taken: Sequence[Position]) -> str:
    """Positions as a table, with links to the turns that moved somebody."""
    who = names(state)
    moved = any(position["moved_by"] for position in taken)
    header = ["Participant", "Stance", "Sure", "Position", "Reasons"]
    rows = []
    for position in taken:
        alone = position["moment"] == "single_model"
        turns = ", ".join(f"[{id_}](#{id_})" for id_ in position["moved_by"])
        rows.append(
            [
                "*one model*" if alone else inline(who[position["agent"]]),
                stance_words(position["stance"]),
                f"{position['confidence']} %",
                inline(position["position"]),
                "; ".join(map(inline, position["reasons"])) or "–",
                *([turns or "–"] if moved else []),
            ]
        )
    return table([*header, *(["Moved by"] if moved else [])], rows)


def _message(message: Message, known: Collection[str]) -> list[str]:
    id_ = message["id"]
    return [
        f'#### <a id="{id_}"></a>{speaker(message)} ({id_})',
        traced(message["content"], under=4, known=known, claiming=False),
    ]


def _round_end(state: State, topic: str, number: int, known: Collection[str]) -> list[str]:
    parts = []
    for summary in state.get("round_summaries", []):
        if (summary["topic"], summary["round"]) == (topic, number) and summary["text"]:
            text = traced(summary["text"], under=4, known=known, claiming=False)
            parts += [f"#### Summary of round {number}", text]
    for title, told in digests_after(state, topic, number):
        parts += [f"#### {title}", traced(told, under=4, known=known, claiming=False)]
    parts += _positions(state, topic, "round", round=number)
    votes = [
        vote
        for vote in state.get("vote_history", [])
        if (vote["kind"], vote["topic"], vote["round"]) == ("conclude_topic", topic, number)
    ]
    if votes:
        parts += [
            f"#### Poll: close the topic? {poll_words(votes)}",
            _votes(state, votes, "Answer"),
        ]
    return parts


def _ballots(state: State, occasions: Sequence[Sequence[Vote]]) -> list[str]:
    parts = []
    for votes in occasions:
        if votes[0]["kind"] == "end_session":
            title = f"### Poll: end the session? {poll_words(votes)}"
            parts += [title, _votes(state, votes, "Answer")]
        else:
            options = sorted({option for vote in votes for option in vote["choice"]})
            parts += [
                f"### Ballot on the agenda, {amount(len(votes), 'vote')}",
                "\n".join(f"{n}. {inline(option)}" for n, option in enumerate(options, start=1)),
                _votes(state, votes, "Ranking, best first", options),
                *_outcome(state, votes, options),
            ]
    return parts


def _outcome(state: State, votes: Sequence[Vote], options: Sequence[str]) -> list[str]:
    """The agenda that a ballot gave; only that of the latest is kept."""
    proposed = state.get("proposed_agenda", [])
    if votes != last_poll(state, "agenda") or sorted(proposed) != options:
        return []
    order = [f"{number}. {inline(title)}" for number, title in enumerate(proposed, start=1)]
    return [
        "The agenda that was proposed to the user:",
        "\n".join(order),
        *other_rules(state.get("tally", {})),
    ]


def _votes(
    state: State, votes: Sequence[Vote], choice: str, options: Sequence[str] | None = None
) -> str:
    """The votes as a table; choices among numbered `options` are shown by their numbers."""
    who = names(state)
    rows = []
    for vote in votes:
        chosen = [str(options.index(c) + 1) if options else inline(c) for c in vote["choice"]]
        said = ", ".join(chosen) or "*abstained*"
        rows.append([inline(who[vote["agent"]]), said, inline(vote["reason"]) or "–"])
    return table(["Participant", choice, "Reason"], rows)
