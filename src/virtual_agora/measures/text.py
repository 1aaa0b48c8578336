"""How alike two texts are in their words. What that can and cannot see is in `docs/measures.md`.

Alike in words is not alike in meaning: a paraphrase shares no words, a negation nearly all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import combinations
from math import ceil
from statistics import fmean

from rapidfuzz.distance import Indel

from virtual_agora.citations import CITATION

__all__ = ["Forms", "content_words", "mean_similarity", "similarity", "words"]

_WORD = re.compile(r"[^\s!-&(-/:-@\[-`{-~¡«·»¿‐-‘“-‧‰-⁞、-〿！-／：-＠]+")
"""Anything between spaces and punctuation; an apostrophe is part of a word."""
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]{2,}")
"""Chinese and Japanese put no spaces between words."""

_STEM = 0.75
"""The share of a word that its other forms begin with too."""

_ENGLISH = """
a about after again all also am an and any are as at be because been before being between both but by can could
did do does doing done down each even ever every few first for from further get gets getting give gives go goes had has
have having he her here hers him his how i if in into is it it's its itself just last less let let's like many may me
might mine more most much must my next now of off on once one only or other others our ours out over own per rather
same say says see she should since so some still such than that that's the their theirs them then there there's these
they thing things this those though through to too under until up upon us very was we well were what when where
whether which while who whom whose why will with within would yet you your yours
"""
_FUNCTION_WORDS = frozenset(_ENGLISH.split())
"""English words that say nothing about a subject. Those that negate are not among them."""


def words(text: str) -> list[str]:
    """The words in order, in lower case, ids of turns left out; of Chinese and Japanese, each two signs in a row."""
    plain = CITATION.sub(" ", text).casefold().replace("’", "'")
    tokens = [word for token in _WORD.findall(plain) if (word := token.strip("'"))]
    if not _UNSPACED.search(plain):
        return tokens
    return [part for token in tokens for part in _parts(token)]


def _parts(token: str) -> list[str]:
    if not _UNSPACED.search(token):
        return [token]
    return [token[at : at + 2] for at in range(len(token) - 1)]


def content_words(text: str) -> list[str]:
    """The different words that say something about a subject, sorted."""
    return sorted({word for word in words(text) if len(word) > 1} - _FUNCTION_WORDS)


def similarity(one: Sequence[str], other: Sequence[str]) -> float:
    """How many content words two texts share, 0 to 1: twice the common ones over all (Dice 1945, Sørensen 1948).

    Both are what `content_words` gives: between sorted sequences without repetition the insertions and deletions that
    lead from one to the other are the words that only one of them has.
    """
    return Indel.normalized_similarity(one, other)


def mean_similarity(texts: Iterable[str]) -> float | None:
    """The mean similarity over all pairs of texts, 0 to 1; None with fewer than two that have content words."""
    known = [found for text in texts if (found := content_words(text))]
    pairs = [similarity(one, other) for one, other in combinations(known, 2)]
    return fmean(pairs) if pairs else None


def _stem(word: str) -> str:
    return word[: ceil(_STEM * len(word))]


class Forms:
    """The forms of some words, as far as their beginnings tell: “fares” of “fare”, “city” of “cities”.

    Two words are forms of one if they begin alike for three quarters of the shorter one.
    """

    def __init__(self, known: Iterable[str]) -> None:
        known = list(known)
        self._stems = {_stem(word) for word in known}
        self._beginnings = {word[:end] for word in known for end in range(1, len(word) + 1)}

    def __contains__(self, word: str) -> bool:
        if _stem(word) in self._beginnings:
            return True
        return any(word[:end] in self._stems for end in range(1, len(word) + 1))
