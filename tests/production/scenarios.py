"""Sessions that between them go every way the protocol has, and a watch that sees which ways were gone.

    python -m tests.production.scenarios

holds them all and prints the coverage of steps, ways and answers as Markdown.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from tests.conftest import THEME, TestClock, answers, offline_config, where
from tests.support.wire import Wire

from virtual_agora import hitl
from virtual_agora.config.models import Config
from virtual_agora.events import Event, QuestionAnswered, QuestionAsked
from virtual_agora.execution.stream_coordinator import StreamCoordinator
from virtual_agora.flow.graph_v13 import NODES, VirtualAgoraV13Flow
from virtual_agora.flow.interrupts import GraphInterrupt

TOPICS = ("What does it cost?", "Who gains?")

QUESTIONS = (
    hitl.theme_request(),
    hitl.agenda_approval(["One"], {}, rejections_left=1),
    hitl.user_turn("One", 1, "start_of_round"),
    hitl.periodic_stop("One", 1, {}),
    hitl.topic_continuation("One", [], {}),
    hitl.provider_failure([], may_exclude=True, step="poll"),
)
"""Every question a session can ask, with all its options."""


@dataclass(frozen=True)
class Scenario:
    """A session: its rules, how it is begun, how each question is answered, and which models speak.

    `models` names misbehaving models of the wire double; without it the offline assembly speaks.
    """

    name: str
    begun: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    models: tuple[str, ...] = ()


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
        answers={"provider_failure": ["stop", "retry"]},
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
)


@dataclass
class Coverage:
    """What sessions went through: steps, ways from one to the next, answers by question type."""

    steps: Counter[str] = field(default_factory=Counter)
    ways: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)

    def hold(self, scenario: Scenario, folder: Path) -> dict[str, Any]:
        """Hold one scenario's session to its end, and return its final state."""
        with Wire(folder / "requests.jsonl") as wire:
            config = _config(scenario, wire.base_url)
            flow = VirtualAgoraV13Flow(
                config,
                checkpointer=_WatchingSaver(self.ways),
                clock=TestClock(),
                reports_dir=folder / "reports",
                listener=self._listen,
            )
            self._asked: dict[str, str] = {}
            begun = {"main_topic": THEME if scenario.begun else "", **scenario.begun}
            session = flow.create_session(**begun)
            answer = answers(**scenario.answers)
            while True:
                coordinator = StreamCoordinator(flow, answer)
                try:
                    for update in coordinator.coordinate_stream_execution(where(session)):
                        self.steps.update(update.keys())
                    return dict(flow.state_manager.get_snapshot())
                except GraphInterrupt as pause:
                    # Only `stop` leaves a question unanswered here; the cause is mended meanwhile.
                    self.answers[(pause.value["type"], "stop")] += 1
                    wire.mend()

    def _listen(self, event: Event) -> None:
        match event:
            case QuestionAsked(question_id, payload):
                self._asked[question_id] = payload["type"]
            case QuestionAnswered(question_id, answer):
                self.answers[(self._asked[question_id], answer["action"])] += 1
            case _:
                pass


class _WatchingSaver(InMemorySaver):
    """Sees the ways taken in the writes that trigger the next step; the run itself is untouched."""

    def __init__(self, ways: Counter[tuple[str, str]]) -> None:
        super().__init__()
        self._ways = ways

    def put_writes(
        self, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        for channel, _ in writes:
            if channel.startswith(("branch:to:", "join:")):
                self._ways[(task_path.split(", ")[-1], channel.split(":")[-1])] += 1
        super().put_writes(config, writes, task_id, task_path)


def _config(scenario: Scenario, base_url: str) -> Config:
    if not scenario.models:
        return offline_config(**scenario.rules)
    agent = {"provider": "openai_compatible", "base_url": base_url}
    return Config.model_validate(
        {
            "agents": [{**agent, "model": model} for model in scenario.models],
            "moderator": {**agent, "model": "good"},
            "summarizer": {**agent, "model": "good"},
            "report_writer": {**agent, "model": "good"},
            "session": {"seed": 1, **scenario.rules},
        }
    )


def declared_ways() -> set[tuple[str, str]]:
    """Every way the compiled graph declares between two steps."""
    edges = VirtualAgoraV13Flow(offline_config()).graph.get_graph().edges
    return {
        (edge.source, edge.target) for edge in edges if {edge.source, edge.target} <= set(NODES)
    }


def possible_answers() -> set[tuple[str, str]]:
    """Every answer to every question."""
    return {(question["type"], action) for question in QUESTIONS for action in question["options"]}


def table(coverage: Coverage) -> Iterator[str]:
    """The coverage as Markdown."""
    ways, answered = declared_ways(), possible_answers()
    rows = (
        ("steps", set(NODES), coverage.steps),
        ("ways between steps", ways, coverage.ways),
        ("answers to questions", answered, coverage.answers),
    )
    yield "| | possible | taken | |"
    yield "|---|---|---|---|"
    for name, possible, taken in rows:
        share = len(possible & set(taken)) / len(possible)
        yield f"| {name} | {len(possible)} | {len(possible & set(taken))} | {share:.0%} |"
    for title, possible, taken in (
        ("Way", ways, coverage.ways),
        ("Answer", answered, coverage.answers),
    ):
        yield f"\n| {title} | times taken |\n|---|---|"
        yield from (f"| {one} → {other} | {taken[one, other]} |" for one, other in sorted(possible))


def hold_all() -> Coverage:
    """Hold every scenario."""
    coverage = Coverage()
    for scenario in SCENARIOS:
        with tempfile.TemporaryDirectory() as folder:
            coverage.hold(scenario, Path(folder))
    return coverage


if __name__ == "__main__":
    os.environ["VIRTUAL_AGORA_OFFLINE_LATENCY"] = "0"
    print("\n".join(table(hold_all())))
