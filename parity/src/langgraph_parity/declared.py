"""What a graph declares: its nodes, its edges, and whose targets it leaves open; with those of its subgraphs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from langgraph.constants import END, START
from langgraph.pregel import Pregel

from langgraph_parity.target import builder_of
from langgraph_parity.writes import Writes

__all__ = ["Shape", "name_in", "shape_of"]


@dataclass
class Shape:
    """Nodes and edges by name. A node of a subgraph is named after the node it is in: `polish:trim`."""

    nodes: set[str] = field(default_factory=set)
    edges: set[tuple[str, str]] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    """Sources whose router does not say where it may lead: no path map, and no Literal as its return type."""

    def undeclared(self, source: str, target: str) -> bool:
        """Is this way one that the graph does not declare?"""
        return (source, target) not in self.edges and source not in self.open


def shape_of(graph: Any) -> Shape:
    """What the graph and its subgraphs declare."""
    shape = Shape()
    for prefix, one in _graphs("", graph):
        builder = builder_of(one)
        if builder is None:
            _drawn(shape, prefix, one)
        else:
            _built(shape, prefix, builder)
    return shape


def name_in(written: Writes, name: str) -> str:
    """The name of a node of the graph that wrote this: with that of the subgraph, if it is in one."""
    parts = [p.split(":")[0] for p in written.namespace.split("|") if p and not p.isdigit()]
    return ":".join([*parts, name])


def _graphs(prefix: str, graph: Any) -> Iterator[tuple[str, Any]]:
    yield prefix, graph
    for name, node in graph.nodes.items():
        for inner in node.subgraphs or ():
            # Without a checkpointer of its parent's, nothing of a subgraph's run is seen.
            if isinstance(inner, Pregel) and inner.checkpointer is not False:
                yield from _graphs(f"{prefix}{name}:", inner)


def _built(shape: Shape, prefix: str, builder: Any) -> None:
    """What was said to a StateGraph; `get_graph()` draws an edge to every node where a router says nothing."""
    always = {*builder.edges, *((s, end) for many, end in builder.waiting_edges for s in many)}
    edges = set(always)
    nodes = {name: spec for name, spec in builder.nodes.items() if not spec.is_error_handler}
    for source, branches in builder.branches.items():
        for branch in branches.values():
            if branch.ends is None:
                shape.open.add(prefix + source)
            else:
                edges |= {(source, end) for end in branch.ends.values()}
    for name, spec in nodes.items():
        edges |= {(name, end) for end in spec.ends or ()}
        if spec.error_handler_node:
            shape.open.add(prefix + name)
        if name not in {s for s, _ in edges} and prefix + name not in shape.open:
            edges.add((name, END))
    # An end leaves no trace beside an edge that is always taken.
    onward = {source for source, end in always if end != END}
    shape.nodes |= {prefix + name for name in nodes}
    shape.edges |= {(prefix + s, prefix + e) for s, e in edges if e != END or s not in onward}


def _drawn(shape: Shape, prefix: str, graph: Any) -> None:
    """A graph of the functional API: its input is no way that is stored."""
    drawing = graph.get_graph()
    shape.nodes |= {prefix + name for name in drawing.nodes if name not in (START, END)}
    shape.edges |= {
        (prefix + edge.source, prefix + edge.target)
        for edge in drawing.edges
        if edge.source != START
    }
