"""Recognisable keys are planted, sessions are held that fail on them and are told them again, and everything written is searched.

Found would be a key as it is, URL-encoded, or in Base64 by itself: the forms that are known for keys.
"""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from tests.support.wire import Wire

from virtual_agora.config.environment import load_env
from virtual_agora.config.models import Config
from virtual_agora.errors import ConfigurationError
from virtual_agora.execution.session import Agora
from virtual_agora.hitl import default_answer
from virtual_agora.providers.vendors import VENDORS

VARIABLES = [name for vendor in VENDORS.values() for name in vendor.keys]
KEYS = {name: f"sk-{name.lower()[:9]}/7d1f+0c9a4b{number}" for number, name in enumerate(VARIABLES)}
EVERY = tuple(KEYS.values())
IN_FILE = ("GOOGLE_API_KEY", "OPENAI_COMPATIBLE_API_KEY", "XAI_API_KEY")
"""These are in `.env`, the others in the environment."""

OLD, NEW = "sk-old-4be1f0c9a4b7d", "sk-mended-9c02bb81e7f5"


def forms(key):
    """What of a key must be found nowhere."""
    return [key, quote(key, safe=""), base64.b64encode(key.encode()).decode().rstrip("=")]


def assert_without(content: bytes, where, keys=EVERY):
    for key in keys:
        for form in forms(key):
            assert form.encode() not in content, (where, form)


def written(folder):
    """All files below a folder but `.env`, those of sessions with every value of the database unpacked."""
    for path in folder.rglob("*"):
        if path.is_file() and path.name != ".env":
            yield path, path.read_bytes()
    for path in folder.rglob("sessions.sqlite3"):
        with contextlib.closing(sqlite3.connect(path)) as database:
            for table in ("checkpoints", "writes"):
                for row in database.execute(f"SELECT * FROM {table}"):
                    yield f"{path} {table}", repr(row).encode()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A working folder with a panel of the misbehaving, whose keys are partly in `.env`."""
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        if name not in IN_FILE:
            monkeypatch.setenv(name, KEYS[name])
    lines = [f"{name}={KEYS[name]}\n" for name in IN_FILE]
    (tmp_path / ".env").write_text("".join(lines))
    with Wire(tmp_path.parent / f"{tmp_path.name}-requests.jsonl") as wire:
        yield tmp_path, wire
    load_env(tmp_path / "none")  # takes back what the file has set


def panel(wire, *models):
    """One agent a model, of the vendors that speak OpenAI's language in turn, so that three keys travel."""
    vendors = ("openai", "openai_compatible", "grok")
    agents = [
        {"provider": vendors[at % 3], "model": model, "base_url": wire.base_url, "name": f"Nr {at}"}
        for at, model in enumerate(models)
    ]
    return {"agents": agents, "session": {"min_rounds": 1, "max_rounds": 1}}


def start(folder, *words):
    """Carry out a command in a process of its own; what it said, and how it was called."""
    process = subprocess.Popen(
        [sys.executable, "-m", "virtual_agora.main", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    called = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    said, _ = process.communicate()
    return said + called


def test_keys_are_written_nowhere_and_said_nowhere(home, say):
    folder, wire = home
    parrots = panel(wire, "parrot", "parrot-in-pieces", "parrot-busy", "refuses-key")
    (folder / "config.yml").write_text(yaml.safe_dump(parrots))
    address = f"{wire.base_url}?key={KEYS['OPENAI_API_KEY']}"
    agent = {"provider": "openai", "model": "m", "base_url": address, "count": 2}
    (folder.parent / "keys.yml").write_text(yaml.safe_dump({"agents": [agent]}))
    (folder / "notes").mkdir()
    (folder / "notes" / "a.md").write_text(f"What we know about {KEYS['GOOGLE_API_KEY']}.")
    begun = ["run", f"Bread or {KEYS['OPENAI_API_KEY'][:11]}?", "--topic", "Rye?", "--session", "s"]
    said = start(folder, *begun, "--context", "notes", "--data-dir", "data")
    assert b"waits for you" in said
    for words in (
        ["doctor", "--call"],
        ["doctor", "--config", str(folder.parent / "keys.yml")],
        ["run", "Bread?", "--config", str(folder.parent / "keys.yml")],
        ["resume", "s", "--yes"],
        ["show", "s"],
        ["show", "s", "--json"],
        ["show", "s", "--steps"],
        ["report", "s", "--to", "copy"],
        ["sessions"],
    ):
        _, out, err = say(*words, "--data-dir", "data")
        said += f"{out}{err}".encode()
    (folder.parent / "keys.yml").unlink()
    # The keys were sent and repeated, or there would be nothing to be found.
    asked = wire.received()
    for name in ("OPENAI_API_KEY", "OPENAI_COMPATIBLE_API_KEY", "XAI_API_KEY"):
        assert f"Mine is [{name}] or [{name}] or [{name}]".encode() in said, name
    assert len({line["model"] for line in asked}) == 4
    assert "What we know about [GOOGLE_API_KEY]." in json.dumps(asked)
    assert_without(said, "the output")
    files = dict(written(folder))
    names = {path.name for path in files if isinstance(path, Path)}
    assert {"sessions.sqlite3", "s.jsonl", "index.md", "report.html", "session.json"} <= names
    for path, content in files.items():
        if path != folder / "notes" / "a.md":
            assert_without(content, path)
    # What agents are asked has none of them either: it is made of what is saved.
    assert_without(json.dumps([line["messages"] for line in asked]).encode(), "the prompts")


def test_a_key_that_was_mended_on_the_way_is_not_left_behind(home, monkeypatch):
    folder, wire = home
    monkeypatch.setenv("OPENAI_API_KEY", OLD)
    config = Config.model_validate(
        {
            "agents": [
                {"provider": "openai", "model": model, "base_url": wire.base_url}
                for model in ("refuses-old-key", "parrot")
            ],
            "session": {"min_rounds": 1, "max_rounds": 1},
        }
    )
    asked = []

    def mend(question):
        if question["type"] != "provider_failure":
            return default_answer(question)
        asked.append(json.dumps(question))
        monkeypatch.setenv("OPENAI_API_KEY", NEW)
        return "retry"

    with Agora(folder / "data") as agora:
        session = agora.create(
            config, theme="Bread?", topics=["Rye?"], reports_dir=folder / "reports"
        )
        # The write-ahead log is read while it is there: closing the database takes it in.
        agora.run_leg(session, mend)
        files = list(written(folder))
        told = json.dumps(agora.snapshot(session))
    assert asked
    assert any(getattr(path, "name", "") == "sessions.sqlite3-wal" for path, _ in files)
    for path, content in [*files, ("the question", asked[0].encode()), ("state", told.encode())]:
        assert_without(content, path, keys=(OLD, NEW))
    assert "[OPENAI_API_KEY]" in told


def test_a_study_writes_no_key(home, say):
    folder, wire = home
    design = {
        "name": "keys",
        "questions": {"bread": {"theme": "Bread?", "topics": ["Rye?"]}},
        "panels": {"parrots": panel(wire, "parrot", "parrot-in-pieces")},
    }
    (folder / "design.yml").write_text(yaml.safe_dump(design))
    _, out, err = say("study", "design.yml", "--data-dir", "data")
    assert (folder / "results" / "keys" / "comparison.html").exists()
    assert_without(f"{out}{err}".encode(), "the output")
    for path, content in written(folder):
        assert_without(content, path)


def test_a_key_in_the_configuration_is_refused(home, monkeypatch):
    folder, wire = home
    monkeypatch.setenv("OPENAI_API_KEY", NEW)
    agents = panel(wire, "good", "good")
    agents["agents"][0]["persona"] = f"Knows that {NEW} is the key."
    with Agora(folder / "data") as agora:
        with pytest.raises(ConfigurationError, match="an API key in the configuration") as caught:
            agora.create(Config.model_validate(agents), theme="Bread?", reports_dir=folder)
        assert agora.list_sessions() == []
    assert NEW not in str(caught.value)
