"""What docs/measures.md says is so: its examples, its tables, and that no measure is missing."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from rapidfuzz import fuzz

from virtual_agora.measures import explain
from virtual_agora.measures.model import AgendaMeasures, Measures, Minority, TopicMeasures
from virtual_agora.measures.text import content_words, similarity
from virtual_agora.measures.words import EXPLANATIONS

PAGE = Path(__file__).parents[2] / "docs" / "measures.md"
TEXT = PAGE.read_text(encoding="utf-8")

NUMBERS = {int, float, list[float | None], list[str]}


def test_the_examples_come_out_as_the_page_has_them() -> None:
    blocks = re.findall(r"```pycon\n(.*?)```", TEXT, flags=re.DOTALL)
    examples = doctest.DocTestParser().get_doctest(
        "\n".join(blocks), {}, PAGE.name, str(PAGE), lineno=0
    )
    failed, tried = doctest.DocTestRunner().run(examples)
    assert tried > 40
    assert not failed


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its header."""
    lines = TEXT.partition(f"\n## {heading}\n")[2].splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("|"))
    table = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table


def test_the_table_says_what_captions_say() -> None:
    assert rows("At a glance") == [
        [f"`{name}`", said.title, said.unit, said.meaning, said.reading]
        for name, said in EXPLANATIONS.items()
    ]


def test_the_scorers_give_what_the_page_says() -> None:
    base = re.search(r"^> (.+)$", TEXT.partition("## Likeness of texts")[2], flags=re.MULTILINE)
    assert base
    table = rows("Likeness of texts")
    for text, _, *figures in table:
        measured = [
            similarity(content_words(base[1]), content_words(text)),
            fuzz.ratio(base[1], text) / 100,
            fuzz.token_sort_ratio(base[1], text) / 100,
            fuzz.token_set_ratio(base[1], text) / 100,
            fuzz.WRatio(base[1], text) / 100,
        ]
        assert figures == [f"{figure:.2f}" for figure in measured], text
    by_kind = {kind: [float(figure) for figure in figures] for _, kind, *figures in table}
    paraphrase, elsewhere = by_kind["in other words"], by_kind["on another subject"]
    assert all(one <= other for one, other in zip(paraphrase, elsewhere, strict=True))
    assert min(by_kind["negated"]) > 0.9


def numbers(model: Any, prefix: str = "") -> list[str]:
    """The names of a model's fields that are numbers, or lists of them."""
    found = []
    for name, kind in get_type_hints(model).items():
        kinds = set(get_args(kind)) if type(None) in get_args(kind) else {kind}
        if kinds & NUMBERS:
            found.append(prefix + name)
    return found


@pytest.mark.parametrize("model", [AgendaMeasures, TopicMeasures, Measures])
def test_every_number_has_a_caption(model: Any) -> None:
    missing = [name for name in numbers(model) if name not in EXPLANATIONS and name != "claims"]
    assert not missing
    assert explain("agreement.stances").title == "Agreement"


def test_nobody_takes_those_against_closing_for_the_minority_on_the_matter() -> None:
    said = explain("minority.survival")
    who = "those who voted against closing the topic, or, where nobody did, "
    assert f"of {who}of the smaller closing side" in said.meaning
    assert "against closing" in said.title
    assert f"{who}the smaller closing side" in TEXT
    assert f"T{who[1:]}the smaller closing side" in str(Minority.__doc__)


def test_every_measure_has_its_definition_on_the_page() -> None:
    body = TEXT.partition("## At a glance")[2].partition("## The example")[2]
    fields = [name.rpartition(".")[2] for name in EXPLANATIONS]
    assert not [name for name in fields if f'"{name}"' not in body]
