"""What a text rests on: the ids of turns that it names in brackets, such as [m0012] or [m0003, m0012]."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

__all__ = [
    "CITATION",
    "ID",
    "Claim",
    "Support",
    "citable",
    "cited",
    "claim_tokens",
    "claims",
    "only_turns",
    "parse",
    "spared",
    "support",
]

ID = r"m\d{4,9}"
CITATION = re.compile(
    rf"\\?\[\s*({ID}(?:\s*(?:[,;]\s*(?:and\s+)?|and\s+)?{ID})*)\s*\\?\]", re.ASCII
)
"""One or more ids in one pair of brackets; group 1 is what stands between them."""

_ESCAPED = r"\\[!-/:-@\[-`{-~]"
_CODE = r"(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)(?P=ticks)(?!`)"
_SPARED = re.compile(f"{CITATION.pattern}|{_ESCAPED}|{_CODE}", re.ASCII | re.DOTALL)
_BEFORE_A_LIST = {"bullet_list_open", "ordered_list_open", "blockquote_open", "table_open", "fence"}


@dataclass(frozen=True, slots=True)
class Claim:
    """A paragraph, list item or row of a table, as Markdown without the marks of lists and quotations around it.

    `turns` are the ids that it names and that exist, `unknown` those that do not; `turns` empty: nothing supports it.
    """

    text: str
    turns: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Support:
    """How many claims are made, how many of them no turn supports, and the ids cited that no turn has."""

    claims: int
    unsupported: int
    unknown: tuple[str, ...]


def parse(text: str, found: dict[str, Any] | None = None) -> list[Token]:
    """Markdown as it is read here: without HTML, because the reports show that as text. `found` takes up definitions of links."""
    return _parser().parse(text, found)


@cache
def _parser() -> MarkdownIt:
    # Imported only here: nothing is read before the first report.
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def cited(text: str) -> list[str]:
    """The ids that `text` names, in order, each once; what stands in a code span is no citation."""
    ids = [id_ for match in spared(text) if match[1] for id_ in re.findall(ID, match[1])]
    return list(dict.fromkeys(ids))


def only_turns(known: Collection[str]) -> Callable[[str], str]:
    """What is wrong with a text that cites turns nobody has taken; nothing, if it does not."""

    def problem(text: str) -> str:
        unknown = ", ".join(id_ for id_ in cited(text) if id_ not in known)
        return unknown and f"it cites turns that there are not: {unknown}"

    return problem


def spared(text: str) -> Iterator[re.Match[str]]:
    """The citations in `text`, whose group 1 is set, and what may not be taken for one: escapes and code spans."""
    return _SPARED.finditer(text)


def claims(text: str, known: Collection[str]) -> Iterator[Claim]:
    """The claims of a report's text in order; `known` are the ids of the turns that there are.

    Headings, also those of tables, code and a line that only introduces a list or a table are none.
    """
    for claim in _claimed(text):
        ids = cited(claim)
        yield Claim(
            claim,
            turns=tuple(id_ for id_ in ids if id_ in known),
            unknown=tuple(id_ for id_ in ids if id_ not in known),
        )


# The overview, the page and the measures ask of the same texts, again after every topic.
@lru_cache(maxsize=1024)
def _claimed(text: str) -> tuple[str, ...]:
    return tuple(token.content for token in claim_tokens(parse(text)))


def claim_tokens(tokens: Sequence[Token]) -> Iterator[Token]:
    """Those of a parsed text's `inline` tokens that hold a claim.

    A row of a table is one claim: the token of its last cell, which is given the content of all its cells.
    """
    cells: list[Token] = []
    for opening, token, following in zip(tokens, tokens[1:], [*tokens[3:], None], strict=False):
        if opening.type == "td_open":
            cells.append(token)
        elif opening.type == "tr_close" and cells:
            cells[-1].content = " | ".join(cell.content for cell in cells)
            if re.search(r"\w", cells[-1].content):
                yield cells[-1]
            cells = []
        if opening.type != "paragraph_open" or not re.search(r"\w", token.content):
            continue
        introduces = following is not None and following.type in _BEFORE_A_LIST
        if not (introduces and token.content.rstrip("*_ ").endswith(":")):
            yield token


def support(state: Mapping[str, Any]) -> Support:
    """What all that was written of a session's topics rests on: its reports, and the summaries of closed topics."""
    messages = state.get("messages", [])
    written = [
        (report["topic"], section["text"])
        for report in state.get("reports", [])
        for section in report["sections"]
    ]
    written += [(summary["topic"], summary["text"]) for summary in state.get("topic_summaries", [])]
    known = {topic: citable(messages, topic) for topic in dict(written)}
    supported: list[bool] = []
    unknown: dict[str, None] = {}
    for topic, text in written:
        supported += [bool(claim.turns) for claim in claims(text, known[topic])]
        if not known[topic].issuperset(re.findall(ID, text)):
            unknown |= dict.fromkeys(id_ for id_ in _named(text) if id_ not in known[topic])
    return Support(len(supported), supported.count(False), tuple(unknown))


def _named(text: str) -> list[str]:
    """The ids that `text` names anywhere but in code: in headings, too."""
    inline = (token.content for token in parse(text) if token.type == "inline")
    return [id_ for content in inline for id_ in cited(content)]


def citable(messages: Sequence[Mapping[str, Any]], topic: str = "") -> frozenset[str]:
    """The ids of all turns, or of those that had been taken when `topic` was closed: its report can cite no others.

    What was said later has ids too, and an id that a report made up may be among them.
    """
    ends = [at for at, said in enumerate(messages, start=1) if not topic or said["topic"] == topic]
    return frozenset(said["id"] for said in messages[: ends[-1] if ends else 0])
