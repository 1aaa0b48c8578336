"""Sessions at once in one process, in short; `python -m reliability sessions` holds 200."""

from __future__ import annotations

from reliability.sessions import compare, databases, hold

AT_ONCE = 6


def test_sessions_at_once_are_what_each_is_alone(tmp_path):
    alone = hold(AT_ONCE, tmp_path / "alone", database=None, alone=True)
    assert len(set(alone["digests"].values())) == AT_ONCE
    with databases() as places:
        for name, make in places.items():
            found = compare(hold(AT_ONCE, tmp_path / name, database=make()), alone)
            assert found["complete"] == alone["complete"] == AT_ONCE, name
            assert found["calls"] == alone["calls"], name
            assert found["other"] == [], name
