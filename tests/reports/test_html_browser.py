"""The report in a real browser: nothing in it runs, it fits every width, and citations open what they lead to."""

from __future__ import annotations

import re
from pathlib import Path

from tests.reports.conftest import FIRST
from tests.reports.measured import measured, positions
from tests.reports.test_html import spoil
from tests.support.browser import dom
from tests.support.page import read
from virtual_agora.reports.html import html_report
from virtual_agora.state.schema import VirtualAgoraState

WIDTHS = (360, 768, 1280)

LOOK = """<script>
addEventListener("load", () => {
  const hidden = (id) => !document.getElementById(id).checkVisibility();
  const before = hidden("m0002");
  // A caption is as wide as the column and all of it can be read; a table that is wider has a shadow at its edge.
  const shown = [...document.querySelectorAll(".scroll")].filter((e) => e.checkVisibility());
  const fits = shown.every((e) => {
    const caption = e.querySelector("caption:not(.hidden)");
    return !caption || (Math.abs(caption.getBoundingClientRect().width - e.clientWidth) <= 1
      && caption.scrollWidth <= Math.ceil(caption.getBoundingClientRect().width));
  });
  const wider = shown.filter((e) => e.scrollWidth > e.clientWidth);
  const hinted = wider.every((e) => getComputedStyle(e).backgroundAttachment.includes("local"));
  document.querySelector('#topic-1 a[href="#m0002"]').click();
  setTimeout(() => parent.postMessage([
    innerWidth, document.documentElement.scrollWidth <= innerWidth, before, hidden("m0002"),
    document.querySelectorAll("script, img, [onerror]").length, window.ran === undefined,
    fits, hinted && (innerWidth > 700 || wider.length > 0)
  ].join(" "), "*"), 200);
});
</script>"""

RUNS = """<script>parent.postMessage("a script of the report ran", "*")</script>"""

POLICY = re.compile(r"<meta http-equiv=.*?>")


def test_nothing_runs_everything_fits_and_citations_open_the_transcript(
    state: VirtualAgoraState, tmp_path: Path
) -> None:
    state["positions"] = positions(FIRST)
    state["reports"][0]["sections"][0]["text"] += "\n\nAs Bruno said [m0002]."
    spoiled = spoil(state)
    spoiled["messages"][0]["content"] += "<script>window.ran = 1</script>" + "long" * 200
    spoiled["agents"][0]["persona"] = "<img src=x onerror='window.ran = 1'>"
    html = html_report(spoiled, measured(state))
    # Without the policy, so that the test's own script runs and any other would.
    looked_at = POLICY.sub("", html, count=1).replace("</body>", f"{LOOK}</body>")
    (tmp_path / "looked_at.html").write_text(looked_at, encoding="utf-8")
    # With it, and with a script put in by hand, as if a way past the escaping had been found.
    (tmp_path / "broken_into.html").write_text(html.replace("</body>", f"{RUNS}</body>"))
    frames = "".join(
        f'<iframe src="looked_at.html" style="width:{width}px; height:900px; border:0"></iframe>'
        for width in WIDTHS
    )
    page = tmp_path / "page.html"
    page.write_text(
        "<!doctype html><ul></ul><script>addEventListener('message', (event) => {"
        "const li = document.createElement('li'); li.textContent = event.data;"
        "document.querySelector('ul').append(li); });</script>"
        f'{frames}<iframe src="broken_into.html"></iframe>'
    )
    told = sorted(item.text for item in read(dom(page, tmp_path)).all("li"))
    assert told == sorted(f"{width} true true false 1 true true true" for width in WIDTHS)
