"""A small application with everything the kit looks at: fan-out, a question, a subgraph, a copy of the state."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from langgraph.errors import GraphBubbleUp, GraphInterrupt
from langgraph.func import task
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from typing_extensions import TypedDict

from langgraph_parity import Target


class Note(TypedDict):
    text: str
    weight: int


class Plan(TypedDict):
    topic: str
    notes: Annotated[list[Note], operator.add]
    votes: Annotated[dict[str, int], operator.or_]
    decision: str
    last_error: str


class Topic(TypedDict):
    topic: str


@task
def model(prompt: str) -> str:
    return prompt.upper()


def outline(state: Plan) -> dict[str, Any]:
    return {"notes": [{"text": model(state["topic"]).result(), "weight": 1}]}


def fan_out(state: Plan) -> list[Send]:
    return [Send("look_up", {"topic": name}) for name in ("left", "right")]


def look_up(state: Plan) -> dict[str, Any]:
    return {"votes": {state["topic"]: 1}}


def approve(state: Plan) -> dict[str, Any]:
    answer = interrupt({"type": "approval", "options": ["approve", "reject"], "default": "approve"})
    return {"decision": answer}


def route(state: Plan) -> str:
    return "outline" if state["decision"] == "reject" else "polish"


def polish(state: Topic) -> dict[str, Any]:
    return {"topic": state["topic"].strip()}


class Planner:
    """The application: a graph, a copy of its state, and the coordinator."""

    def __init__(self, checkpointer: Any, durability: Any = "sync", **nodes: Any) -> None:
        self.durability = durability
        self.copy: dict[str, Any] = {}
        inner = StateGraph(Topic)
        inner.add_node("trim", polish)
        inner.add_edge(START, "trim")
        graph = StateGraph(Plan)
        for name, node in {
            "outline": outline,
            "look_up": look_up,
            "approve": approve,
            "polish": inner.compile(),
            **nodes,
        }.items():
            graph.add_node(name, node)
        graph.add_edge(START, "outline")
        graph.add_conditional_edges("outline", fan_out, ["look_up"])
        graph.add_edge("look_up", "approve")
        graph.add_conditional_edges("approve", route, ["outline", "polish"])
        graph.add_edge("polish", END)
        self.graph = graph.compile(checkpointer=checkpointer)

    def stream(self, given: Any, config: Any) -> Iterator[dict[str, Any]]:
        """Yield `{node: update}` once it is saved; GraphInterrupt when the graph waits."""
        held: list[dict[str, Any]] = []
        waiting: Any = ()
        modes = ["updates", "values"]
        for mode, chunk in self.graph.stream(
            given, config, stream_mode=modes, durability=self.durability
        ):
            if mode == "updates":
                waiting = waiting or chunk.get("__interrupt__", ())
                held += [{n: u} for n, u in chunk.items() if n in self.graph.nodes]
            elif not waiting:
                self.copy = dict(chunk)
                yield from held
                held = []
        if waiting:
            raise GraphInterrupt(waiting)

    def coordinate(
        self, given: Any, config: Any, answer: Callable[[Any], Any]
    ) -> Iterator[dict[str, Any]]:
        while True:
            try:
                yield from self.stream(given, config)
                return
            except GraphInterrupt as pause:
                (question,) = pause.args[0]
                reply = answer(question.value)
                if reply is None:
                    raise
                given = Command(resume={question.id: reply})


def entry(app: Planner, input: Any, config: Any, answer: Any) -> Iterator[dict[str, Any]]:
    return app.coordinate(input, config, answer)


def target(nodes: Mapping[str, Any] | None = None, **changes: Any) -> Target:
    """The application as a target; `nodes` replace its own, to seed bugs."""
    given: dict[str, Any] = {
        "name": "toy",
        "build": lambda checkpointer, **more: Planner(checkpointer, **{**(nodes or {}), **more}),
        "graph": lambda app: app.graph,
        "entry": entry,
        "coordinator": Planner.coordinate,
        "projection": lambda app: app.copy,
        "terminal": lambda values: bool(values.get("decision")),
    }
    return Target(**{**given, **changes})


def swallowing(node: Callable[[Plan], Any]) -> Callable[[Plan], Any]:
    """A shell that takes a pause for a failure."""

    def shell(state: Plan) -> Any:
        try:
            return node(state)
        except Exception:
            return {"decision": "approve"}

    return shell


def wrapping(node: Callable[[Plan], Any]) -> Callable[[Plan], Any]:
    """A shell that gives every error a name, the pause too."""

    def shell(state: Plan) -> Any:
        try:
            return node(state)
        except Exception as error:
            raise RuntimeError("node failed") from error

    return shell


def careful(node: Callable[[Plan], Any]) -> Callable[[Plan], Any]:
    """A shell as it should be."""

    def shell(state: Plan) -> Any:
        try:
            return node(state)
        except GraphBubbleUp:
            raise
        except Exception as error:
            raise RuntimeError("node failed") from error

    return shell
