"""The whole transcript: what was said and voted, in order, and what the user decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from virtual_agora.citations import cited
from virtual_agora.reports.facts import (
    State,
    between_topics,
    conclusion,
    decisions_between,
    digests_after,
    last_words,
    names,
    notices_on,
    poll_words,
    report_on,
    topics,
)
from virtual_agora.reports.html.prose import Turn, Turns, citable, inline, plain, prose
from virtual_agora.state.schema import Message, Notice, Vote

__all__ = ["Chapter", "Entry", "transcript_of", "turns_of"]

LONGEST_TITLE = 200
LONGEST_NOTICE = 400
MOST_CHOICES = 12


@dataclass(frozen=True, slots=True)
class Ballot:
    """One voter's answer and reason."""

    name: str
    choice: str
    reason: Markup


@dataclass(frozen=True, slots=True)
class Entry:
    """A part of a chapter: a `heading`, a `turn`, a `summary`, a `note` or a `vote`; it has what its kind needs."""

    kind: str
    title: str = ""
    text: Markup | None = None
    turn: Turn | None = None
    told: bool = False
    cited_in: Sequence[tuple[str, str]] = ()
    ballots: Sequence[Ballot] = ()


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the transcript that can be folded."""

    anchor: str
    title: str
    note: str
    entries: Sequence[Entry]


def turns_of(state: State) -> dict[str, Turn]:
    """Everything said, by id."""
    return {
        message["id"]: Turn(
            id=message["id"],
            topic=message["topic"],
            number=int(message["id"][1:]),
            speaker="You" if message["agent"] == "user" else plain(message["speaker"]),
            when="last words" if message["kind"] == "final_words" else f"round {message['round']}",
        )
        for message in state.get("messages", [])
    }


def transcript_of(state: State, turns: Turns) -> list[Chapter]:
    """The session from the first ballot to the last word, but for the proposals, which a state does not keep."""
    votes, decisions = between_topics(state), decisions_between(state)
    citing = _citing(state, turns)
    chapters = []

    def between(number: int, title: str) -> None:
        entries = [_vote(state, occasion, turns) for occasion in votes.get(number, [])]
        entries += _notes(decisions.get(number, []))
        if entries:
            chapters.append(Chapter(f"between-{number}", title, "", entries))

    between(0, "The agenda")
    for number, topic in enumerate(topics(state), start=1):
        entries = _topic(state, topic, turns, citing)
        said = sum(entry.turn is not None for entry in entries)
        title = f"Topic {number}: {plain(topic, LONGEST_TITLE)}"
        chapters.append(Chapter(f"said-{number}", title, f"{said} turns", entries))
        between(number, f"After topic {number}")
    between(-1, "Decided between topics")
    return chapters


def _citing(state: State, turns: Turns) -> Mapping[str, list[tuple[str, str]]]:
    """For each turn the sections that cite it, as anchor and title."""
    found: dict[str, list[tuple[str, str]]] = {}
    prefixes = [("", "final"), *((t, f"topic-{n}-part") for n, t in enumerate(topics(state), 1))]
    for topic, prefix in prefixes:
        report, there = report_on(state, topic), citable(turns, topic)
        for at, section in enumerate(report["sections"] if report else (), start=1):
            for id_ in filter(there.__contains__, cited(section["text"])):
                title = plain(section["title"], 60) or f"Part {at}"
                found.setdefault(id_, []).append((f"{prefix}-{at}", title))
    return found


def _topic(
    state: State, topic: str, turns: Turns, citing: Mapping[str, list[tuple[str, str]]]
) -> list[Entry]:
    said = [m for m in state.get("messages", []) if m["topic"] == topic]
    decided = [n for n in notices_on(state, topic) if n["kind"] == "user"]
    entries = []
    for number, messages in groupby(
        (m for m in said if m["kind"] != "final_words"), key=lambda m: m["round"]
    ):
        entries.append(Entry("heading", f"Round {number}"))
        entries += [_turn(message, turns, citing) for message in messages]
        entries += _round_end(state, topic, number, turns)
        entries += _notes([n for n in decided if n["round"] == number])
        decided = [n for n in decided if n["round"] != number]
    how = conclusion(state, topic)
    entries.append(Entry("heading", f"{how[0].upper()}{how[1:]}"))
    entries += _notes(decided)
    entries += [_turn(message, turns, citing) for message in last_words(state, topic)]
    return entries


def _turn(message: Message, turns: Turns, citing: Mapping[str, list[tuple[str, str]]]) -> Entry:
    return Entry(
        "turn",
        turn=turns[message["id"]],
        text=prose(message["content"], turns, under=5),
        told=message.get("dissenter", False),
        cited_in=citing.get(message["id"], ()),
    )


def _round_end(state: State, topic: str, number: int, turns: Turns) -> list[Entry]:
    entries = [
        Entry("summary", f"Summary of round {number}", prose(summary["text"], turns, under=5))
        for summary in state.get("round_summaries", [])
        if (summary["topic"], summary["round"]) == (topic, number) and summary["text"]
    ]
    entries += [
        Entry("summary", title, prose(told, turns, under=5))
        for title, told in digests_after(state, topic, number)
    ]
    votes = [
        vote
        for vote in state.get("vote_history", [])
        if (vote["kind"], vote["topic"], vote["round"]) == ("conclude_topic", topic, number)
    ]
    return [*entries, _vote(state, votes, turns)] if votes else entries


def _notes(notices: Sequence[Notice]) -> list[Entry]:
    return [Entry("note", plain(notice["text"], LONGEST_NOTICE)) for notice in notices]


def _vote(state: State, votes: Sequence[Vote], turns: Turns) -> Entry:
    who, there = names(state), citable(turns, votes[0]["topic"])
    kind = votes[0]["kind"]
    title = {
        "agenda": "Ballot on the agenda",
        "end_session": f"Poll: end the session? {poll_words(votes)}",
        "conclude_topic": f"Poll: close the topic? {poll_words(votes)}",
    }[kind]
    ballots = [
        Ballot(plain(who[vote["agent"]]), _choice(vote["choice"]), inline(vote["reason"], there))
        for vote in votes
    ]
    return Entry("vote", title, ballots=ballots)


def _choice(choice: Sequence[str]) -> str:
    if not choice:
        return "abstained"
    shown = [plain(title, LONGEST_TITLE) for title in choice[:MOST_CHOICES]]
    if len(choice) == 1:
        return shown[0]
    ranked = "; ".join(f"{place}. {title}" for place, title in enumerate(shown, start=1))
    more = len(choice) - len(shown)
    return f"{ranked}; and {more} more" if more else ranked
