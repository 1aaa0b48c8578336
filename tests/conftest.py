"""What every test can use: a clock that moves by itself, and sessions of the offline assembly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from langgraph.checkpoint.memory import InMemorySaver

from virtual_agora.clock import Clock
from virtual_agora.config.defaults import offline_panel
from virtual_agora.config.models import Config
from virtual_agora.execution.stream_coordinator import StreamCoordinator
from virtual_agora.flow.graph_v13 import VirtualAgoraV13Flow
from virtual_agora.hitl import Answerer, default_answer
from virtual_agora.main import main
from virtual_agora.state.validator import validate_state_consistency

# How long an example takes says more about the machine than about the code.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")

THEME = "Should a city of 200,000 make its public transport free?"


class TestClock(Clock):
    """Begins at a fixed time, moves a second at each look, and waits without waiting."""

    __test__ = False

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def elapsed(self) -> float:
        return self._now.timestamp()

    def sleep(self, seconds: float, *_: object) -> None:
        self.slept.append(seconds)
        self._now += timedelta(seconds=seconds)


@pytest.fixture(autouse=True)
def a_quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, no setting and no folder of whoever runs the tests reaches them."""
    for name in (
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GOOGLE_API_KEY",
        "GEMINI_API_KEY",
        "XAI_API_KEY",
        "GROK_API_KEY",
        "OPENAI_COMPATIBLE_API_KEY",
        "OLLAMA_HOST",
        "VIRTUAL_AGORA_DATABASE",
        "NO_COLOR",
        "FORCE_COLOR",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VIRTUAL_AGORA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VIRTUAL_AGORA_OFFLINE_LATENCY", "0")


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL server; without its programs, the tests that want one fail and say what to install."""
    from tests.support.databases import cluster

    with cluster() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def database(request):
    """Where sessions are kept: None for the data folder, or the address of a database of the test's own."""
    if request.param == "sqlite":
        return None
    cluster = request.getfixturevalue("cluster")
    return cluster.url(cluster.ready())


in_sqlite = pytest.mark.parametrize("database", [None], ids=["sqlite"])
"""For what is SQLite's own, and for what is the same wherever sessions are kept."""


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def say(capsys):
    """Carry out a command line: its exit code, standard output and standard error."""

    def carry_out(*words):
        code = main([*words])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return carry_out


def offline_config(**session: Any) -> Config:
    """The offline assembly under other rules."""
    rules = {"seed": 7, **session}
    return Config.model_validate({**offline_panel().model_dump(), "session": rules})


@pytest.fixture
def make_flow(tmp_path: Path, clock: TestClock) -> Callable[..., VirtualAgoraV13Flow]:
    """Makes flows; `session` rules as keywords, `config` and `checkpointer` where it matters."""

    def make(
        config: Config | None = None, *, checkpointer: Any = None, **session: Any
    ) -> VirtualAgoraV13Flow:
        return VirtualAgoraV13Flow(
            config or offline_config(**session),
            checkpointer=checkpointer or InMemorySaver(),
            clock=clock,
            reports_dir=tmp_path / "reports",
        )

    return make


def where(session_id: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": session_id}}


def checked_updates(
    flow: VirtualAgoraV13Flow, session_id: str, answer: Answerer | None = default_answer
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run through the coordinator; after *every* update the projection is the checkpoint, and is valid."""
    coordinator = StreamCoordinator(flow, answer)
    for update in coordinator.coordinate_stream_execution(where(session_id)):
        (item,) = update.items()
        snapshot = flow.state_manager.get_snapshot()
        assert snapshot == flow.graph.get_state(where(session_id)).values, item[0]
        result = validate_state_consistency(snapshot)
        assert result["is_valid"], (item[0], result["errors"])
        yield item


def answers(**by_type: Any) -> Answerer:
    """Answers by question type: a value for every time, or a list of them used up in order; else the default."""
    queues = {
        name: list(value) if isinstance(value, list) else None for name, value in by_type.items()
    }

    def answer(question: dict[str, Any]) -> Any:
        name = question["type"]
        if name not in by_type:
            return default_answer(question)
        queue = queues[name]
        if queue is None:
            return by_type[name]
        return queue.pop(0) if queue else default_answer(question)

    return answer
