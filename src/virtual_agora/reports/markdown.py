"""Markdown that somebody else wrote, made fit to stand in a document of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from virtual_agora.citations import parse
from virtual_agora.cleaning import clean

if TYPE_CHECKING:
    from markdown_it.token import Token

__all__ = ["block", "inline", "table"]

_SPECIAL = re.compile(r"[\\`*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|#(?=#*$)")

_CODE = r"(?<!`)(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)"
_LINK = r"<https?://[^\s<>]*>"
_ESCAPED = r"\\[!-/:-@\[-`{-~]"
_TAG = r"(?P<tag><)(?=[A-Za-z/!?])"
_IMAGE = r"(?P<image>!)(?=\[)"
# What else a link may lead to (javascript:, data:, //host, a file of whoever reads) can do harm; links to turns are made later.
_LEADS = r"(?P<leads>\])(?=\((?!\s*<?(?:https?://|mailto:)))"
_DANGERS = re.compile(f"{_ESCAPED}|{_CODE}|{_LINK}|{_TAG}|{_IMAGE}|{_LEADS}", re.DOTALL)
_DANGERS_EVERYWHERE = re.compile(f"{_ESCAPED}|{_LINK}|{_TAG}|{_IMAGE}|{_LEADS}")

DEEPEST = 6


def inline(text: str) -> str:
    """`text` as plain words on one line, for a heading, a table's cell or the middle of a sentence."""
    return _SPECIAL.sub(r"\\\g<0>", " ".join(clean(text).split()))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the cells are Markdown on one line."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


# The transcript is written again after every topic; what was said before is not parsed again for it.
@lru_cache(maxsize=1024)
def block(text: str, *, under: int) -> str:
    """`text` as Markdown of its own below a heading of level `under`.

    Its headings become deeper ones than that, HTML becomes visible text, images become links (nothing is fetched
    when a report is opened), links to anything but web pages and mail become text, definitions of links too, since they would hold for the whole
    document, and a code block left open is closed.
    """
    lines = _without_definitions(clean(text).strip("\n")).split("\n")
    # Without HTML the text is read as it is once its HTML is neutralised.
    tokens = parse("\n".join(lines))
    _demote(tokens, lines, under)
    _neutralise(tokens, lines)
    lines += _missing_fence(tokens, lines)
    return "\n".join(lines).strip("\n")


def _without_definitions(text: str) -> str:
    while "]:" in text:
        found: dict[str, Any] = {}
        parse(text, found)
        maps = [entry["map"] for entry in found.get("references", {}).values()]
        maps += [entry["map"] for entry in found.get("duplicate_refs", [])]
        if not maps:
            break
        lines = text.split("\n")
        for start, _ in maps:
            lines[start] = lines[start].replace("[", "\\[", 1)
        text = "\n".join(lines)
    return text


def _neutralise(tokens: Sequence[Token], lines: list[str]) -> None:
    untouched = set(range(len(lines)))
    for token in tokens:
        start, end = token.map or (0, 0)
        if token.type in ("fence", "code_block"):
            untouched -= set(range(start, end))
        elif token.type == "table_open":
            # A cell's end ends a code span too; so in a table code is not spared.
            lines[start:end] = [
                _DANGERS_EVERYWHERE.sub(_harmless, line) for line in lines[start:end]
            ]
            untouched -= set(range(start, end))
        elif token.type == "inline" and start in untouched:
            lines[start:end] = _DANGERS.sub(_harmless, "\n".join(lines[start:end])).split("\n")
            untouched -= set(range(start, end))
    for number in untouched:
        lines[number] = _DANGERS_EVERYWHERE.sub(_harmless, lines[number])


def _harmless(match: re.Match[str]) -> str:
    if match["tag"]:
        return "&lt;"
    if match["image"]:
        return "\\!"
    if match["leads"]:
        return "\\]"
    # HTML that begins a line is HTML, even where a code span has begun before.
    return _DANGERS_EVERYWHERE.sub(_harmless, match[0]) if "\n" in match[0] else match[0]


def _demote(tokens: Sequence[Token], lines: list[str], under: int) -> None:
    headings = [pair for pair in pairwise(tokens) if pair[0].type == "heading_open"]
    highest = min((int(heading.tag[1]) for heading, _ in headings), default=1)
    for heading, content in headings:
        start, end = heading.map or (0, 0)
        marks = "#" * min(DEEPEST, int(heading.tag[1]) - highest + under + 1)
        if heading.markup in ("=", "-"):
            lines[end - 1] = ""
            words = content.content.split("\n")[0]
            lines[start] = lines[start].replace(words, f"{marks} {words}", 1)
        else:
            lines[start] = lines[start].replace(heading.markup, marks, 1)


def _missing_fence(tokens: Sequence[Token], lines: Sequence[str]) -> list[str]:
    last = tokens[-1] if tokens else None
    if last is None or last.type != "fence" or last.map is None:
        return []
    start, end = last.map
    closing = lines[end - 1].strip()
    closed = end - start > 1 and closing.startswith(last.markup) and not closing.strip(last.markup)
    return [] if closed else [last.markup]
