"""Markdown that somebody else wrote, as HTML in which nothing runs and nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from virtual_agora import citations
from virtual_agora.citations import CITATION, ID, cited, claim_tokens
from virtual_agora.cleaning import clean

__all__ = ["Turn", "Turns", "citable", "cite", "inline", "plain", "prose"]

DEEPEST = 6

UNCITED = Markup(' <span class="uncited">no turn cited</span>')


def _parser() -> MarkdownIt:
    # Without references, so that no text can give a citation another target; without images, so that they stay links.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.disable(["image", "reference"])
    parser.validateLink = lambda url: bool(re.match("https?://", url, re.IGNORECASE))  # type: ignore[method-assign]
    return parser


_PARSER = _parser()


@dataclass(frozen=True, slots=True)
class Turn:
    """Something said: its `id`, which is its anchor in the transcript, on which topic, by whom and when."""

    id: str
    topic: str
    number: int
    speaker: str
    when: str

    @property
    def words(self) -> str:
        """`Turn 12: Ada, round 2`."""
        return f"Turn {self.number}: {self.speaker}, {self.when}"


Turns = Mapping[str, Turn]
"""What was said, by id, in order."""


def plain(text: str, limit: int = 0) -> str:
    """`text` on one line, of at most `limit` characters if there is a limit."""
    line = " ".join(clean(text).split())
    if not limit or len(line) <= limit:
        return line
    cut = line[: limit - 2]
    return f"{cut.rpartition(' ')[0] or cut} …"


def citable(turns: Turns, topic: str) -> Turns:
    """The turns that had been taken when `topic` was closed, which is all that the report on it can cite."""
    said = [{"id": turn.id, "topic": turn.topic} for turn in turns.values()]
    there = citations.citable(said, topic)
    return {id_: turn for id_, turn in turns.items() if id_ in there}


def cite(ids: Sequence[str], turns: Turns) -> Markup:
    """Links to turns of the transcript; an id of none is shown as what it is."""
    links = [_link(turns[id_]) if id_ in turns else _broken(id_) for id_ in ids]
    return Markup('<span class="cite">[{}]</span>').format(Markup(", ").join(links))


def inline(text: str, turns: Turns) -> Markup:
    """`text` on one line, as it is but for its citations, which become links to turns."""
    line, parts, end = plain(text), [], 0
    for match in CITATION.finditer(line):
        parts += [escape(line[end : match.start()]), cite(cited(match[0]), turns)]
        end = match.end()
    return Markup("").join([*parts, escape(line[end:])])


def prose(text: str, turns: Turns, *, under: int, flag: bool = False) -> Markup:
    """`text` as HTML below a heading of level `under`; citations become links to turns.

    HTML in it becomes visible text, links lead to web pages only, images become links; a link that names a turn
    becomes text, so that every link to a turn is one of ours. With `flag`, paragraphs and list items that cite no turn
    there is are marked.
    """
    whole = clean(text).strip("\n")
    tokens = _PARSER.parse(whole)
    _demote(tokens, under)
    for token in tokens:
        if token.type == "inline":
            children = _joined(_without_forgeries(token.children or []))
            token.children = list(_with_citations(children, turns))
    if flag:
        for token in claim_tokens(tokens):
            if turns.keys().isdisjoint(cited(token.content)):
                token.children = [*(token.children or []), _html(UNCITED)]
    return Markup(_PARSER.renderer.render(list(_with_scrolling(tokens)), _PARSER.options, {}))


def _link(turn: Turn) -> Markup:
    return Markup('<a href="#{}" title="{}" aria-label="{}">{}</a>').format(
        turn.id, turn.words, turn.words, turn.number
    )


def _broken(id_: str) -> Markup:
    return Markup('<span class="broken">{}: there is no such turn</span>').format(id_)


def _demote(tokens: Sequence[Token], under: int) -> None:
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    highest = min((int(token.tag[1]) for token in headings), default=1)
    for token in headings:
        token.tag = f"h{min(DEEPEST, int(token.tag[1]) - highest + under + 1)}"


def _without_forgeries(children: Sequence[Token]) -> Iterator[Token]:
    """Without the links whose text, target or title names a turn: they stand there as they were written."""
    link: list[Token] = []
    for child in children:
        link += [child] if link or child.type == "link_open" else []
        if not link:
            yield child
        elif child.type == "link_close":
            names_a_turn = any(re.search(ID, f"{t.content}{t.attrs}") for t in link)
            yield from _as_written(link) if names_a_turn else link
            link = []


def _as_written(link: Sequence[Token]) -> Iterator[Token]:
    opening, *inside, closing = link
    target = _PARSER.normalizeLinkText(str(opening.attrs["href"]))
    title = f' "{opening.attrs["title"]}"' if "title" in opening.attrs else ""
    auto = closing.markup == "autolink"
    yield _text("<" if auto else "[")
    yield from inside
    yield _text(">" if auto else f"]({target}{title})")


def _joined(children: Iterable[Token]) -> Iterator[Token]:
    """With what is text from line to line in one token, since a citation may go over a line's end."""
    text = ""
    for child in children:
        if child.type in ("text", "softbreak"):
            text += "\n" if child.type == "softbreak" else child.content
            continue
        yield _text(text)
        text = ""
        yield child
    yield _text(text)


def _with_citations(children: Iterable[Token], turns: Turns) -> Iterator[Token]:
    for child in children:
        if child.type == "link_open":
            child.attrSet("rel", "noopener noreferrer")
        if child.type != "text":
            yield child
            continue
        end = 0
        for match in CITATION.finditer(child.content):
            yield _text(child.content[end : match.start()])
            yield _html(cite(cited(match[0]), turns))
            end = match.end()
        yield _text(child.content[end:])


def _with_scrolling(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.type == "table_open":
            yield _html(
                Markup('<div class="scroll" role="region" aria-label="Table" tabindex="0">')
            )
        yield token
        if token.type == "table_close":
            yield _html(Markup("</div>"))


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _html(content: Markup) -> Token:
    return Token("html_inline", "", 0, content=content)
