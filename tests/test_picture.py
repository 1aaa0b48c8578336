from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
from pathlib import Path

from docs.picture import make_picture

from tests.ui.script import started, tokens
from virtual_agora.events import Event, SessionStarted
from virtual_agora.state.demo import DEMO_STAMP


def text_of(path: Path) -> str:
    ET.parse(path)
    rows = re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text(encoding="utf-8"))
    return html.unescape(" ".join(rows)).replace("\xa0", " ")


def test_the_picture_shows_the_transcript_and_the_status_lines(tmp_path: Path) -> None:
    call = started("Ada", "statement", "Buses", 1)
    events: list[Event] = [
        SessionStarted("otter", "Free buses?", resumed=False, stamp=DEMO_STAMP),
        call,
    ]
    events += tokens(call, "Let us count first.")
    path = tmp_path / "terminal.svg"
    make_picture(events, path, width=80)
    text = text_of(path)
    for said in (
        "Free buses?",
        "Let us count first.",
        "Ada is speaking",
        "no model was used",
        "virtual-agora run",
    ):
        assert said in text, said
    assert "url(" not in re.sub(r"url\(#", "", path.read_text(encoding="utf-8"))
    again = tmp_path / "again.svg"
    make_picture(events, again, width=80)
    assert again.read_bytes() == path.read_bytes()


def test_a_long_transcript_shows_its_end(tmp_path: Path) -> None:
    call = started("Ada", "statement", "Buses", 1)
    text = "\n".join(f"line{n}" for n in range(100))
    path = tmp_path / "terminal.svg"
    make_picture([call, *tokens(call, text)], path, width=80, height=20)
    shown = re.findall(r"line\d+", text_of(path))
    assert shown[-1] == "line99"
    assert 10 <= len(shown) < 20
