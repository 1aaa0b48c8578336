"""langchain.agents.create_agent: a payment that happened is made again when the process dies before it is saved.

Two payments are asked for at once. In 3 of 20 deaths one or both happen twice (P502). No model call is repeated (P503).
"""

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph_parity import Target
from langgraph_parity.models import ScriptedChatModel

ASK = {"messages": [("user", "Pay Ann 5 and Bob 7.")]}


def answer(messages):
    if messages[-1].type == "tool":
        return "Both are paid."
    payments = [("Ann", 5), ("Bob", 7)]
    calls = [{"name": "pay", "args": {"to": to, "euros": n}, "id": to} for to, n in payments]
    return AIMessage("", tool_calls=calls)


@pytest.fixture
def parity_target(effects):
    @tool
    def pay(to: str, euros: int) -> str:
        """Pay somebody."""
        effects.record("pay", to)
        return f"{to} has {euros} euros more."

    model = ScriptedChatModel(answer)
    return Target(name="agent", build=lambda s: create_agent(model, [pay], checkpointer=s))


def test_payments_are_repeated_after_a_crash(parity, effects):
    grid = parity.crash_grid(ASK, effects=effects)
    print(grid)
    assert {finding.rule for finding in grid.findings} == {"P502"}
