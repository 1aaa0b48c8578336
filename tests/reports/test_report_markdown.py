from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from virtual_agora.reports.markdown import block, inline, table

READER = MarkdownIt("commonmark").enable("table")

PIECES = [
    *(
        "`",
        "``",
        "```",
        "~~~",
        "\n",
        "\n\n",
        "    ",
        "\t",
        "> ",
        "- ",
        "1. ",
        "# ",
        "## ",
        "===",
        "---",
    ),
    *(
        "<b>",
        "<!--",
        "-->",
        "</div>",
        "<div>",
        "<https://a.b>",
        "<script>",
        "<?",
        "<![CDATA[",
        "]]>",
    ),
    *(
        "![x](y)",
        "[a](b)",
        "[x]: ",
        "\\",
        "|",
        "|---|",
        "a",
        "b c",
        "!",
        "<",
        "*",
        "_",
        "&lt;",
        '"',
    ),
]
MARKDOWN = st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=60)


def tokens(nested: Sequence[Token]) -> Iterator[Token]:
    for token in nested:
        yield token
        yield from tokens(token.children or [])


@given(MARKDOWN, st.integers(1, 5))
def test_no_text_leaves_its_place(text: str, under: int) -> None:
    read = list(tokens(READER.parse(f"{block(text, under=under)}\n\n# Ours <b>\n")))
    assert [t.type for t in read if t.type in ("html_block", "html_inline")] == ["html_inline"]
    assert not [t for t in read if t.type == "image"]
    defined: dict[str, object] = {}
    READER.parse(block(text, under=under), defined)
    assert not defined.get("references")
    *theirs, ours = [token for token in read if token.type == "heading_open"]
    assert (ours.tag, ours.level) == ("h1", 0)
    assert all(int(heading.tag[1]) > under for heading in theirs)


@given(MARKDOWN)
def test_inline_text_is_nothing_but_text(text: str) -> None:
    heading = READER.parse(f"## x{inline(text)}")
    assert [token.type for token in heading] == ["heading_open", "inline", "heading_close"]
    assert {token.type for token in heading[1].children or []} == {"text"}
    shown = "".join(token.content for token in heading[1].children or [])
    row = READER.parse(table(["a", "b"], [[f"x{inline(text)}", "y"]]))
    cells = [token.content for token in row if token.type == "inline"]
    assert len(cells) == 4
    assert "".join(t.content for t in READER.parseInline(cells[2])[0].children or []) == shown


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("# One\n\n## Two", "### One\n\n#### Two"),
        ("#### Deep", "### Deep"),
        ("One\n===\ntext", "### One\n\ntext"),
        ("> # Quoted", "> ### Quoted"),
        ("text\n---\nmore", "### text\n\nmore"),
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("1 < 2 and a<b>c", "1 < 2 and a&lt;b>c"),
        ("`Vec<String>` <i>", "`Vec<String>` &lt;i>"),
        ("```\n<b> # no\n```", "```\n<b> # no\n```"),
        ("```python\nopen", "```python\nopen\n```"),
        ("~~~~\nopen\n~~~", "~~~~\nopen\n~~~\n~~~~"),
        ("![pixel](https://x.example/p.png)", "\\![pixel](https://x.example/p.png)"),
        ("see <https://x.example/a>", "see <https://x.example/a>"),
        ("[a]: x\n> [b]:\n> y\n\n[a]: z", "\\[a]: x\n> \\[b]:\n> y\n\n\\[a]: z"),
        ("| a |\n|---|\n| `<b>` |", "| a |\n|---|\n| `&lt;b>` |"),
        ("\n\nplain *text*, - as it is\n\n", "plain *text*, - as it is"),
        ("red \x1b[31malert\x07\u202e", "red alert"),
        ("", ""),
    ],
)
def test_what_becomes_of_markdown(text: str, becomes: str) -> None:
    assert block(text, under=2) == becomes


def test_headings_never_become_deeper_than_markdown_has() -> None:
    assert block("# a\n## b\n### c", under=5) == "###### a\n###### b\n###### c"


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("Should a city of 200,000 (!) do it?", "Should a city of 200,000 (!) do it?"),
        ("a_b *c* `d` [e](f) <g> h|i", r"a_b \*c\* \`d\` \[e\](f) \<g\> h\|i"),
        ("_x_ __y__", r"\_x\_ \_\_y\_\_"),
        ("C# and C #", r"C# and C \#"),
        ("two\nlines\tand\x00 more", "two lines and more"),
        ("AT&T &amp; co", r"AT&T \&amp; co"),
    ],
)
def test_what_becomes_of_inline_text(text: str, becomes: str) -> None:
    assert inline(text) == becomes
