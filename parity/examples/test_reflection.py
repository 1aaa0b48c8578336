"""langgraph-reflection: its guard against endless criticism holds only where the recursion limit is odd (P606).

With an even limit the answer and the critic use up the last two steps, and the graph fails. Clean in 62 deaths."""

import pytest
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph_parity import Target
from langgraph_reflection import create_reflection_graph

ASK = {"messages": [("user", "Write a poem.")]}


def graph_of(node):
    builder = StateGraph(MessagesState).add_node("node", node)
    return builder.add_edge(START, "node").add_edge("node", END).compile()


def build(saver, praised=4):
    again = {"messages": [("user", "Better, please.")]}
    write = graph_of(lambda state: {"messages": [("ai", "A rose is a rose.")]})
    critic = graph_of(lambda state: again if len(state["messages"]) < praised else None)
    return create_reflection_graph(write, critic, MessagesState).compile(checkpointer=saver)


@pytest.fixture
def parity_target():
    return Target(name="reflection", build=build, variants={"never content": {"praised": 10**6}})


def test_a_content_critic(parity):
    assert parity.crash_grid(ASK).ok


@pytest.mark.parity_variant("never content")
@pytest.mark.parity_allow("P606", reason="this is what the test shows")
@pytest.mark.parametrize(("limit", "rules"), [(11, []), (12, ["P606"])])
def test_a_critic_that_is_never_content(parity, limit, rules):
    parity.run(ASK, limit=limit)
    assert [finding.rule for finding in parity.findings] == rules
