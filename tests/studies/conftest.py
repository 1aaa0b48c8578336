"""What the tests of studies share: designs, and the command in a folder of its own."""

from __future__ import annotations

import pytest
import yaml

from virtual_agora.main import main

TWO = {"agents": [{"provider": "offline", "model": "scripted", "count": 2}]}
BRIEF = {"min_rounds": 1, "max_rounds": 1, "positions": "off"}


def design(**changed):
    """A design of one small session, with some keys changed."""
    return {
        "name": "s",
        "questions": {
            "bread": {"theme": "Bake our own bread?", "topics": ["It is worth the hour."]}
        },
        "panels": {"two": TWO},
        "rules": {"brief": BRIEF},
        **changed,
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def study(folder, capsys):
    """Write a design, or text, and carry out the command: its exit code, and all that it says."""

    def carry_out(content, *words):
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        (folder / "design.yml").write_text(text, encoding="utf-8")
        code = main(["study", "design.yml", "--data-dir", "data", *words])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out + err

    return carry_out
