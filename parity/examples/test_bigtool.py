"""langgraph-bigtool 0.0.3: a call of a tool it has found fails with this LangGraph, and the session is lost (P505).

Its router calls ToolNode.inject_tool_args, which is gone. A node whose router fails counts as finished: resumed, the
session ends at once, and the tool is never called.
"""

from langchain_core.tools import tool
from langgraph.store.memory import InMemoryStore
from langgraph_bigtool import create_agent
from langgraph_parity import Parity, Target
from langgraph_parity.models import ScriptedChatModel, calls

SCRIPT = [calls("find", task="sums"), calls("add", a=1, b=2), "3"]
MODEL = ScriptedChatModel(lambda messages: SCRIPT[sum(m.type == "tool" for m in messages)])


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def find(task: str) -> list[str]:
    """Find tools."""
    return ["add"]


def build(saver):
    builder = create_agent(MODEL, {"add": add}, retrieve_tools_function=find)
    return builder.compile(saver, store=InMemoryStore())


def test_no_tool_can_be_called():
    target = Target(name="bigtool", build=build, terminal=lambda s: s["messages"][-1].text == "3")
    parity = Parity(target)
    run = parity.run({"messages": [("user", "What is 1 + 2?")]})
    assert "inject_tool_args" in str(run.error)
    parity.resume(run)
    assert [finding.rule for finding in parity.findings] == ["P505"]
