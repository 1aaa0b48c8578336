"""Texts of the reports with their citations as links, and what no turn supports marked as such."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache

from markdown_it.token import Token

from virtual_agora.citations import ID, cited, claim_tokens, parse, spared
from virtual_agora.reports.markdown import block

__all__ = ["traced", "turn_link", "turn_links"]

UNSUPPORTED = " *(no turn is cited for this)*"


def turn_link(id_: str, page: str) -> str:
    """A link to a turn; `page` is the way to the transcript, empty within it."""
    return f"[{id_}]({page}#{id_})"


def turn_links(ids: Sequence[str], page: str) -> str:
    """Links to turns, one after the other."""
    return ", ".join(turn_link(id_, page) for id_ in ids)


def traced(
    text: str, *, under: int, known: Collection[str], page: str = "", claiming: bool = True
) -> str:
    """`text` like `markdown.block`, with links to the turns it cites, of which `known` are those there are.

    Where it is `claiming`, each claim that no turn supports is marked, and ids that no turn has are struck out.
    Links of its own that name a turn become text, so that every link to a turn is one of ours.
    """
    there = frozenset(known).intersection(re.findall(ID, text))
    return _traced(text, under, there, page, claiming)


# Like `block`: what was said before is not parsed again when the files are written after the next topic.
@lru_cache(maxsize=1024)
def _traced(text: str, under: int, known: frozenset[str], page: str, claiming: bool) -> str:
    shown = block(text, under=under)
    if not claiming and not re.search(ID, shown):
        return shown
    lines = shown.split("\n")
    tokens = parse(shown)
    forged = {token.map[0] for token in tokens if token.map and _names_a_turn_in_a_link(token)}
    rows = {token.map[0] for token in tokens if token.type == "tr_open" and token.map}
    untouched = set(range(len(lines)))

    def turn(id_: str) -> str:
        if id_ in known:
            return turn_link(id_, page)
        return f"~~{id_}~~ (no such turn)" if claiming else id_

    for token in tokens:
        start, end = token.map or (0, 0)
        if token.type in ("fence", "code_block"):
            untouched -= set(range(start, end))
        elif token.type == "inline" and start in untouched:
            source = "\n".join(lines[start:end])
            lines[start:end] = _linked(source, turn, brackets=start in forged).split("\n")
            untouched -= set(range(start, end))
    for token in claim_tokens(tokens) if claiming else ():
        if token.map and not known.intersection(cited(token.content)):
            last = token.map[1] - 1
            lines[last] = _marked(lines[last], in_row=last in rows)
    return "\n".join(lines)


def _marked(line: str, *, in_row: bool) -> str:
    """A claim's last line with the mark; that of a table's row is in its first cell, which is the only one sure to be shown."""
    if not in_row:
        return f"{line}{UNSUPPORTED}"
    return re.sub(r"^([\s>]*\|?)\s*", rf"\1{UNSUPPORTED} ", line)


def _names_a_turn_in_a_link(token: Token) -> bool:
    inside, said = 0, ""
    for child in token.children or ():
        inside += child.nesting if child.type in ("link_open", "link_close") else 0
        if inside or child.type == "link_close":
            said += f"{child.content}{''.join(str(value) for value in child.attrs.values())}"
    return bool(re.search(ID, said))


def _linked(source: str, turn: Callable[[str], str], *, brackets: bool) -> str:
    """`source` with its citations put as `turn` has it; with `brackets`, all others are plain characters."""
    parts, at = [], 0

    def between(text: str) -> str:
        return re.sub(r"[\[\]]", r"\\\g<0>", text) if brackets else text

    for match in spared(source):
        parts.append(between(source[at : match.start()]))
        at = match.end()
        said = match[0]
        if match[1]:
            # Escaped, so that with what follows the brackets are no link and define none.
            ids = ", ".join(turn(id_) for id_ in re.findall(ID, match[1]))
            # Line breaks come before an id, where no line can begin to mean something else.
            breaks = "\n" * match[0].count("\n")
            said = f"\\[{breaks}{ids}\\]"
        parts.append(said)
    return "".join([*parts, between(source[at:])])
