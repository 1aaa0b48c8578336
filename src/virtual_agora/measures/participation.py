"""Who spoke how much."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from math import log

from virtual_agora.measures.model import Participation
from virtual_agora.measures.text import words
from virtual_agora.state.schema import Message

__all__ = ["evenness", "participation"]


def participation(messages: Iterable[Message], panel: Sequence[str]) -> Participation:
    """Turns and words by speaker; the balance is that of the participants' words."""
    turns, written = dict.fromkeys(panel, 0), dict.fromkeys(panel, 0)
    for message in messages:
        speaker = message["agent"]
        turns[speaker] = turns.get(speaker, 0) + 1
        written[speaker] = written.get(speaker, 0) + len(words(message["content"]))
    balance = evenness([written[agent] for agent in panel])
    return Participation(turns=turns, words=written, balance=balance)


def evenness(amounts: Collection[int]) -> float | None:
    """Shannon's entropy of the shares over the largest there can be, 0 to 1; None with fewer than two, or nothing to share.

    Evenness J' = H' / ln S: Pielou, “The measurement of diversity in different types of biological collections”, 1966.
    """
    total = sum(amounts)
    if not total or len(amounts) < 2:
        return None
    shares = [amount / total for amount in amounts if amount]
    # Rounding may lead a hair beyond the ends.
    return min(1.0, max(0.0, -sum(share * log(share) for share in shares) / log(len(amounts))))
