"""What was seen is on the disk, where any other process finds it."""

from __future__ import annotations

import time

from tests.conftest import THEME, checked_updates, where

from virtual_agora.state.sqlite import DATABASE, SqliteStore, open_saver


class SlowDisk(SqliteStore):
    """Whoever goes on without waiting for this disk is ahead of it."""

    def put(self, *args, **kwargs):
        time.sleep(0.05)
        return super().put(*args, **kwargs)


def test_an_update_that_was_seen_is_in_the_file(make_flow, tmp_path):
    """Another connection, as another process has one, reads at each update what this one has just been told."""
    with open_saver(tmp_path) as saver, open_saver(tmp_path) as elsewhere:
        slow = SlowDisk(tmp_path / DATABASE, saver.conn)
        flow, reader = make_flow(checkpointer=slow), make_flow(checkpointer=elsewhere)
        session = flow.create_session(THEME, topics=("What does it cost?",))
        for name, _ in checked_updates(flow, session):
            found = reader.graph.get_state(where(session)).values
            assert found == flow.state_manager.get_snapshot(), name
    assert found["status"] == "complete"
