"""HumanInTheLoopMiddleware: one answer of a wrong form, and the session can never be resumed (P402).

LangGraph keeps an answer once it is given. The middleware fails on `{"decisions": 0}` with a TypeError, and so it does
at every later try, whatever is answered then. Answers of the right form are clean, after a crash at any write too.
"""

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool
from langgraph_parity import ParityError, Target
from langgraph_parity.models import ScriptedChatModel, calls

ASK = {"messages": [("user", "Pay Ann 5.")]}
APPROVED = {"decisions": [{"type": "approve"}]}
MODEL = ScriptedChatModel(lambda m: "Paid." if m[-1].type == "tool" else calls("pay", to="Ann"))


@tool
def pay(to: str) -> str:
    """Pay somebody."""
    return f"{to} is paid."


def build(saver):
    gate = HumanInTheLoopMiddleware(interrupt_on={"pay": True})
    return create_agent(MODEL, [pay], middleware=[gate], checkpointer=saver)


@pytest.fixture
def parity_target():
    return Target(name="gated agent", build=build, default_answer=lambda question: APPROVED)


def test_a_wrong_answer_blocks_the_session(parity):
    assert parity.crash_grid(ASK).ok
    with pytest.raises(ParityError, match="P402 not-resumable") as found:
        parity.explore(ASK, seed=1)
    print(found.value, *found.value.__notes__, sep="\n")
