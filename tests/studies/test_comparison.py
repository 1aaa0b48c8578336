"""The comparison of a study: what its page says, and how it stands on a narrow screen."""

from __future__ import annotations

import re

import pytest

from tests.studies.conftest import BRIEF, TWO, design
from tests.support.browser import dom
from tests.support.page import read
from tests.support.wire import Wire
from virtual_agora.studies.contrasts import figure
from virtual_agora.studies.figures import Summary
from virtual_agora.studies.plots import bars

WIDTHS = (400, 800, 1280)

NAMES = ("in-two-rounds_and-no-more", "one")

LOOK = """<script>
addEventListener("load", () => {
  const all = (chosen) => [...document.querySelectorAll(chosen)];
  const rows = all(".contrast tbody tr:not(.measure) th");
  const columns = new Set(all(".contrast").flatMap((table) => [...table.querySelectorAll("tr:not(.measure)")]
    .map((row) => table.className + Math.round(row.children[2].getBoundingClientRect().right))));
  parent.postMessage([
    innerWidth, document.documentElement.scrollWidth <= innerWidth,
    rows.length > 4 && rows.every((row) => row.getBoundingClientRect().width > 60 && row.getBoundingClientRect().height < 70),
    all(".picture").some((cell) => cell.checkVisibility()), columns.size
  ].join(" "), "*");
});
</script>"""


def compared(study, folder):
    """A study of two questions with one theme, and two rules of which one has no positions."""
    theme = "Bake our own bread?"
    code, said = study(
        design(
            questions={
                "hour": {"theme": theme, "topics": ["It is worth the hour."]},
                "money": {"theme": theme, "topics": ["It saves money."], "expected": "oppose"},
            },
            rules={
                NAMES[0]: {"min_rounds": 2, "max_rounds": 2, "positions": "before_and_after"},
                NAMES[1]: {**BRIEF, "positions": "before_and_after"},
            },
        )
    )
    assert code == 0, said
    return (folder / "results" / "s" / "comparison.html").read_text(encoding="utf-8")


def test_the_page_says_what_differs_in_one_table_and_the_rest_once(study, folder, tmp_path):
    html = compared(study, folder)
    page = read(html)
    text = re.sub(r"\s+", " ", page.text)
    assert "Topic: It saves money." in text
    assert "Expected: oppose" in text
    assert "Topic: It is worth the hour." in text
    captions = [caption.text.strip() for caption in page.all("caption")]
    assert captions == [
        "What differs between rules.",
        "What differs between questions.",
        f"Each rule less “{NAMES[0]}”.",
    ]
    assert "The same for every rule:" in text
    assert "No difference in any pair:" in text
    # Only one of the two questions has a right side.
    assert "0 of 2" in text
    assert ", in 1 of 2 sessions each" in text
    assert "have no value there" in text
    looked_at = re.sub(r"<meta http-equiv=.*?>", "", html).replace("</body>", f"{LOOK}</body>")
    (tmp_path / "looked_at.html").write_text(looked_at, encoding="utf-8")
    frames = "".join(
        f'<iframe src="looked_at.html" style="width:{width}px; height:900px; border:0"></iframe>'
        for width in WIDTHS
    )
    (tmp_path / "page.html").write_text(
        "<!doctype html><ul></ul><script>addEventListener('message', (event) => {"
        "const li = document.createElement('li'); li.textContent = event.data;"
        f"document.querySelector('ul').append(li); }});</script>{frames}"
    )
    told = sorted(item.text for item in read(dom(tmp_path / "page.html", tmp_path)).all("li"))
    assert told == sorted(
        f"{width} true true {'false' if width == 400 else 'true'} 3" for width in WIDTHS
    )


def test_a_deviation_ends_where_the_values_end():
    wider = Summary(n=2, mean=0.5, deviation=0.7, least=-1.0, most=2.0)
    bar, _ = bars([Summary(n=4, mean=0.75, deviation=0.5, least=0.0, most=1.0), wider])
    assert bar.most == bar.high
    assert bar.least < bar.low < bar.mean


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [(48213.4, -2, "48,200"), (0.000671, 2, "0"), (-0.001, 2, "0"), (-1.25, 2, "−1.25"), (48.50, 1, "48.5"), (None, 2, "–")],
)  # fmt: skip
def test_a_number_has_no_more_digits_than_count(value, places, shown):
    assert figure(value, places) == shown


def test_without_a_complete_session_no_comparison_is_offered(study, folder, tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire:
        at = {"provider": "openai_compatible", "base_url": wire.base_url}
        panels = {"ill": {**TWO, "summarizer": {**at, "model": "refuses-key"}}}
        code, said = study(design(panels=panels))
    assert code == 4
    assert "Begin with" not in said
    assert "There is nothing to compare yet; how it stands is in" in said
    shown = (folder / "results" / "s" / "comparison.html").read_text(encoding="utf-8")
    assert "There is nothing to compare yet." in shown
    assert "Differences between" not in shown
