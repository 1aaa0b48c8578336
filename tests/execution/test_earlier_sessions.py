"""Sessions that were saved before there were positions, by `make_earlier_sessions.py`, are gone on with."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tests.conftest import TestClock

from virtual_agora.events import CallStarted
from virtual_agora.execution.session import Agora
from virtual_agora.hitl import default_answer
from virtual_agora.state.sqlite import DATABASE
from virtual_agora.state.validator import validate_state_consistency

SAVED = Path(__file__).with_name("earlier_sessions.sqlite3.gz")


@pytest.fixture
def agora(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the sessions keep their reports in a relative folder
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / DATABASE).write_bytes(gzip.decompress(SAVED.read_bytes()))
    with Agora(tmp_path / "data", clock=TestClock()) as agora:
        yield agora


def finished(agora, session):
    """The tasks of the calls that a session still takes, and its state at the end."""
    told = []
    leg = agora.run_leg(session, default_answer, listener=told.append)
    assert leg.status == "complete"
    state = agora.snapshot(session)
    assert validate_state_consistency(state)["errors"] == []
    assert state["completed_topics"] == ["Drills"]
    return [event.task for event in told if isinstance(event, CallStarted)], state


def test_a_round_goes_on_where_it_was_broken_off(agora):
    calls, state = finished(agora, "in-a-round")
    # Two of the three statements of the first round had been answered.
    first_round = calls[: calls.index("round_summary")]
    assert first_round == ["statement"]
    assert {p["moment"] for p in state["positions"]} == {"after"}


def test_a_topic_that_had_been_concluded_comes_to_its_report(agora):
    calls, state = finished(agora, "before-last-words")
    assert "statement" not in calls
    assert [report["topic"] for report in state["reports"]] == ["Drills", ""]


def test_a_finished_session_stays_as_it_is_and_can_be_forked(agora):
    calls, state = finished(agora, "finished")
    assert calls == []
    assert state["positions"] == []
    steps = [step.number for step in agora.steps("finished")]
    assert len(steps) == 17
    for number in (steps[3], *steps[11:]):
        calls, _ = finished(agora, agora.fork("finished", number))
        assert calls or number == steps[-1]
