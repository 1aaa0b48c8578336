"""`virtual-agora report`: a session's reports, written again or on paper."""

from __future__ import annotations

import json
import re
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
import weasyprint
import yaml
from pydantic import TypeAdapter

from tests.conftest import THEME, offline_config
from tests.reports.test_html import check
from tests.support.page import read
from virtual_agora.execution.session import Agora
from virtual_agora.reports.session_file import SCHEMA_ID, SessionFile

OFFLINE = {"provider": "offline", "model": "scripted", "count": 2}
RULES = {"min_rounds": 1, "max_rounds": 1, "seed": 7}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "config.yml").write_text(yaml.safe_dump({"agents": [OFFLINE], "session": RULES}))
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def valid(path: Path) -> dict:
    session = json.loads(path.read_text())
    assert session["$schema"] == SCHEMA_ID
    TypeAdapter(SessionFile).validate_python(session)
    assert set(session) == SessionFile.__required_keys__
    return session


def test_a_finished_session_is_written_again_as_it_was_and_on_paper(say, folder):
    assert say("run", THEME, "--topic", "Who pays?", "--yes", "--session", "s")[0] == 0
    own = folder / "reports" / "session_s"
    before = contents(own)
    check(read(before["report.html"].decode()))
    assert "](report.html)" in before["index.md"].decode()
    assert valid(own / "session.json")["measures"]["topics"]
    (own / "report.html").unlink()
    code, out, _ = say("report", "s")
    assert (code, contents(own)) == (0, before)
    assert "reports/session_s/report.html" in out
    code, out, _ = say("report", "s", "--pdf", "--to", "paper")
    assert (code, "paper/report.pdf" in out.splitlines()[-1]) == (0, True)
    paper = contents(folder / "paper")
    printed = paper.pop("report.pdf")
    assert paper == before
    assert printed.startswith(b"%PDF-")
    parts = re.findall(rb"stream\n(.*?)\nendstream", printed, re.DOTALL)
    inside = b"".join(zlib.decompressobj().decompress(part) for part in parts if part[:1] == b"x")
    assert b"/Outlines" in inside
    assert inside.count(b"/Subtype /Link") > 10
    assert len(re.findall(rb"/Type /Page\b", inside)) > 2


def test_an_unfinished_session_has_reports_too(say, folder):
    assert say("run", THEME, "--session", "s")[0] == 3
    assert say("report", "s", "--to", "so-far")[0] == 0
    found = read((folder / "so-far" / "report.html").read_text())
    check(found)
    assert "The session is still under way" in found.text
    assert valid(folder / "so-far" / "session.json")["status"] == "running"


def test_without_weasyprint_or_pango_it_says_what_to_install_and_changes_nothing(
    say, folder, monkeypatch
):
    assert say("run", THEME, "--session", "s")[0] == 3
    before = contents(folder)
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    code, _, err = say("report", "s", "--pdf")
    assert (code, "pip install 'virtual-agora[pdf]'" in err) == (2, True)
    monkeypatch.delitem(sys.modules, "weasyprint")
    (folder / "broken").mkdir()
    (folder / "broken" / "weasyprint.py").write_text("raise OSError('cannot load libpango-1.0-0')")
    monkeypatch.syspath_prepend(folder / "broken")
    code, _, err = say("report", "s", "--pdf")
    assert (code, "apt install libpango-1.0-0" in err) == (2, True)
    assert {name for name in contents(folder) if "broken" not in name} == set(before)


def test_what_cannot_be_reported_is_said_in_a_sentence(say, folder):
    code, _, err = say("report", "nothing")
    assert (code, "There are no sessions yet" in err) == (2, True)
    with Agora(folder / "home") as agora:
        agora.create(offline_config(), reports_dir=folder, session_id="s")
    code, _, err = say("report", "s")
    assert code == 2
    assert "has no theme yet" in err
    assert "virtual-agora resume s" in err
    code, _, err = say("report", "other")
    assert (code, "other" in err) == (2, True)
    assert say("run", THEME, "--session", "t")[0] == 3
    (folder / "file").write_text("")
    code, _, err = say("report", "t", "--to", "file")
    assert (code, "there is a file where a folder" in err) == (4, True)
    assert err.endswith("\nName another folder with --to.\n")
    code, _, err = say("report", "t", "--to", "/proc/nope")
    assert (code, err.endswith("\nName another folder with --to.\n")) == (4, True)


def test_an_agenda_that_waits_for_the_user_is_not_put_down_to_the_user(say, folder):
    assert say("run", THEME, "--session", "s")[0] == 3
    assert say("report", "s", "--to", "so-far")[0] == 0
    index = (folder / "so-far" / "index.md").read_text()
    found = read((folder / "so-far" / "report.html").read_text())
    proposed = valid(folder / "so-far" / "session.json")["agenda"]["proposed"]
    assert proposed
    for text in (index, found.get("agenda").text):
        assert "taken off" not in text
        assert text.count("proposed; waits for the user's word") == len(proposed)
    for text in (index, found.text):
        assert "nothing has been discussed so far" in text
        assert "0 topics" not in text
    assert "stands with the topic" not in found.text


def test_on_paper_no_caption_breaks_after_its_first_word_and_no_heading_stands_alone(say, folder):
    rules = {"min_rounds": 1, "max_rounds": 1, "seed": 7, "agenda_rejections": 1}
    panel = [{**OFFLINE, "count": 4}]
    (folder / "config.yml").write_text(yaml.safe_dump({"agents": panel, "session": rules}))
    assert say("run", THEME, "--yes", "--session", "s")[0] == 0
    document = weasyprint.HTML(folder / "reports" / "session_s" / "report.html").render()
    captions, last = [], []
    for sheet in document.pages:
        lines: dict[Any, list[str]] = {}
        tags = []
        for box in sheet._page_box.descendants():
            if type(box).__name__ == "LineBox":
                words = "".join(getattr(part, "text", "") for part in box.descendants())
                lines.setdefault(box.element, []).append(words)
                if box.element is not None:  # the page's number has none
                    tags.append((box.element_tag, box.element.get("class")))
        captions += [
            found
            for element, found in lines.items()
            if element is not None and element.tag == "caption"
        ]
        last.append(tags[-1])
    assert len(captions) > 5
    assert [found for found in captions if len(found) > 1 and " " not in found[0].strip()] == []
    assert [tag for tag in last if tag[0] in ("h2", "h3", "h4") or tag[1] == "kicker"] == []
