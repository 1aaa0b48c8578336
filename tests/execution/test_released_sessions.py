"""Sessions that releases saved, made by `make_released_sessions.py`: they are gone on with, and nothing in them reads otherwise."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from langgraph_parity import replay
from tests.conftest import TestClock, answers

from virtual_agora.events import CallStarted
from virtual_agora.execution.session import Agora
from virtual_agora.hitl import default_answer
from virtual_agora.state.checkpoints import latest
from virtual_agora.state.schema import SCHEMA_VERSION
from virtual_agora.state.sqlite import DATABASE
from virtual_agora.state.validator import validate_state_consistency
from virtual_agora.testing import TARGET

HERE = Path(__file__).parent
ADDED = ("digests", "task_usage")
"""Fields that steps have given since, and in no release before."""
RELEASES = sorted(path.name.removesuffix(".json.gz") for path in HERE.glob("released_*.json.gz"))

pytestmark = pytest.mark.parametrize("release", RELEASES)


@pytest.fixture
def agora(release, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the sessions keep their reports in a relative folder
    (tmp_path / "data").mkdir()
    saved = gzip.decompress((HERE / f"{release}.sqlite3.gz").read_bytes())
    (tmp_path / "data" / DATABASE).write_bytes(saved)
    with Agora(tmp_path / "data", clock=TestClock()) as agora:
        yield agora


def content(state):
    """A session without what is its own: its name, its times, and the length of the prompts, which each release words anew."""
    own = {"session_id", "start_time", "forked_from", *ADDED}
    plain = {field: value for field, value in state.items() if field not in own}
    for field in ("messages", "positions"):
        plain[field] = [{**entry, "at": ""} for entry in plain[field]]
    worded = {"input_tokens": 0, "prompt_chars": 0}
    plain["usage"] = {model: {**used, **worded} for model, used in plain["usage"].items()}
    return plain


@pytest.mark.parametrize("session", ["waiting", "killed"])
def test_a_session_comes_to_the_end_that_the_release_would_have_come_to(agora, session):
    released = agora.snapshot("finished")
    assert [info.status for info in agora.list_sessions()] == ["complete", "interrupted", "waiting"]
    before = agora.info(session).calls
    # Answered and saved within the step that was broken off.
    saved = latest(agora._saver, session).pending_writes
    answered = [value for _, channel, value in saved if channel == "__return__"]
    assert bool(answered) == (session == "killed")
    told = []
    assert agora.run_leg(session, default_answer, listener=told.append).status == "complete"
    state = agora.snapshot(session)
    assert validate_state_consistency(state)["errors"] == []
    assert content(state) == content(released)
    made = sum(isinstance(event, CallStarted) for event in told)
    assert before + len(answered) + made == state["usage"]["offline/scripted"]["calls"]


def test_a_finished_one_is_forked_and_goes_on(agora):
    (number,) = (step.number for step in agora.steps("finished") if step.node == "user_approval")
    released = agora.snapshot("finished")
    fork = agora.fork("finished", number)
    ended = agora.run_leg(fork, answers(topic_continuation="end_session"))
    assert ended.status == "complete"
    assert (
        agora.snapshot(fork)["messages"]
        == released["messages"][: len(agora.snapshot(fork)["messages"])]
    )
    assert agora.snapshot(fork)["forked_from"][0]["session"] == "finished"
    assert (released["schema_version"], agora.snapshot(fork)["schema_version"]) == (
        1,
        SCHEMA_VERSION,
    )
    assert agora.snapshot("finished") == released


def test_the_record_of_a_session_is_reproduced_step_by_step(release, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    history = tmp_path / "history.json"
    history.write_bytes(gzip.decompress((HERE / f"{release}.json.gz").read_bytes()))
    added = {f"key {name} is not in the record" for name in ADDED}
    assert [found for found in replay(history, TARGET) if found.detail not in added] == []
