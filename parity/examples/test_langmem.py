"""langmem's SummarizationNode: its summary is an object that a strict checkpointer gives back as a dict (P207).

The node keeps a RunningSummary in the field `context`, which its documentation types as `dict[str, Any]`. Clean where
the schema names the type: `dict[str, RunningSummary]`.
"""

from typing import Any

import pytest
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph_parity import Parity, Target
from langgraph_parity.models import ScriptedChatModel
from langmem.short_term import RunningSummary, SummarizationNode

MODEL = ScriptedChatModel(lambda messages: "A long answer. " * 20)
LIMITS = {"max_tokens": 200, "max_tokens_before_summary": 150, "max_summary_tokens": 50}


def build(saver, type_of_context):
    class State(MessagesState):
        context: type_of_context
        summarized_messages: list

    builder = StateGraph(State).add_node("sum_up", SummarizationNode(model=MODEL, **LIMITS))
    builder.add_node("talk", lambda s: {"messages": [MODEL.invoke(s["summarized_messages"])]})
    builder.add_edge(START, "sum_up").add_edge("sum_up", "talk").add_edge("talk", END)
    return builder.compile(checkpointer=saver)


@pytest.mark.parametrize(
    ("kind", "rules"), [(dict[str, Any], {"P207"}), (dict[str, RunningSummary], set())]
)
def test_summary(kind, rules):
    parity = Parity(Target(name="chat", build=lambda saver: build(saver, kind)))
    for topic in ("Rome", "Athens", "Troy"):
        parity.run({"messages": [("user", f"Tell me of {topic}.")]}, thread_id="chat")
    assert {finding.rule for finding in parity.findings} == rules
