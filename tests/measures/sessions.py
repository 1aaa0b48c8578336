"""States of sessions, made by hand from the little that a test is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TOPIC = "Sunday opening"


def session(
    people: Sequence[str],
    *,
    said: Iterable[tuple[str, int, str]] = (),
    stances: Mapping[tuple[str, int], Mapping[str, int | None]] | None = None,
    texts: Mapping[tuple[str, str], str] | None = None,
    moved_by: Mapping[str, list[str]] | None = None,
    ballots: Mapping[str, list[str]] | None = None,
    polls: Sequence[tuple[int, Mapping[str, list[str]]]] = (),
    topic_report: str = "",
    final_report: str = "",
    closed: bool = True,
) -> dict[str, Any]:
    """A session on one topic.

    `said` has speaker, round and text (round 0: final words); `stances` are by moment and round, then by speaker;
    `texts` by speaker and moment; `ballots` and `polls` by speaker.
    """
    rounds = max((number for _, number, _ in said), default=0)
    reports = [(TOPIC, topic_report), ("", final_report)]
    votes = [("agenda", 0, ballots or {}), *(("conclude_topic", *poll) for poll in polls)]
    return {
        "main_topic": "Should the town library open on Sundays?",
        "config": {"session": {"voting_rule": "borda"}},
        "agents": [
            *({"id": name, "role": "participant"} for name in people),
            {"id": "moderator", "role": "moderator"},
        ],
        "completed_topics": [TOPIC] if closed else [],
        "current_topic": "" if closed else TOPIC,
        "messages": [
            {
                "id": f"m{number:04}",
                "agent": speaker,
                "kind": "user" if speaker == "user" else "statement" if at else "final_words",
                "topic": TOPIC,
                "round": at or rounds,
                "content": text,
            }
            for number, (speaker, at, text) in enumerate(said, start=1)
        ],
        "positions": [
            {
                "agent": name,
                "topic": TOPIC,
                "moment": moment,
                "round": at,
                "stance": stance,
                "confidence": 60,
                "position": (texts or {}).get((name, moment), "open on Sundays"),
                "reasons": [],
                "moved_by": (moved_by or {}).get(name, []) if moment in ("round", "after") else [],
            }
            for (moment, at), by_name in (stances or {}).items()
            for name, stance in by_name.items()
        ],
        "vote_history": [
            {
                "ballot": number,
                "kind": kind,
                "agent": name,
                "topic": "" if kind == "agenda" else TOPIC,
                "round": at,
                "choice": choice,
            }
            for number, (kind, at, choices) in enumerate(votes, start=1)
            for name, choice in choices.items()
        ],
        "reports": [
            {"topic": topic, "title": topic, "sections": [{"title": "The answer", "text": text}]}
            for topic, text in reports
            if text
        ],
        "usage": {"a model": {"input_tokens": 900, "output_tokens": 100}},
    }
