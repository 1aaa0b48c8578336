"""Sessions at once in one process, in short; `python -m reliability sessions` holds 200."""

from __future__ import annotations

from reliability.sessions import compare, hold

AT_ONCE = 8


def test_sessions_at_once_are_what_each_is_alone(tmp_path):
    alone = hold(AT_ONCE, tmp_path / "alone", database=None, alone=True)
    assert len(set(alone["digests"].values())) == AT_ONCE
    found = compare(hold(AT_ONCE, tmp_path / "together", database=None), alone)
    assert found["complete"] == alone["complete"] == AT_ONCE
    assert found["calls"] == alone["calls"]
    assert found["other"] == []
