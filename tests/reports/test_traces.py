"""Citations as links: every link to a turn is ours, and every claim without support is marked."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from virtual_agora.citations import claims
from virtual_agora.reports.markdown import block
from virtual_agora.reports.traces import traced

READER = MarkdownIt("commonmark").enable("table")
KNOWN = {"m0001", "m0002"}
FLAG = "(no turn is cited for this)"

PIECES = [
    *("[m0001]", "[m0002, m0099]", "[m0099]", "m0001", "[m0001", "m0002]", "]", "[", "(", ")"),
    *("(javascript:alert(1))", "(https://evil.example)", ": https://evil.example", "[x]", "!"),
    *("](", "][", "](../transcript.md#m0001)", "<https://evil.example/m0001>", "\\", "`", "``"),
    *("\n", "\n\n", "- ", "> ", "| ", "1. ", "# ", "**", "*", "_", " ", "word", ' "m0001"', "<b>"),
    *("[**m0001**](https://evil.example)", "[so](t.md#m0001)", "[a [b] m0001](x)", "[so][x]"),
    *("\n\n[x]: t.md#m0001\n\n", "[m0001,\n"),
    *("```\n", "| a |\n|---|\n", "    "),
]
MARKDOWN = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


def shown(text: str, *, claiming: bool = True) -> str:
    return traced(text, under=2, known=KNOWN, page="t.md", claiming=claiming)


def links(text: str) -> Iterator[tuple[str, str]]:
    """Every link as a reader of Markdown finds it: where it leads, and what it shows."""
    for token in READER.parse(text):
        inside: list[Token] = []
        for child in token.children or []:
            if child.type == "link_open":
                inside = [child]
            elif child.type == "link_close":
                said = "".join(part.content for part in inside[1:])
                yield str(inside[0].attrs["href"]), said
            elif inside:
                inside.append(child)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("It pays [m0001].", r"It pays \[[m0001](t.md#m0001)\]."),
        ("[m0002, m0001]", r"\[[m0002](t.md#m0002), [m0001](t.md#m0001)\]"),
        (
            "Half [m0001, m0099]",
            r"Half \[[m0001](t.md#m0001), ~~m0099~~ (no such turn)\]",
        ),
        ("Made up [m0099].", rf"Made up \[~~m0099~~ (no such turn)\]. *{FLAG}*"),
        ("Nobody said so.", f"Nobody said so. *{FLAG}*"),
        ("In `[m0001]` code", f"In `[m0001]` code *{FLAG}*"),
        ("```\n[m0001]\n```", "```\n[m0001]\n```"),
        ("# What [m0001] says", r"### What \[[m0001](t.md#m0001)\] says"),
        (
            "- one [m0001]\n- two\n  and three",
            f"- one \\[[m0001](t.md#m0001)\\]\n- two\n  and three *{FLAG}*",
        ),
        ("| a |\n|---|\n| [m0001] |", "| a |\n|---|\n| \\[[m0001](t.md#m0001)\\] |"),
        (
            "> | a | b |\n> |---|---|\n> | [m0001] | so |\n> | none | so |\n> | x | y | z |\n\nEnd [m0002]",
            "> | a | b |\n> |---|---|\n> | \\[[m0001](t.md#m0001)\\] | so |\n"
            f"> | *{FLAG}* none | so |\n> | *{FLAG}* x | y | z |\n\nEnd \\[[m0002](t.md#m0002)\\]",
        ),
        (
            "See [the law](https://a.example) [m0001]",
            r"See [the law](https://a.example) \[[m0001](t.md#m0001)\]",
        ),
        ("[m0001](javascript:alert(1))", r"\[[m0001](t.md#m0001)\](javascript:alert(1))"),
        ("[m0001]: https://evil.example", r"\[[m0001](t.md#m0001)\]: https://evil.example"),
        (
            "[x]: t.md#m0001\n\n[x][m0001]",
            f"\\[x]: t.md#m0001 *{FLAG}*\n\n[x]\\[[m0001](t.md#m0001)\\]",
        ),
        (
            "[**m0001**](https://evil.example)",
            rf"\[**m0001**\](https://evil.example) *{FLAG}*",
        ),
        (
            "[really](../t.md#m0002)",
            rf"[really\](../t.md#m0002) *{FLAG}*",
        ),
        ("", ""),
    ],
)
def test_what_becomes_of_citations(text: str, becomes: str) -> None:
    assert shown(text) == becomes


def test_words_of_members_are_no_claims() -> None:
    text = "I agree with [m0001], not with [m0099].\n\nAnd [m0001](javascript:1) is a trap."
    assert shown(text, claiming=False) == (
        r"I agree with \[[m0001](t.md#m0001)\], not with \[m0099\]."
        "\n\n"
        r"And \[[m0001](t.md#m0001)\](javascript:1) is a trap."
    )


@given(MARKDOWN, st.booleans())
def test_no_text_forges_a_link_to_a_turn(text: str, claiming: bool) -> None:
    for leads, said in links(shown(text, claiming=claiming)):
        if leads in ("t.md#m0001", "t.md#m0002"):
            assert said == leads.removeprefix("t.md#")
        else:
            assert said == leads or not re.search(r"m\d{4}", said), (leads, said)
            assert not leads.startswith("t.md")


@given(MARKDOWN)
def test_as_many_claims_are_marked_as_are_counted_and_nothing_leaves_its_place(text: str) -> None:
    marked = shown(text)
    made = list(claims(block(text, under=2), KNOWN))
    assert marked.count(FLAG) == sum(not claim.turns for claim in made)
    read = READER.parse(f"{marked}\n\n# Ours\n")
    *theirs, ours = [token for token in read if token.type == "heading_open"]
    assert (ours.tag, ours.level) == ("h1", 0)
    assert all(heading.tag > "h2" for heading in theirs)
