"""Virtual Agora, tested with the kit: one topic, one or two rounds, the offline panel."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import virtual_agora
from langchain_core.callbacks import BaseCallbackHandler
from virtual_agora import providers
from virtual_agora.flow.graph_v13 import VirtualAgoraV13Flow
from virtual_agora.providers.offline import OfflineChatModel
from virtual_agora.state.validator import validate_state_consistency

from conftest import TOPIC, drive, flow_of, one_topic
from langgraph_parity import Parity, Target
from langgraph_parity.lint import lint

HERE = Path(__file__).parent
THEME = {"theme": "Should buses be free?"}
GIVEN = {**THEME, "topics": [TOPIC]}
NODES = ["agenda_proposal", "discussion_round", "round_summarization", "topic_report_generation", "topic_summary_generation"]  # fmt: skip


def target(seed: int = 7) -> Target:
    return Target(
        name="agora",
        build=lambda saver: flow_of(saver, seed),
        graph=lambda flow: flow.graph,
        begin=lambda flow, given, thread: flow.create_session(
            given["theme"], topics=given.get("topics", ()), session_id=thread
        ),
        entry=lambda flow, given, config, answer: drive(flow, config, answer),
        resume=lambda flow, config, answers: flow.stream(config, resume=answers),
        coordinator=VirtualAgoraV13Flow.stream,
        projection=lambda flow: flow.state_manager.state,
        default_answer=one_topic,
        terminal=lambda values: values.get("status") == "complete",
        invariants={"valid": lambda values: validate_state_consistency(values)["errors"]},
        seams=("virtual_agora.providers.create_provider",),
        superstep_limit=80,
        time_limit=120,
    )


@pytest.fixture
def parity_target(request: pytest.FixtureRequest) -> Target:
    return target(7 + request.config.getoption("--parity-seed"))


class Calls(BaseCallbackHandler):
    """Counts the calls of the panel's models by their prompts."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()

    def on_chat_model_start(self, serialized: Any, messages: Any, **_: Any) -> None:
        self.made["\n".join(message.text for message in messages[0])] += 1

    def counts(self) -> Counter[str]:
        return self.made.copy()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    made = Calls()
    monkeypatch.setattr(providers, "create_provider", lambda *_, persona, seed, **more: OfflineChatModel(persona=persona, seed=seed, latency=0, callbacks=[made]))  # fmt: skip
    return made


@pytest.mark.parity_budget(HERE / "parity_baseline.json")
def test_budget(parity: Parity) -> None:
    parity.target = target()
    assert parity.run(THEME).outcome == "done"


@pytest.mark.parity_crash(limit=30)
def test_crashes(parity: Parity, calls: Calls) -> None:
    assert parity.run(GIVEN).outcome == "done"


@pytest.mark.parity_faults(nodes=NODES, errors=["exception", "call"])
def test_faults(parity: Parity) -> None:
    assert parity.run(THEME).outcome == "done"


def test_answers_of_every_kind(parity: Parity, request: Any) -> None:
    parity.explore(GIVEN, examples=20, seed=request.config.getoption("--parity-seed"))


@pytest.mark.parametrize("history", ["done", "waiting"])
def test_sessions_of_the_last_release(parity: Parity, history: str) -> None:
    parity.target = target()
    parity.replay(HERE / f"histories/{history}.json")


def test_source(parity: Parity) -> None:
    parity.add(*lint([Path(virtual_agora.__file__).parent / "flow"], packages=["virtual_agora"]))
