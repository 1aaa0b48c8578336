"""trustcall: its extractor keeps nothing, and fails inside a graph that saves every step before the next.

Alone it has no place for a checkpointer, so the calls that repair an answer are lost when the process dies (P102).
Inside a graph that is streamed with durability="sync" this LangGraph fails on its checkpointer=False.
"""

import pytest
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph_parity import Parity, Target
from langgraph_parity.models import ScriptedChatModel, calls
from pydantic import BaseModel
from trustcall import create_extractor

ASK = {"messages": [("user", "I am Ann, 30.")]}


class Person(BaseModel):
    name: str
    age: int


MODEL = ScriptedChatModel(lambda messages: calls("Person", name="Ann", age=30))
EXTRACT = create_extractor(MODEL, tools=[Person], tool_choice="Person")


def test_alone():
    parity = Parity(Target(name="trustcall", build=lambda saver: EXTRACT.middle[0]))
    parity.run(ASK)
    assert [finding.rule for finding in parity.findings] == ["P102"]


def test_inside_a_graph():
    builder = StateGraph(MessagesState).add_node("extract", lambda s: EXTRACT.invoke(s) and None)
    builder.add_edge(START, "extract").add_edge("extract", END)
    parity = Parity(Target(name="chat", build=lambda saver: builder.compile(saver)))
    with pytest.raises(AttributeError, match="_put_checkpoint_fut"):
        raise parity.run(ASK).error
