"""What a graph is given and nodes return, before LangGraph drops what it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langgraph.channels import LastValue
from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel
from langgraph.types import Command

from langgraph_parity.schema import fields_of
from langgraph_parity.target import builder_of

__all__ = ["Returned"]


class Returned(BaseCallbackHandler):
    """Notes in `wrong` what nodes return and their graph does not have, and in subgraphs what has the wrong type.

    Each node is judged by its own graph: a subgraph that is a node returns its own state, and its parent takes what
    both have. What a root graph's nodes return is checked when it is committed. An entrypoint of the functional API
    has no fields.
    """

    run_inline = True
    ignore_llm = ignore_chat_model = ignore_retriever = ignore_agent = ignore_retry = True

    def __init__(self, wrong: dict[tuple[int, str, str, str], Any], graph: Any) -> None:
        self._wrong, self._graph = wrong, graph
        self._nodes: dict[Any, tuple[Any, str]] = {}

    def begun(self, given: Any) -> None:
        """The graph is called with this input."""
        builder = builder_of(self._graph)
        if builder is not None and isinstance(given, Mapping):
            for key in given.keys() - builder.schemas[builder.input_schema].keys():
                self._note("P206", "input", str(key))

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: Any, tags: Any = None, metadata: Any = None, **kwargs: Any) -> None:  # fmt: skip
        """A node begins, or something inside one, which is left alone."""
        namespace = (metadata or {}).get("langgraph_checkpoint_ns")
        if namespace and any(tag.startswith("graph:step:") for tag in tags or ()):
            graph, name = _node(self._graph, namespace)
            if graph is not None:
                self._nodes[run_id] = graph, name

    def on_chain_end(self, outputs: Any, *, run_id: Any, **kwargs: Any) -> None:
        """It has returned."""
        graph, node = self._nodes.pop(run_id, (None, ""))
        for update in outputs if isinstance(outputs, list | tuple) else [outputs]:
            if isinstance(update, Command) and update.graph is None:
                update = update.update
            if graph is not None and isinstance(update, Mapping):
                for key, value in update.items():
                    self._look_at(graph, node, key, value)

    def _look_at(self, graph: Any, node: str, key: Any, value: Any) -> None:
        channel = graph.channels.get(key)
        if channel is None:
            self._note("P206", node, str(key))
        elif graph is not self._graph and isinstance(channel, LastValue):
            wrong = fields_of(builder_of(graph).state_schema).wrong(key, value)
            if wrong:
                self._note("P201", node, wrong)

    def _note(self, rule: str, node: str, detail: str) -> None:
        self._wrong[id(self._graph), rule, node, detail] = self._graph


def _node(graph: Any, namespace: str) -> tuple[Any, str]:
    """The graph whose state the node of this namespace returns, and the node's name; None for the graph if it cannot be told."""
    path = [part.partition(":")[0] for part in namespace.split("|") if not part.isdigit()]
    for name in path[:-1]:
        graph = getattr(getattr(graph, "nodes", {}).get(name), "bound", None)
    of_fields = isinstance(graph, CompiledStateGraph) and path[-1] in graph.nodes
    judged = of_fields and not isinstance(graph.nodes[path[-1]].bound, Pregel)
    return (graph if judged else None), ":".join(path)
