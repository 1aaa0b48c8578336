"""Replay on an application of some size: a recorded session of Virtual Agora against its code, and against changed code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END
from virtual_agora.config.defaults import offline_panel
from virtual_agora.config.models import Config
from virtual_agora.execution.stream_coordinator import StreamCoordinator
from virtual_agora.flow import edges_v13
from virtual_agora.flow.graph_v13 import VirtualAgoraV13Flow, build_graph
from virtual_agora.hitl import default_answer

from langgraph_parity import Parity, Target, replay

RULES = {"seed": 7, "min_rounds": 2, "max_rounds": 2}
CONFIG = Config.model_validate({**offline_panel().model_dump(), "session": RULES})


def target(change: Callable[[Any], object] = lambda graph: None) -> Target:
    """The application, with its graph changed before it is compiled."""

    def build(checkpointer: Any) -> VirtualAgoraV13Flow:
        flow = VirtualAgoraV13Flow(CONFIG, checkpointer=checkpointer, reports_dir=Path("reports"))
        change(graph := build_graph(flow))
        flow.compiled_graph = graph.compile(checkpointer=checkpointer)
        return flow

    return Target(
        name="agora",
        build=build,
        graph=lambda flow: flow.graph,
        begin=lambda flow, theme, thread_id: flow.create_session(theme, session_id=thread_id),
        entry=lambda flow, theme, config, answer: StreamCoordinator(
            flow, answer
        ).coordinate_stream_execution(config),
        volatile=("*_at", "timestamp", "*.timestamp"),
    )


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A whole session, and one that waits for the approval of its agenda."""
    folder = tmp_path_factory.mktemp("agora")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("VIRTUAL_AGORA_OFFLINE_LATENCY", "0")
        parity = Parity(target())
        done = parity.run("Should buses be free?", answers=default_answer)
        assert done.outcome == "done"
        first = parity.record(done, folder / "done.json")
        waiting = parity.run("Should buses be free?", answers=lambda question: None)
        assert waiting.outcome == "waiting"
        yield first, parity.record(waiting, folder / "waiting.json")


def found(path: Path, change: Callable[[Any], object]) -> set[tuple[str, str, str]]:
    return {(f.rule, f.where.split()[-1], f.detail) for f in replay(path, target(change))}


def test_unchanged_code_is_clean(histories: Any) -> None:
    for path in histories:
        assert replay(path, target()) == []


def test_a_renamed_node_is_found(histories: Any) -> None:
    def renamed(graph: Any) -> None:
        graph.nodes["output"] = graph.nodes.pop("multi_file_output")
        graph.edges -= {("final_report_generation", "multi_file_output"), ("multi_file_output", END)}  # fmt: skip
        graph.edges |= {("final_report_generation", "output"), ("output", END)}

    assert found(histories[0], renamed) == {("P701", "multi_file_output", "the thread ran it")}
    assert found(histories[1], renamed) == set()


def test_a_node_gone_where_a_session_waits_is_found(histories: Any) -> None:
    def renamed(graph: Any) -> None:
        graph.nodes["approval"] = graph.nodes.pop("agenda_approval")
        graph.edges -= {("synthesize_agenda", "agenda_approval")}
        graph.edges |= {("synthesize_agenda", "approval")}
        graph.branches["approval"] = graph.branches.pop("agenda_approval")

    assert found(histories[1], renamed) == {("P701", "agenda_approval", "the thread waits there")}


def test_a_changed_threshold_is_found(histories: Any) -> None:
    def sooner(state: Any) -> Any:
        return edges_v13.after_summary({**state, "current_round": state["current_round"] + 1})

    def changed(graph: Any) -> None:
        graph.branches["round_summarization"].clear()
        graph.add_conditional_edges("round_summarization", sooner)

    assert {one[:2] for one in found(histories[0], changed)} == {
        ("P704", "round_summarization"),
        ("P705", "round_summarization"),
    }


def test_a_dropped_edge_is_found(histories: Any) -> None:
    both = ("final_considerations", "closing_positions")

    def dropped(graph: Any) -> None:
        graph.edges -= {(one, "topic_summary_generation") for one in both}

    assert found(histories[0], dropped) == {
        ("P704", one, "to topic_summary_generation") for one in both
    }
