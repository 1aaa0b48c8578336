"""Two sessions side by side: forks, sessions that resemble each other, and such that have nothing in common."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from rich.cells import cell_len
from tests.conftest import THEME, TestClock, answers, offline_config
from tests.ui.script import drawn

from virtual_agora.execution.session import Agora
from virtual_agora.hitl import default_answer
from virtual_agora.ui.comparison import show_comparison

TOPICS = ("What does it cost?", "Who pays?")
SHORT = {"min_rounds": 1, "max_rounds": 2, "checkpoint_interval": 9, "positions": "off"}


@pytest.fixture
def agora(tmp_path, database):
    with Agora(tmp_path / "data", database, clock=TestClock()) as agora:
        yield agora


def begin(agora, name, *, theme=THEME, topics=TOPICS, **rules):
    reports = agora.data_dir.parent / "reports"
    config = offline_config(**{**SHORT, **rules})
    return agora.create(config, reports_dir=reports, theme=theme, topics=topics, session_id=name)


def told(agora, one, other, width=100):
    return " ".join(drawn(show_comparison(agora.compare(one, other)), width=width).split())


def test_a_fork_and_its_source(agora):
    source = begin(agora, "source", max_rounds=1)
    agora.run_leg(source, default_answer)
    steps = agora.steps(source)
    assert "final_considerations + closing_positions" in [step.node for step in steps]
    at = next(s.number for s in steps if s.node == "vote_evaluation")
    agora.fork(source, at, "idle")
    assert (
        f"As far as “idle” has come, all is the same; at step {at} “source” went on with vote_evaluation."
        in told(agora, "idle", source)
    )

    fork = agora.fork(source, at, "fork", config=offline_config(**SHORT, conclude="unanimous"))
    agora.run_leg(fork, answers(topic_continuation="end_session"))
    found = agora.compare(source, fork)
    assert (found.shared, found.shared_node) == (at, "vote_evaluation")
    assert [change["key"] for change in found.configuration] == [
        "session.max_rounds",
        "session.conclude",
    ]
    assert (found.parted.step, found.parted.ran) == (at, ("vote_evaluation", "vote_evaluation"))
    assert found.parted.fields == {"concluded_by": ("max_rounds", "")}
    cost, payer = found.topics.values()
    assert [(topic.rounds, topic.statements, topic.concluded_by) for topic in cost] == [
        (1, 4, "max_rounds"),
        (2, 8, "max_rounds"),
    ]
    assert [topic.standing for topic in payer] == ["closed", "open"]
    (origin,) = agora.snapshot(fork)["forked_from"]
    assert found.paid_together.calls == origin["usage"]["offline/scripted"]["calls"]
    assert found.spent[1].calls > found.paid_together.calls
    assert json.loads(json.dumps(found.plain()))["topics"]["Who pays?"][1]["standing"] == "open"

    text = told(agora, source, fork)
    assert f"They share their history up to step {at}, vote_evaluation" in text
    assert "came out otherwise: what concluded the topic." in text
    assert "≠ session.conclude majority unanimous" in text
    narrow = drawn(show_comparison(found), width=60)
    assert max(map(cell_len, narrow.splitlines())) <= 60
    assert "≠ Who pays?\n    source: closed after the last round" in narrow
    assert "    fork: not discussed" in narrow


def test_sessions_that_merely_resemble_each_other(agora):
    for name, rules in {"one": {}, "two": {"dissenter": True}, "three": {}}.items():
        agora.run_leg(begin(agora, name, **rules), answers(topic_continuation=None))
    found = agora.compare("one", "two")
    assert (found.shared, found.shared_node) == (0, "")
    assert found.parted.ran == ("discussion_round", "discussion_round")
    assert list(found.parted.fields) == ["messages"]
    assert "They share no history" in told(agora, "one", "two")
    assert agora.compare("one", "three").parted is None
    assert "came of it so far is the same in both" in told(agora, "one", "three")


def test_what_it_takes_is_no_difference_in_what_comes_of_it(agora, tmp_path):
    packaged = (files("virtual_agora") / "prompts" / "round_summary.md").read_text()
    (tmp_path / "round_summary.md").write_text(f"{packaged}\nBe brief.\n")
    for name, prompts in (("one", None), ("other", str(tmp_path))):
        config = offline_config(**{**SHORT, "max_rounds": 1})
        config = config.model_copy(update={"prompts": prompts})
        reports = agora.data_dir.parent / "reports"
        agora.create(config, reports_dir=reports, theme=THEME, topics=TOPICS, session_id=name)
        agora.run_leg(name, default_answer)
    found = agora.compare("one", "other")
    assert found.spent[0].tokens < found.spent[1].tokens
    assert found.parted is None


def test_one_session_and_sessions_with_nothing_in_common(agora):
    begin(agora, "one")
    begin(agora, "other", theme="Shall we\x1b[2J move?", topics=(), seed=8)
    assert "“one” is one session, named twice" in told(agora, "one", "one")
    text = told(agora, "one", "other")
    assert "They have nothing in common" in text
    assert "≠ theme Should a city" in text
    assert "≠ seed 7 8" in text
    assert "not on the agenda" in text
    assert "\x1b" not in text
