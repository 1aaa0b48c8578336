"""How the database is opened: what reaches the disk, who may read meanwhile, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from virtual_agora.state.sqlite import open_saver
from virtual_agora.state.stores import thread

FULL = 2
"""SQLite's own number for `synchronous=FULL`."""


@dataclass
class Spell:
    """What a checkpoint could be made to bring to life, were its types not refused."""

    text: str


@pytest.fixture
def saver(tmp_path):
    with open_saver(tmp_path) as saver:
        yield saver


@pytest.mark.parametrize(("pragma", "value"), [("synchronous", FULL), ("journal_mode", "wal")])
def test_every_commit_reaches_the_disk_and_readers_are_let_in(saver, pragma, value):
    assert saver.conn.execute(f"PRAGMA {pragma}").fetchone() == (value,)


def test_only_plain_data_comes_back(saver):
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"agenda": ["a"], "spell": Spell("b")}
    saver.put(thread("s"), checkpoint, {}, {})
    found = saver.get_tuple(thread("s"))
    assert found.checkpoint["channel_values"]["agenda"] == ["a"]
    assert not isinstance(found.checkpoint["channel_values"]["spell"], Spell)
