"""What is told of a topic's earlier rounds: the latest summaries whole, and one digest of those before them.

So a prompt stays as long as it is, however many rounds were held. The summaries themselves stay whole in the state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from virtual_agora.agents.lengths import first_sentence, fitted, shortened
from virtual_agora.state.schema import Digest, RoundSummary

__all__ = ["DIGEST_WORDS", "LONGEST", "due", "stand_in", "told"]

SUMMARIES = 12_000
"""Characters of summaries above which the older ones are condensed: about a dozen of the length asked for."""

KEPT = 4_000
"""Characters of the latest summaries that stay whole then. So many are condensed together, and seldom, because
every new digest ends what providers have cached of the prompts so far."""

DIGEST_WORDS = 400
"""The most words that a digest is asked to have."""

LONGEST = 5_000
"""Characters of one summary or digest that a prompt shows: more than is asked for in any language."""

_TAGS = 40
"""Characters that the tags around a summary take."""


def told(state: Mapping[str, Any], topic: str) -> tuple[Digest | None, list[RoundSummary]]:
    """The digest of a topic that holds, if there is one, and the summaries of the rounds after those it stands for."""
    made: list[Digest] = state.get("digests", [])
    digest = next((digest for digest in reversed(made) if digest["topic"] == topic), None)
    condensed = digest["condensed"] if digest else 0
    summaries: list[RoundSummary] = state.get("round_summaries", [])
    return digest, [s for s in summaries if s["topic"] == topic and s["round"] > condensed]


def due(state: Mapping[str, Any], topic: str) -> list[RoundSummary]:
    """The summaries to be condensed, with the digest that holds, into the next one; none while there is room."""
    _, summaries = told(state, topic)
    lengths = [min(len(summary["text"]), LONGEST) + _TAGS for summary in summaries]
    if sum(lengths) <= SUMMARIES:
        return []
    kept = next(at for at in range(len(lengths) + 1) if sum(lengths[at:]) <= KEPT)
    return summaries[:kept]


def stand_in(state: Mapping[str, Any], topic: str, summaries: Sequence[RoundSummary]) -> str:
    """A digest without a summarizer: the one that holds, and of each of the summaries the first sentence."""
    digest, _ = told(state, topic)
    before = shortened(digest["text"], LONGEST // 2) if digest else ""
    sentences = [first_sentence(summary["text"]) for summary in summaries]
    added = " ".join(fitted(sentences, LONGEST // 3))
    note = (
        f"[Of rounds {summaries[0]['round']} to {summaries[-1]['round']}, which could not be condensed, only the first "
        "sentence of each summary:]"
    )
    return "\n\n".join(part for part in (before, note, added) if part)
