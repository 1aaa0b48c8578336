"""Measures and positions made by hand for the session in `conftest`."""

from __future__ import annotations

from typing import Any, cast

from tests.reports.conftest import FIRST, PANEL
from virtual_agora.measures.model import Measures
from virtual_agora.state.schema import Position, VirtualAgoraState

STANCES = {"before": (-1, 2, 0, 1), "after": (2, 2, None, -2)}


def positions(topic: str) -> list[Position]:
    """Ada comes over, Bruno stays, Chen is lost on the way, Dalia turns against it."""
    return [
        Position(
            agent=agent,
            topic=topic,
            moment=cast(Any, moment),
            round=0 if moment == "before" else 3,
            stance=stance,
            confidence=40 if moment == "before" else 80,
            position=f"{name} thinks that it depends on the levy.",
            reasons=["The levy is a tax on jobs."],
            moved_by=["m0005", "m0004"] if moment == "after" else [],
            at="2026-11-22T10:00:00+00:00",
        )
        for moment, stances in STANCES.items()
        for (agent, (name, _, _)), stance in zip(PANEL.items(), stances, strict=True)
        if (agent, moment) != ("participant-3", "after")
    ]


def measured(state: VirtualAgoraState, **others: Any) -> Measures:
    """Some of the measures; the rest is not there, as it need not be."""
    said = state.get("messages", [])
    speakers = list(dict.fromkeys(message["agent"] for message in said))
    own = {a: [m for m in said if m["agent"] == a] for a in speakers}
    rounds = [(0, 0.42, None, None), (1, None, 0.31, None), (3, 0.7, 0.4, 0.75)]
    topic = {
        "topic": FIRST,
        "agreement": [
            {"round": n, "stances": stances, "words": words, "poll": poll}
            for n, stances, words, poll in rounds
        ],
        "opinion_shift": 0.0,
        "influence": [
            {"speaker": "participant-1", "agent": "participant-4", "turns": ["m0005"]},
            {"speaker": "user", "agent": "participant-1", "turns": ["m0024"]},
        ],
        "minority": {
            "agents": ["participant-4"],
            "turns": ["m0004", "m0008"],
            "cited": ["m0004"],
            "survival": 0.5,
        },
        "vote_only": {"support": 2, "oppose": 1, "undecided": 1},
        "decided": {"support": 2, "oppose": 1, "undecided": 0},
    }
    return cast(
        Measures,
        {
            "agenda": {"winner_margin": 0.5, "kendall_tau": 0.0, "rule_agreement": None},
            "topics": [topic] if FIRST in state.get("completed_topics", []) else [],
            "participation": {
                "turns": {a: len(turns) for a, turns in own.items()},
                "words": {a: sum(len(m["content"].split()) for m in t) for a, t in own.items()},
                "balance": 0.9,
            },
            "claims": 0,
            "unsupported_claims": 0,
            **others,
        },
    )
