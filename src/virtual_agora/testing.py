"""This application as a target for `langgraph-parity`, the kit that tests it on the path of production.

    # pyproject.toml
    [tool.pytest.ini_options]
    parity_target = "virtual_agora.testing:TARGET"

The kit is not installed with Virtual Agora; nothing else in the package imports this module. The scripted panel speaks,
so neither keys nor network are needed; `VIRTUAL_AGORA_OFFLINE_LATENCY=0` makes it answer at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph_parity import Target

from virtual_agora import hitl
from virtual_agora.clock import Clock
from virtual_agora.config.defaults import offline_panel
from virtual_agora.config.models import Config, SessionConfig
from virtual_agora.execution.stream_coordinator import StreamCoordinator
from virtual_agora.flow.graph_v13 import VirtualAgoraV13Flow
from virtual_agora.state.validator import validate_state_consistency

__all__ = ["PANEL", "QUESTIONS", "TARGET", "THEME", "TOPICS", "VARIANTS", "make_target"]

THEME = "Should a city of 200,000 make its public transport free?"
TOPICS = ("What does it cost?",)
SMALL = SessionConfig(seed=7, min_rounds=1, max_rounds=1, checkpoint_interval=1)
PANEL = offline_panel().model_copy(update={"session": SMALL})
"""The scripted panel, under rules by which a session is soon over and yet asks at every gate."""

QUESTIONS = (
    hitl.theme_request(),
    hitl.agenda_approval(["One"], {}, rejections_left=3),
    hitl.user_turn("One", 1, "start_of_round"),
    hitl.periodic_stop("One", 1, {}),
    hitl.topic_continuation("One", [], {}),
    hitl.provider_failure([], may_exclude=True, step="poll"),
    hitl.budget_reached(
        [],
        scope="session",
        topic="One",
        round_number=1,
        remaining_topics=[],
        going_on=0,
        closing={"calls": 0, "tokens": 0, "cost": 0.0},
        step="poll",
    ),
)
"""Every question a session can ask, with all its options."""

CHOICES = ("agenda", "participation", "voting_rule")
RULES_ALONE = ("instant_runoff", "ranked_pairs", "schulze")
VARIANTS: dict[str, dict[str, Any]] = {
    "/".join(chosen): dict(zip(CHOICES, chosen, strict=True))
    for chosen in itertools.chain(
        itertools.product(
            ("assembly", "user"),
            ("disabled", "start_of_round", "end_of_round"),
            ("borda", "copeland", "plurality"),
        ),
        itertools.product(("assembly",), ("disabled",), RULES_ALONE),
    )
} | {
    "positions off": {"agenda": "user", "positions": "off"},
    "everything on": {
        "agenda": "user",
        "positions": "every_round",
        "control": True,
        "single_model": True,
        "dissenter": True,
        "attribution": "shown",
    },
}
"""Who makes the agenda, whether and when the user may speak, how the ballots are counted.

Every combination with three of the rules; the others by themselves, since a rule meets the protocol in one place.
So do positions: a session without any, and one with all that can be asked about them.
"""


class _Flow(VirtualAgoraV13Flow):
    """A flow that knows whose agenda its sessions have: “user” or “assembly”."""

    agenda = "assembly"


def make_target(
    reports_dir: Path = Path("reports"),
    *,
    config: Config = PANEL,
    clock: Callable[[], Clock] = Clock,
) -> Target:
    """The application with its reports in `reports_dir`, of another panel or under other rules where `config` has them.

    `parity.run(input)` takes the arguments of `create_session`; without any it begins a session on `THEME`.
    """

    def build(
        saver: BaseCheckpointSaver[Any], *, agenda: str = "assembly", **rules: Any
    ) -> VirtualAgoraV13Flow:
        session = SessionConfig.model_validate({**config.session.model_dump(), **rules})
        made = config.model_copy(update={"session": session})
        flow = _Flow(made, checkpointer=saver, clock=clock(), reports_dir=reports_dir)
        flow.agenda = agenda
        return flow

    return Target(
        name="virtual-agora",
        build=build,
        graph=lambda flow: flow.graph,
        begin=_begin,
        entry=lambda flow, _, config, answer: StreamCoordinator(
            flow, answer
        ).coordinate_stream_execution(config),
        coordinator=StreamCoordinator.coordinate_stream_execution,
        resume=lambda flow, config, answers: flow.stream(config, resume=answers),
        projection=lambda flow: flow.state_manager.get_snapshot(),
        default_answer=lambda question: question["default"] and hitl.default_answer(question),
        terminal=lambda values: values.get("status") == "complete",
        invariants={"state": lambda values: validate_state_consistency(values)["errors"]},
        answers={question["type"]: list(question["options"]) for question in QUESTIONS},
        variants=VARIANTS,
        seams=(
            "virtual_agora.providers.create_provider",
            "virtual_agora.flow.nodes_v13.interrupt",
            "virtual_agora.flow.graph_v13.V13Nodes.*_node",
        ),
        volatile=("start_time", "at"),
    )


def _begin(flow: _Flow, input: Mapping[str, Any] | None, session_id: str) -> str:
    topics = TOPICS if flow.agenda == "user" else ()
    begun = {"main_topic": THEME, "topics": topics} if input is None else input
    return flow.create_session(**begun, session_id=session_id)


TARGET = make_target()
"""The scripted panel; reports go to `reports` in the working folder."""
