import operator
from typing import Annotated, TypedDict

import mailer
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt


class Order(TypedDict, total=False):
    item: str
    approved: bool
    log: Annotated[list[str], operator.add]


def approve(state):
    mailer.send("boss", f"May we order {state['item']}?")
    answer = interrupt({"type": "approval", "item": state["item"], "options": ["yes", "no"]})
    return {"approved": answer == "yes", "log": [f"approval: {answer}"]}


def order(state):
    if state["approved"]:
        mailer.send("supplier", f"Please send {state['item']}.")
    return {"log": ["ordered" if state["approved"] else "rejected"]}


def build(checkpointer):
    builder = StateGraph(Order).add_node(approve).add_node(order)
    builder.add_edge(START, "approve").add_edge("approve", "order").add_edge("order", END)
    return builder.compile(checkpointer=checkpointer)
