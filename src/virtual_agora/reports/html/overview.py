"""The first screen: the question, the answer, how it was decided, and what a reader must know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from virtual_agora.measures.model import Measures
from virtual_agora.reports.facts import (
    State,
    amount,
    before_discussion,
    last_poll,
    participants,
    poll_words,
    summary_of,
    topics,
)
from virtual_agora.reports.html.agenda import rules_said
from virtual_agora.reports.html.knowing import Remark, must_know
from virtual_agora.reports.html.prose import Turns, plain, prose
from virtual_agora.reports.html.topics import Section, sections
from virtual_agora.reports.verdicts import rule_name
from virtual_agora.state.demo import demo_stamp

__all__ = ["Overview", "overview_of"]

LONGEST_THEME = 160

CLOSED = {
    "vote": "by vote of the participants",
    "user": "by the user",
    "max_rounds": "because the last round allowed had been held",
    "budget": "because the budget was used up",
}


@dataclass(frozen=True, slots=True)
class Overview:
    """What comes first. `whole_theme` is there if the heading had to be shortened."""

    theme: str
    whole_theme: Markup | None
    stamp: str
    begun: str
    session: str
    parts: Sequence[Section]
    decided: str
    know: Sequence[Remark]
    documents: str


def overview_of(state: State, measures: Measures, turns: Turns) -> Overview:
    """The first screen."""
    whole = plain(state["main_topic"])
    theme = plain(whole, LONGEST_THEME)
    documents = [
        f"{plain(d['name'])} (about {d['tokens']:,} tokens)"
        for d in state.get("context_documents", [])
    ]
    return Overview(
        theme=theme,
        whole_theme=prose(state["main_topic"], turns, under=2) if theme != whole else None,
        stamp=demo_stamp(state),
        begun=f"{datetime.fromisoformat(state['start_time']):%Y-%m-%d %H:%M} UTC",
        session=plain(state["session_id"]),
        parts=sections(state, "", turns, "final", under=2),
        decided=_decided(state),
        know=must_know(state),
        documents=", ".join(documents),
    )


def _decided(state: State) -> str:
    """In a sentence or two: who chose the topics, how long they were discussed, and who closed them."""
    closed = topics(state)
    rounds = sum(summary["rounds"] for summary in state.get("topic_summaries", []))
    said = amount(len(participants(state)), "participant")
    tally, so_far = state.get("tally"), before_discussion(state)
    ballot = f"by secret ballot (by the rule “{rule_name(tally['rule'])}”)" if tally else ""
    if so_far:
        said = f"{said} voted on the agenda {ballot}" if ballot else f"The panel has {said}"
    else:
        said += f" chose the agenda {ballot} and" if ballot else ""
        said += f" deliberated on {amount(len(closed), 'topic')} in {amount(rounds, 'round')}"
    sentences = [f"{said}.", so_far, _closed(state, closed), rules_said(state)]
    if poll := last_poll(state, "end_session"):
        sentences.append(f"The last poll on ending the session: {poll_words(poll)}.")
    if left := state.get("agenda", []):
        what = "left undiscussed" if state.get("status") == "complete" else "still on the agenda"
        sentences.append(
            f"{amount(len(left), 'topic')} {'is' if len(left) == 1 else 'are'} {what}."
        )
    return " ".join(filter(None, sentences))


def _closed(state: State, closed: Sequence[str]) -> str:
    causes = [s["concluded_by"] for topic in closed if (s := summary_of(state, topic))]
    if not causes:
        return ""
    if len(set(causes)) == 1:
        what = {1: "The topic was", 2: "Both topics were"}.get(len(causes), "All topics were")
        return f"{what} closed {CLOSED[causes[0]]}."
    ways = [f"{causes.count(c)} {words}" for c, words in CLOSED.items() if c in causes]
    return f"Topics closed: {_and(ways)}."


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
