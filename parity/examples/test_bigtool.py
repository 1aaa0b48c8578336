"""langgraph-bigtool 0.0.3: a call of a tool it has found fails with this LangGraph, and the session is lost (P505).

Its router calls ToolNode.inject_tool_args, which langgraph-prebuilt 1.1 does not have. LangGraph takes a node whose
router fails for finished: resumed, the session ends at once, and the tool is never called.
"""

import pytest
from langchain_core.tools import tool
from langgraph.store.memory import InMemoryStore
from langgraph_bigtool import create_agent
from langgraph_parity import Target
from langgraph_parity.models import ScriptedChatModel, calls

SCRIPT = [calls("find", query="sums"), calls("add", a=1, b=2), "3"]
MODEL = ScriptedChatModel(lambda messages: SCRIPT[sum(m.type == "tool" for m in messages)])


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture
def parity_target():
    def build(saver):
        agent = create_agent(MODEL, {"add": add}, retrieve_tools_function=lambda query: ["add"])
        return agent.compile(saver, store=InMemoryStore())

    return Target(name="bigtool", build=build, terminal=lambda s: not s["messages"][-1].tool_calls)


@pytest.mark.parity_allow("P505", reason="this is what the test shows")
def test_no_tool_can_be_called(parity):
    run = parity.run({"messages": [("user", "What is 1 + 2?")]})
    assert "inject_tool_args" in str(run.error)
    parity.resume(run)
    assert [finding.rule for finding in parity.findings] == ["P505"]
