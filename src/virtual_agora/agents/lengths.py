"""Texts in a given room: what a prompt cannot hold whole is shortened, and says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

from virtual_agora.citations import CITATION

__all__ = ["first_sentence", "fitted", "shortened"]

_NO_ABBREVIATION = r"(?<!\b[A-ZÄÖÜ][a-zäöü])(?<!\b[A-ZÄÖÜ][a-zäöü]{2})(?<!\b[^\W_])(?<!\b\d\d)"
"""Not after `St`, `Mrs`, the initial of a name or the number of an item. `No.` and `Yes.` do not count as sentences either."""

_IDS = rf"\s*(?a:{CITATION.pattern})"
_SENTENCE = re.compile(
    rf"(?:(?:{_NO_ABBREVIATION}\.|\.(?={_IDS})|[!?…])[\"'”’»)\]]*(?=\s|$|{_IDS})|[。！？][”’」』）]*)(?:{_IDS}[.。]?)*"
)
"""The end of a sentence, with the citations that follow it."""

_ENDS = (re.compile(r"(?=\n\s*\n)"), _SENTENCE, re.compile(r"(?=\s)"))
"""Where a text may end, best first: after a paragraph, which keeps its citations, a sentence, a word."""

_BESIDE = 20
"""Characters of a text that are worth saying how long it is."""


def shortened(text: str, limit: int) -> str:
    """`text` in at most `limit` characters; one that is longer ends early, with a mark that says so.

    The mark gives the whole length, and is `[…]` where there is no room for that.
    """
    if len(text) <= limit:
        return text
    mark = f"[Shortened here; the whole has {len(text):,} characters.]"
    if len(mark) + _BESIDE > limit:
        mark = "[…]"
    room = max(0, limit - len(mark) - 1)
    ends = (max(_ends(kind, text, room), default=0) for kind in _ENDS)
    cut = next((end for end in ends if end > room // 2), room)
    return f"{text[:cut].rstrip()} {mark}".strip()[:limit]


def _ends(kind: re.Pattern[str], text: str, room: int) -> Iterator[int]:
    """Where `text` may end within `room`. It is read beyond that: the citations there belong to the sentence before them."""
    return takewhile(lambda end: end <= room, (found.end() for found in kind.finditer(text)))


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
    """The first sentence with its citations, or all of it where no sentence ends."""
    end = _SENTENCE.search(text)
    return text[: end.end()] if end else text
