"""The application under test, its savers, and the server its models speak through."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from tests.conftest import TestClock
from tests.support.wire import Wire

from virtual_agora.state.databases import Database, open_store
from virtual_agora.testing import make_target


@pytest.fixture
def parity_target(tmp_path):
    return make_target(tmp_path / "reports", clock=TestClock)


@pytest.fixture
def parity_saver(request, tmp_path):
    """In memory, or what production has, where a test is given the parameter `sqlite` or `postgres`."""
    kind = getattr(request, "param", "memory")
    database = None
    if kind == "postgres":
        cluster = request.getfixturevalue("cluster")
        database = Database(cluster.url(cluster.ready()))
    memory = nullcontext(InMemorySaver())
    with memory if kind == "memory" else open_store(tmp_path / "data", database) as saver:
        yield saver


@pytest.fixture
def wire(tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire:
        yield wire
