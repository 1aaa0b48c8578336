"""Texts in a given room: what a prompt cannot hold whole is shortened, and says so."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["first_sentence", "fitted", "shortened"]

_SENTENCE = re.compile(r"[.!?…][\"'”’»)\]]*(?=\s|$)|[。！？][”’」』）]*")
_ENDS = (re.compile(r"(?=\n\s*\n)"), _SENTENCE, re.compile(r"(?=\s)"))
"""Where a text may end, best first: after a paragraph, which keeps its citations, a sentence, a word."""


def shortened(text: str, limit: int) -> str:
    """`text` in at most `limit` characters; one that is longer ends early, with a mark that says so."""
    if len(text) <= limit:
        return text
    mark = f"[Shortened here; the whole has {len(text):,} characters.]"
    room = text[: max(0, limit - len(mark) - 1)]
    ends = (max((end.end() for end in kind.finditer(room)), default=0) for kind in _ENDS)
    cut = next((end for end in ends if end > len(room) // 2), len(room))
    return f"{room[:cut].rstrip()} {mark}"


def fitted(texts: Sequence[str], limit: int) -> list[str]:
    """The texts in at most `limit` characters together: the longest are shortened, all to the same length."""
    left, share = limit, limit
    for at, length in enumerate(sorted(map(len, texts))):
        share = left // (len(texts) - at)
        if length > share:
            break
        left -= length
    return [shortened(text, share) for text in texts]


def first_sentence(text: str) -> str:
    """The first sentence, or all of it where no sentence ends."""
    end = _SENTENCE.search(text)
    return text[: end.end()] if end else text
