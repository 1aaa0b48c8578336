"""A recognisable key is planted, a session is held that also fails on it, and everything written is searched."""

from __future__ import annotations

import subprocess
import sys

import yaml
from tests.support.wire import Wire

KEY = "sk-planted-7d1f0c9a4b"


def test_the_key_is_written_nowhere_and_said_nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={KEY}\n")
    with Wire(tmp_path / "requests.jsonl") as wire:
        agent = {"provider": "openai", "model": "good", "base_url": wire.base_url}
        config = {
            "agents": [{**agent, "count": 2}, {**agent, "model": "refuses-key"}],
            "session": {"min_rounds": 1, "max_rounds": 1},
        }
        (tmp_path / "config.yml").write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "virtual_agora.main"]
        said = b""
        for words in (
            ["doctor", "--call"],
            ["run", "Bread?", "--topic", "Rye?", "--session", "s"],
            ["resume", "s", "--yes"],
            ["show", "s", "--json"],
        ):
            done = subprocess.run(
                [*command, *words, "--data-dir", "data"],
                cwd=tmp_path,
                capture_output=True,
                check=False,
            )
            said += done.stdout + done.stderr
    assert (
        b"[OPENAI_API_KEY]" in said
    )  # the server repeats the key, and it was there to be replaced
    assert KEY.encode() not in said
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".env"]
    assert any(path.name == "sessions.sqlite3" for path in written)
    assert any(path.name == "index.md" for path in written)
    assert any(path.suffix == ".jsonl" and path.parent.name == "logs" for path in written)
    for path in written:
        assert KEY.encode() not in path.read_bytes(), path
