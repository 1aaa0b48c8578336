"""Fixtures for what is outside an application: models, the network, the clock, files, effects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from langgraph_parity.clock import ForwardClock
from langgraph_parity.effects import Effects
from langgraph_parity.models import ScriptedChatModel
from langgraph_parity.wire import Wire

__all__ = ["effects", "forward_clock", "real_files", "scripted_model", "wire"]


@pytest.fixture
def scripted_model() -> Callable[..., ScriptedChatModel]:
    """Makes chat models: `scripted_model(answers, key=…, latency=…)`."""
    return ScriptedChatModel


@pytest.fixture
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """An OpenAI-compatible server at `wire.base_url`."""
    with Wire(tmp_path_factory.mktemp("wire") / "requests.jsonl") as running:
        yield running


@pytest.fixture
def forward_clock() -> ForwardClock:
    """A clock at the beginning of 2026 (UTC) that moves a second at every look."""
    return ForwardClock(step=1.0)


@pytest.fixture
def effects(tmp_path_factory: pytest.TempPathFactory) -> Effects:
    """A record of effects that outlives the process that had them."""
    return Effects(tmp_path_factory.mktemp("effects") / "effects.jsonl")


@pytest.fixture
def real_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder on the real disk, which is the working directory and the home."""
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("HOME", "USERPROFILE", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(folder))
    return folder
