"""langgraph-swarm: clean in 34 deaths; a thread comes back to the agent it was handed to, in a new process too."""

import pytest
from langchain.agents import create_agent
from langgraph_parity import Target
from langgraph_parity.models import ScriptedChatModel, calls
from langgraph_swarm import create_handoff_tool, create_swarm

ALICE = ScriptedChatModel(lambda messages: calls("transfer_to_bob"))
BOB = ScriptedChatModel(lambda messages: "Arr, Bob speaking.")


def build(saver):
    alice = create_agent(ALICE, [create_handoff_tool(agent_name="Bob")], name="Alice")
    bob = create_agent(BOB, [create_handoff_tool(agent_name="Alice")], name="Bob")
    return create_swarm([alice, bob], default_active_agent="Alice").compile(checkpointer=saver)


@pytest.fixture
def parity_target():
    return Target(name="swarm", build=build)


@pytest.mark.parity_crash
def test_handing_over_survives_every_crash(parity):
    first = parity.run({"messages": [("user", "I want Bob.")]})
    assert first.supersteps == [{"Alice"}, {"Bob"}]


def test_the_next_turn_goes_to_the_same_agent(parity):
    first = parity.run({"messages": [("user", "I want Bob.")]})
    second = parity.run({"messages": [("user", "Go on.")]}, thread_id=first.thread_id)
    assert second.supersteps == [{"Bob"}]
