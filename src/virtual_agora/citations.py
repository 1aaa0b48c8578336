"""What a text rests on: the ids of turns that it names in brackets, such as [m0012] or [m0003, m0012]."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

__all__ = ["CITATION", "Claim", "cited", "claims"]

_ID = r"m\d{4,9}"
CITATION = re.compile(rf"\[\s*({_ID}(?:\s*[,;]\s*{_ID})*)\s*\]")
"""One or more ids in one pair of brackets; group 1 is what stands between them."""

_BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*+•]|\d{1,3}[.)])\s)")
_NO_CLAIM = re.compile(r"\s*(?:#{1,6}\s|\|[\s:|-]+\||(?:[-*_]\s*){3,}$)")


@dataclass(frozen=True, slots=True)
class Claim:
    """A paragraph or list item of a report.

    `turns` are the ids that it names and that exist, `unknown` those that do not; both empty: nothing supports it.
    """

    text: str
    turns: tuple[str, ...]
    unknown: tuple[str, ...]


def cited(text: str) -> list[str]:
    """The ids that `text` names, in order, each once."""
    ids = [id_ for match in CITATION.finditer(text) for id_ in re.findall(_ID, match[1])]
    return list(dict.fromkeys(ids))


def claims(text: str, known: Collection[str]) -> Iterator[Claim]:
    """The claims of a report's text in order; `known` are the ids of the turns that there are."""
    for block in _BLOCK.split(text):
        if block.strip() and not _NO_CLAIM.match(block):
            ids = cited(block)
            yield Claim(
                block.strip(),
                turns=tuple(id_ for id_ in ids if id_ in known),
                unknown=tuple(id_ for id_ in ids if id_ not in known),
            )
