"""The files of a session's reports, as text by their names. Functions of the state, and of nothing else."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from virtual_agora.citations import citable
from virtual_agora.measures import measure
from virtual_agora.reports.data import session_json
from virtual_agora.reports.facts import (
    State,
    amount,
    conclusion,
    last_words,
    notices_on,
    report_on,
    summary_of,
    topics,
)
from virtual_agora.reports.files import slug
from virtual_agora.reports.html import html_report
from virtual_agora.reports.index import Entry, index
from virtual_agora.reports.markdown import inline
from virtual_agora.reports.positions import TRANSCRIPT, dissent, positions, speaker
from virtual_agora.reports.traces import traced
from virtual_agora.reports.transcript import transcript
from virtual_agora.reports.words import join, notice_lines, stamp, theme
from virtual_agora.state.schema import Message

__all__ = ["HTML", "final_report", "topic_page", "topic_report"]

HTML = "report.html"
"""The name of the report to look at."""

UNWRITTEN = "*This section could not be written; the index says why.*"


def topic_page(state: State, topic: str) -> dict[str, str]:
    """The report on one topic: `topics/01_<title>.md`."""
    report = report_on(state, topic)
    summary = summary_of(state, topic)
    number = topics(state).index(topic) + 1
    rounds = summary["rounds"] if summary else state.get("current_round", 0)
    parts = [
        f"# {inline(topic)}",
        *stamp(state),
        f"Topic {number} of the deliberation on **{theme(state)}**: "
        f"{amount(rounds, 'round')}, {conclusion(state, topic)}. "
        f"See the [overview](../index.md) and the [transcript](../transcript.md#topic-{number}).",
    ]
    known = citable(state.get("messages", []), topic)
    for section in report["sections"] if report else ():
        text = traced(section["text"], under=2, known=known, page=TRANSCRIPT) or UNWRITTEN
        parts += [f"## {inline(section['title'])}", text]
    parts += dissent(state, topic)
    parts += _last_words(last_words(state, topic), known, by_vote=_by_vote(state, topic))
    parts += positions(state, topic)
    if notices := notices_on(state, topic):
        parts += ["## What a reader should know", *notice_lines(notices)]
    return {_topic_file(number, topic): join(parts)}


def topic_report(state: State, topic: str) -> dict[str, str]:
    """What there is to read once a topic is closed: the report on it, and all that it leads to."""
    page = topic_page(state, topic)
    return {"index.md": _overview(state, []), **page, "transcript.md": transcript(state)}


def final_report(state: State) -> dict[str, str]:
    """Everything: the overview, the final report in numbered files, the topics, the transcript, the page, the data."""
    report = report_on(state, "")
    sections = report["sections"] if report else []
    finals = [
        Entry(section["title"], f"final/{number:02}_{slug(section['title'])}.md")
        for number, section in enumerate(sections, start=1)
    ]
    files = {"index.md": _overview(state, finals)}
    known = citable(state.get("messages", []))
    for number, section in enumerate(sections):
        text = traced(section["text"], under=1, known=known, page=TRANSCRIPT) or UNWRITTEN
        parts = [
            f"# {inline(section['title'])}",
            *stamp(state),
            f"Part {number + 1} of {len(sections)} of the final report on "
            f"**{theme(state)}**. See the [overview](../index.md).",
            text,
            *(f"Next: {following.link(above='final/')}" for following in finals[number + 1 :][:1]),
        ]
        files[finals[number].path] = join(parts)
    for topic in topics(state):
        files |= topic_page(state, topic)
    files["transcript.md"] = transcript(state)
    files[HTML] = html_report(state, measure(state))
    files["session.json"] = session_json(state)
    return files


def _overview(state: State, finals: Sequence[Entry]) -> str:
    listed = [Entry(topic, _topic_file(n, topic)) for n, topic in enumerate(topics(state), start=1)]
    return index(state, finals=finals, topics=listed)


def _topic_file(number: int, topic: str) -> str:
    return f"topics/{number:02}_{slug(topic)}.md"


def _by_vote(state: State, topic: str) -> bool:
    summary = summary_of(state, topic)
    return (summary["concluded_by"] if summary else state.get("concluded_by")) == "vote"


def _last_words(words: Sequence[Message], known: Collection[str], *, by_vote: bool) -> list[str]:
    if not words:
        return []
    parts = (
        ["### The minority's last word", "From those who voted against closing the topic."]
        if by_vote
        else [
            "## Last words",
            "From all participants, because it was not their vote that closed the topic.",
        ]
    )
    level = 4 if by_vote else 3
    for message in words:
        link = f"[{speaker(message)}]({TRANSCRIPT}#{message['id']})"
        said = traced(message["content"], under=level, known=known, page=TRANSCRIPT, claiming=False)
        parts += [f"{'#' * level} {link}", said]
    return parts
