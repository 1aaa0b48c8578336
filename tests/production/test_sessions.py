"""Sessions that between them go every way the protocol has, and give every answer to every question.

`make test` fails while a declared way or a possible answer is missing: see the report that it writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.conftest import TestClock, offline_config
from tests.production.panels import wire_config

from virtual_agora.config.models import BudgetConfig
from virtual_agora.testing import THEME, make_target

TOPICS = ("What does it cost?", "Who gains?")


@dataclass(frozen=True)
class Scenario:
    """A session: its rules, how it is begun, how each question is answered, and which models speak.

    `models` names misbehaving models of the wire double; without it the offline assembly speaks. `then` are the
    answers once a session that was left waiting goes on, with the models mended.
    """

    name: str
    begun: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Any] = field(default_factory=dict)
    budget: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    then: Mapping[str, Any] | None = None


def _edit(*titles: str) -> dict[str, Any]:
    return {"action": "edit", "agenda": list(titles)}


SCENARIOS = (
    Scenario(
        "the assembly's agenda, rejected once",
        begun={"main_topic": THEME},
        answers={"agenda_approval": ["reject", {"action": "reorder", "order": [2, 1]}]},
    ),
    Scenario(
        "theme and topics asked for, the user speaks first in each round",
        rules={"participation": "start_of_round", "min_rounds": 2},
        answers={
            "theme_request": {"action": "start", "theme": THEME, "topics": list(TOPICS)},
            "user_turn": [
                "continue",
                {"action": "participate", "text": "And at night?"},
                "finalize",
            ],
        },
    ),
    Scenario(
        "the user speaks last in each round and closes the topic",
        begun={"topics": TOPICS[:1]},
        rules={"participation": "end_of_round"},
        answers={"user_turn": [{"action": "participate", "text": "And at night?"}, "finalize"]},
    ),
    Scenario(
        "the user ends a topic, then the session",
        begun={"topics": TOPICS},
        rules={"min_rounds": 1, "checkpoint_interval": 1},
        answers={"periodic_stop": ["end_topic"], "topic_continuation": ["end_session"]},
    ),
    Scenario(
        "straight to the report",
        begun={"topics": TOPICS},
        rules={"min_rounds": 1, "checkpoint_interval": 1},
        answers={"periodic_stop": ["skip_to_report"]},
    ),
    Scenario(
        "no agreement before the last round",
        begun={"topics": TOPICS},
        rules={"min_rounds": 1, "max_rounds": 2, "conclude": "unanimous", "checkpoint_interval": 9},
    ),
    Scenario(
        "the same, with the user speaking first",
        begun={"topics": TOPICS[:1]},
        rules={
            "min_rounds": 1,
            "max_rounds": 2,
            "conclude": "unanimous",
            "participation": "start_of_round",
        },
    ),
    Scenario(
        "the agenda revised at the regular stop",
        begun={"topics": TOPICS},
        rules={"min_rounds": 1, "checkpoint_interval": 1},
        answers={"periodic_stop": ["modify_agenda", "continue"], "agenda_approval": "approve"},
        models=("good", "good", "good"),
    ),
    Scenario(
        "the agenda revised between topics, to nothing that is still open",
        begun={"topics": TOPICS},
        rules={"min_rounds": 1, "conclude": "unanimous", "max_rounds": 1},
        answers={"topic_continuation": ["modify_agenda"], "agenda_approval": _edit(TOPICS[0])},
        models=("good", "good", "off-form"),
    ),
    Scenario(
        "the agenda found right as it is",
        begun={"topics": TOPICS},
        rules={"min_rounds": 1, "max_rounds": 1},
        answers={"topic_continuation": ["modify_agenda"]},
        models=("off-form", "off-form"),
    ),
    Scenario(
        "nothing left to revise and nothing to add",
        begun={"topics": TOPICS[:1]},
        rules={"min_rounds": 1, "max_rounds": 1, "checkpoint_interval": 1},
        answers={"periodic_stop": ["modify_agenda"]},
        models=("off-form", "off-form"),
    ),
    Scenario(
        "a refused key, stopped at first, then mended",
        begun={"topics": TOPICS[:1]},
        answers={"provider_failure": "stop"},
        then={"provider_failure": "retry"},
        models=("good", "good", "refuses-key"),
    ),
    Scenario(
        "a refused key, done without",
        begun={"topics": TOPICS[:1]},
        answers={"provider_failure": "exclude_agent"},
        models=("good", "good", "refuses-key"),
    ),
    Scenario(
        "a refused key, replaced",
        begun={"topics": TOPICS[:1]},
        answers={
            "provider_failure": {
                "action": "replace_model",
                "provider": "offline",
                "model": "scripted",
            }
        },
        models=("good", "good", "refuses-key"),
    ),
    Scenario(
        "a budget used up in the middle of a round, raised, then used up for good",
        begun={"topics": TOPICS},
        rules={"min_rounds": 2, "max_rounds": 2},
        budget={"calls": 6},
        answers={"budget_reached": [{"action": "extend", "calls": 12}, "conclude"]},
    ),
    Scenario(
        "a budget used up between topics, stopped at first, then concluded",
        begun={"topics": TOPICS},
        rules={"min_rounds": 1, "max_rounds": 1, "positions": "off"},
        budget={"calls": 20},
        answers={"budget_reached": "stop"},
        then={"budget_reached": "conclude"},
    ),
)


@pytest.fixture
def parity_target(scenario, tmp_path, request):
    config = offline_config(**scenario.rules)
    if scenario.models:
        wire = request.getfixturevalue("wire")
        config = wire_config(wire, *scenario.models, seed=1, **scenario.rules)
    budget = BudgetConfig.model_validate(scenario.budget)
    config = config.model_copy(update={"budget": budget})
    return make_target(tmp_path / "reports", config=config, clock=TestClock)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_session_to_its_end(parity, scenario, request):
    run = parity.run(
        {"main_topic": THEME if scenario.begun else "", **scenario.begun}, answers=scenario.answers
    )
    if scenario.then is not None:
        assert run.outcome == "waiting"
        if scenario.models:
            request.getfixturevalue("wire").mend()
        run = parity.resume(run, answers=scenario.then)
    assert run.outcome == "done"
