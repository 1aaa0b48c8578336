"""The fixtures, as a test gets them."""

from __future__ import annotations

from pathlib import Path

import httpx
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph

from langgraph_parity.outside import (  # noqa: F401 (fixtures)
    effects,
    forward_clock,
    real_files,
    scripted_model,
    wire,
)


def test_a_graph_with_everything_outside_replaced(
    scripted_model, wire, forward_clock, effects, real_files  # noqa: F811
):  # fmt: skip
    model = scripted_model(["A haiku."])
    http = httpx.Client()
    remote = ChatOpenAI(model="any", base_url=wire.base_url, api_key="none", http_client=http)

    def write(state: dict) -> dict:
        text = f"{forward_clock.now():%Y} {model.invoke('?').text} {remote.invoke('?').text}"
        effects.record("write", "haiku.txt")
        Path("haiku.txt").write_text(text)
        return {"text": text}

    builder = StateGraph(dict)
    builder.add_node("write", write)
    builder.add_edge(START, "write")
    with http, SqliteSaver.from_conn_string("state.db") as saver:
        graph = builder.compile(checkpointer=saver)
        list(graph.stream({"text": ""}, {"configurable": {"thread_id": "t"}}, durability="sync"))
    assert {path.name for path in real_files.iterdir()} >= {"haiku.txt", "state.db"}
    assert (real_files / "haiku.txt").read_text().startswith("2026 A haiku. This is the answer")
    assert len(wire.answered()) == len(model.calls) == 1
    effects.once_each("write")
    assert Path.home() == real_files
