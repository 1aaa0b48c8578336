"""langgraph.prebuilt.create_react_agent: a tool call that does not parse, or a refusal, ends in an empty answer (P401).

The agent is done, without an error, and its last message says nothing. Errors of the model are clean: the session goes on.
"""

import pytest
from langchain_core.tools import tool
from langgraph.prebuilt import create_react_agent
from langgraph_parity import Target
from langgraph_parity.models import ScriptedChatModel, calls

FOUND = {"malformed": ["P401"], "refusal": ["P401"], "exception": [], "timeout": []}
SCRIPT = {"human": calls("look_up", name="Ann"), "tool": "Ann is in Rome."}
MODEL = ScriptedChatModel(lambda messages: SCRIPT[messages[-1].type])


@tool
def look_up(name: str) -> str:
    """Say where somebody is."""
    return f"{name} is in Rome."


def says_something(state):
    return bool(state["messages"][-1].text or state["messages"][-1].tool_calls)


@pytest.fixture
def parity_target():
    def build(saver):
        return create_react_agent(MODEL, [look_up], checkpointer=saver)

    return Target(name="agent", build=build, invariants={"answers say something": says_something})


@pytest.mark.parity_allow("P401", "P205", reason="this is what the test shows")
@pytest.mark.parity_faults(nodes=["agent"], errors=list(FOUND))
def test_an_empty_answer_is_taken_for_the_last_word(parity, parity_fault):
    assert parity.run({"messages": [("user", "Where is Ann?")]}).outcome == "done"
    assert [finding.rule for finding in parity.findings] == FOUND[parity_fault.name]
