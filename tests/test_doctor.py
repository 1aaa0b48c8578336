from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.obstacles import nobodys_folder, tiny_disk
from tests.support.wire import Wire
from virtual_agora.config.defaults import offline_panel
from virtual_agora.config.models import Config
from virtual_agora.doctor import Check, checks
from virtual_agora.state.sqlite import DATABASE, open_saver

__all__ = ["nobodys_folder", "tiny_disk"]


def panel(*agents: dict[str, Any], **others: Any) -> Config:
    first = agents[0]
    roles = dict.fromkeys(("moderator", "summarizer", "report_writer"), first)
    return Config.model_validate({"agents": [{"count": 2} | a for a in agents], **roles, **others})


def examine(
    config: Config, folder: Path, *, call_models: bool = False, reports: Path | None = None
) -> list[Check]:
    return list(
        checks(
            config,
            data_dir=folder / "data",
            reports_dir=reports or folder / "reports",
            call_models=call_models,
        )
    )


def named(found: list[Check], name: str) -> list[Check]:
    return [check for check in found if check.name == name]


class Server(ThreadingHTTPServer):
    """Answers every GET with one status and body, and remembers the paths."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: tuple[int, str] = (200, "{}")
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        status, body = self.server.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def unused_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_the_offline_panel_is_healthy_and_nothing_is_left_behind(tmp_path: Path) -> None:
    found = examine(offline_panel(), tmp_path, call_models=True)
    assert [(check.name, check.ok) for check in found] == [
        ("versions", True),
        ("panel", True),
        ("offline", True),
        ("offline/scripted", True),
        ("data folder", True),
        ("reports folder", True),
        ("database", True),
        ("encryption", True),
    ]
    assert all(not check.hint for check in found)
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "reports").exists()


def test_a_program_that_was_not_installed_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = checks(offline_panel(), data_dir=tmp_path, reports_dir=tmp_path, call_models=False)
    monkeypatch.setattr(sys, "path", [])
    check = next(found)
    assert (check.name, check.ok) == ("versions", None)
    assert "Not installed as a package: virtual-agora" in check.message


def test_the_panel_is_summed_up(tmp_path: Path) -> None:
    mixed = panel({"provider": "openai", "model": "a"}, {"provider": "ollama", "model": "b"})
    (check,) = named(examine(mixed, tmp_path), "panel")
    assert check.ok is True
    assert "4 participants (2 × openai/a, 2 × ollama/b); 3 to 10 rounds" in check.message


def test_a_panel_of_one_model_is_a_warning(tmp_path: Path) -> None:
    (check,) = named(examine(panel({"provider": "openai", "model": "a"}), tmp_path), "panel")
    assert check.ok is None
    assert "All share one model" in check.message
    assert check.hint


def test_two_servers_may_call_different_models_alike(tmp_path: Path) -> None:
    servers = [
        {
            "provider": "openai_compatible",
            "model": "default",
            "base_url": f"http://localhost:{port}",
        }
        for port in (8, 9)
    ]
    (check,) = named(examine(panel(*servers), tmp_path), "panel")
    assert check.ok is True


def test_a_key_is_named_but_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-value")
    found = examine(panel({"provider": "openai", "model": "a"}), tmp_path)
    (check,) = named(found, "openai")
    assert check.ok is True
    assert "OPENAI_API_KEY" in check.message
    assert "very-secret" not in str(found)


def test_a_missing_key_says_which_variable_to_set(tmp_path: Path) -> None:
    config = panel({"provider": "anthropic", "model": "a"})
    (check,) = named(examine(config, tmp_path), "anthropic")
    assert check.ok is False
    assert "ANTHROPIC_API_KEY is not set" in check.message
    assert ".env" in check.hint


def test_a_missing_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "langchain_xai", None)
    (check,) = named(examine(panel({"provider": "grok", "model": "a"}), tmp_path), "grok")
    assert check.ok is False
    assert "pip install 'virtual-agora[grok]'" in check.hint


def test_no_integration_is_imported_to_find_out(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from virtual_agora.config.models import Config
from virtual_agora.doctor import checks
agents = [{"provider": p, "model": "m"} for p in ("openai", "anthropic", "google", "grok", "ollama")]
list(checks(Config.model_validate({"agents": agents}), data_dir=Path(sys.argv[1]), reports_dir=Path(sys.argv[1]), call_models=False))
sdks = {"openai", "anthropic", "google.genai", "langchain_xai", "ollama"} & set(sys.modules)
assert not sdks, sdks
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)


def test_an_unknown_provider_does_not_hide_the_others(tmp_path: Path) -> None:
    config = panel(
        {"provider": "opnai", "model": "a"}, {"provider": "offline", "model": "scripted"}
    )
    found = examine(config, tmp_path, call_models=True)
    (check,) = named(found, "opnai")
    assert check.ok is False
    assert "Did you mean “openai”?" in check.hint
    assert named(found, "offline")[0].ok is True
    assert [check.name for check in found if "/" in check.name] == ["offline/scripted"]


def test_prompts_are_checked(tmp_path: Path) -> None:
    (tmp_path / "ballot.md").write_text("Cost: $5.")
    config = offline_panel().model_copy(update={"prompts": str(tmp_path)})
    (check,) = named(examine(config, tmp_path), "prompts")
    assert check.ok is False
    assert "ballot.md" in check.message
    (tmp_path / "ballot.md").write_text("Rank them.")
    (check,) = named(examine(config, tmp_path), "prompts")
    assert check.ok is True


def test_ollama_is_asked_for_its_models(tmp_path: Path, server: Server) -> None:
    server.answer = (200, json.dumps({"models": [{"name": "llama3.2:latest"}, {"name": "q:1b"}]}))
    config = panel(
        *({"provider": "ollama", "model": m, "base_url": server.url} for m in ("llama3.2", "q:1b")),
        {"provider": "ollama", "model": "absent", "base_url": server.url},
    )
    installed, reachable, absent = named(examine(config, tmp_path), "ollama")
    assert (installed.ok, reachable.ok, absent.ok) == (True, True, False)
    assert absent.hint == "Fetch it with: ollama pull absent"
    assert server.paths == ["/api/tags"]


def test_ollama_is_looked_for_where_its_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    server.answer = (200, json.dumps({"models": [{"name": "m"}]}))
    monkeypatch.setenv("OLLAMA_HOST", server.url.removeprefix("http://"))
    found = named(examine(panel({"provider": "ollama", "model": "m"}), tmp_path), "ollama")
    assert [check.ok for check in found] == [True, True]


@pytest.mark.parametrize("answer", [(404, "not found"), (200, "[]"), (200, '{"models": [1]}')])
def test_what_is_no_ollama_server_is_told_apart(
    tmp_path: Path, server: Server, answer: tuple[int, str]
) -> None:
    server.answer = answer
    config = panel({"provider": "ollama", "model": "m", "base_url": f"{server.url}/v1"})
    *_, check = named(examine(config, tmp_path), "ollama")
    assert check.ok is False
    assert "is no Ollama server" in check.message


def test_a_silent_local_server_is_found(tmp_path: Path) -> None:
    address = unused_address()
    both = panel(
        {"provider": "ollama", "model": "m", "base_url": address},
        {"provider": "openai_compatible", "model": "m", "base_url": f"{address}/v1"},
    )
    found = examine(both, tmp_path, call_models=True)
    (_, ollama), (_, other) = named(found, "ollama"), named(found, "openai_compatible")
    assert ollama.ok is other.ok is False
    assert f"No server answers at {address}" in ollama.message
    assert ollama.hint == "Start it with: ollama serve"
    assert "correct its base_url" in other.hint
    assert not [check for check in found if "/" in check.name]


def test_a_server_elsewhere_is_left_alone(tmp_path: Path) -> None:
    remote = panel({"provider": "openai", "model": "m", "base_url": "https://far.example/v1"})
    assert len(named(examine(remote, tmp_path), "openai")) == 1


def test_a_password_in_the_address_of_ollama_is_unsaid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    server.answer = (200, json.dumps({"models": [{"name": "m"}]}))
    monkeypatch.setenv("OLLAMA_HOST", server.url.replace("http://", "http://user:hunter2@"))
    found = examine(panel({"provider": "ollama", "model": "m"}), tmp_path)
    assert named(found, "ollama")[-1].message == f"A server answers at {server.url}."
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("address", ["localhost:8000", "http://localhost:eight", "ftp://x", "/v1"])
def test_an_address_that_is_none_is_found(tmp_path: Path, address: str) -> None:
    config = panel({"provider": "openai", "model": "m", "base_url": address})
    check = named(examine(config, tmp_path), "openai")[-1]
    assert check.ok is False
    assert "is no web address" in check.message


def test_each_model_is_called_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-value")
    with Wire(tmp_path / "log.jsonl") as wire:
        config = panel(
            *(
                {"provider": "openai", "model": model, "base_url": wire.base_url}
                for model in ("good", "refuses-key", "always-500", "good")
            )
        )
        found = examine(config, tmp_path, call_models=True)
        asked = sorted(request["model"] for request in wire.received())
    assert asked == ["always-500", "good", "refuses-key"]
    (good,) = named(found, "openai/good")
    assert good.ok is True
    assert "It answered in" in good.message
    for model in ("refuses-key", "always-500"):
        (bad,) = named(found, f"openai/{model}")
        assert bad.ok is False
        assert bad.hint
    assert "very-secret" not in str(found)


def test_a_model_that_cannot_be_reached_is_no_matter_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-value")
    # Not the address that is looked at beforehand, but this machine all the same.
    address = unused_address().replace("127.0.0.1", "127.0.0.2") + "/v1"
    config = panel({"provider": "openai", "model": "m", "base_url": address})
    (check,) = named(examine(config, tmp_path, call_models=True), "openai/m")
    assert check.ok is False
    assert (
        check.hint == f"Check the network and the proxy (HTTPS_PROXY), and the base_url {address}."
    )


def test_no_model_is_called_unasked(tmp_path: Path) -> None:
    with Wire(tmp_path / "log.jsonl") as wire:
        examine(panel({"provider": "openai", "model": "m", "base_url": wire.base_url}), tmp_path)
        assert wire.received() == []


def test_a_folder_that_cannot_be_written_is_found(nobodys_folder: Path) -> None:
    (nobodys_folder / "file").write_text("x")
    (nobodys_folder / "data").mkdir(mode=0o500)
    found = examine(offline_panel(), nobodys_folder, reports=nobodys_folder / "file" / "reports")
    (data,), (reports,) = named(found, "data folder"), named(found, "reports folder")
    assert data.ok is reports.ok is False
    assert "Permission denied" in data.message
    assert "Not a directory" in reports.message
    assert data.hint == reports.hint != ""


@pytest.mark.parametrize(("size", "ok"), [(50_000_000, None), (2_000_000, False)])
def test_a_disk_that_is_nearly_full_is_found(
    tmp_path: Path, tiny_disk: Callable[[int], Path], size: int, ok: bool | None
) -> None:
    found = examine(offline_panel(), tmp_path, reports=tiny_disk(size))
    (check,) = named(found, "reports folder")
    assert check.ok is ok
    assert check.hint == "Make room on this disk."


def test_a_sound_database_is_recognised(tmp_path: Path) -> None:
    with open_saver(tmp_path / "data"):
        (open_one,) = named(examine(offline_panel(), tmp_path), "database")
    (closed,) = named(examine(offline_panel(), tmp_path), "database")
    assert open_one.ok is closed.ok is True
    assert "is sound" in closed.message


def test_a_file_that_is_no_database_is_found(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / DATABASE).write_bytes(b"not a database at all" * 100)
    (check,) = named(examine(offline_panel(), tmp_path), "database")
    assert check.ok is False
    assert "damaged" in check.message
    assert "move it away" in check.hint


def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    path = tmp_path / "data" / DATABASE
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (a TEXT)")
        database.executemany("INSERT INTO t VALUES (?)", [("x" * 900,)] * 50)
    database.close()
    raw = bytearray(path.read_bytes())
    raw[4096 * 3 : 4096 * 3 + 200] = b"\xff" * 200
    path.write_bytes(raw)
    (check,) = named(examine(offline_panel(), tmp_path), "database")
    assert check.ok is False
    assert "damaged" in check.message
