"""What nodes return, before LangGraph drops what it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langgraph.types import Command

__all__ = ["Returned"]


class Returned(BaseCallbackHandler):
    """Notes in `dropped` the fields that nodes of a root graph return and the graph does not have."""

    run_inline = True
    ignore_llm = ignore_chat_model = ignore_retriever = ignore_agent = ignore_retry = True

    def __init__(self, dropped: dict[tuple[int, str, str], Any], graph: Any) -> None:
        self._dropped, self._graph = dropped, graph
        self._nodes: dict[Any, str] = {}

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: Any, tags: Any = None, metadata: Any = None, **kwargs: Any) -> None:  # fmt: skip
        """A node of the root graph begins, or something inside one, which is left alone."""
        metadata = metadata or {}
        is_node = any(tag.startswith("graph:step:") for tag in tags or ())
        if is_node and "|" not in metadata.get("langgraph_checkpoint_ns", "|"):
            self._nodes[run_id] = metadata["langgraph_node"]

    def on_chain_end(self, outputs: Any, *, run_id: Any, **kwargs: Any) -> None:
        """It has returned."""
        node = self._nodes.pop(run_id, None)
        for update in outputs if isinstance(outputs, list | tuple) else [outputs]:
            if isinstance(update, Command) and update.graph is None:
                update = update.update
            if node is not None and isinstance(update, Mapping):
                for key in update.keys() - self._graph.channels.keys():
                    self._dropped[id(self._graph), node, str(key)] = self._graph
