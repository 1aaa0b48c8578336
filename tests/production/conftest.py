"""The application under test, its savers, and the server its models speak through."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from tests.conftest import TestClock
from tests.support.wire import Wire

from virtual_agora.state.sqlite import open_saver
from virtual_agora.testing import make_target


@pytest.fixture
def parity_target(tmp_path):
    return make_target(tmp_path / "reports", clock=TestClock)


@pytest.fixture
def parity_saver(request, tmp_path):
    """In memory, or what production has, where a test is given the parameter `sqlite`."""
    sqlite = getattr(request, "param", "memory") == "sqlite"
    with open_saver(tmp_path / "data") if sqlite else nullcontext(InMemorySaver()) as saver:
        yield saver


@pytest.fixture
def wire(tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire:
        yield wire
