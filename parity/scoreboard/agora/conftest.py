"""A small assembly for both suites: the offline panel, one round, a clock that stands still."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from virtual_agora import hitl
from virtual_agora.clock import Clock
from virtual_agora.config.defaults import offline_panel
from virtual_agora.config.models import Config
from virtual_agora.execution.stream_coordinator import StreamCoordinator
from virtual_agora.flow.graph_v13 import VirtualAgoraV13Flow

TOPIC = "What would free buses cost?"


class Still(Clock):
    """It is always the first of January."""

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def sleep(self, *_: Any) -> None:
        pass


def flow_of(saver: Any, seed: int = 7) -> VirtualAgoraV13Flow:
    """Three participants; at least one round, at most two; the user may speak at the end of each."""
    panel = offline_panel().model_dump()
    rules = {"seed": seed, "min_rounds": 1, "max_rounds": 2, "checkpoint_interval": 1, "participation": "end_of_round"}  # fmt: skip
    config = Config.model_validate({**panel, "agents": panel["agents"][:3], "session": rules})
    return VirtualAgoraV13Flow(
        config, checkpointer=saver, clock=Still(), reports_dir=Path("reports")
    )


def drive(flow: VirtualAgoraV13Flow, config: Any, answer: Any) -> Any:
    """As production does."""
    return StreamCoordinator(flow, answer).coordinate_stream_execution(config)


def one_topic(question: Any) -> Any:
    """Every gate with its default, but the agenda has one topic only."""
    if question["type"] == "agenda_approval":
        return {"action": "edit", "agenda": [TOPIC]}
    return hitl.default_answer(question)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
