"""langgraph-supervisor: clean in 48 deaths, inside the agents too; a mail sent by an agent's tool is sent again in one.

The graphs inside keep checkpoints of their own, so only what was under way when the process died is done again.
"""

import pytest
from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph_parity import Target
from langgraph_parity.models import ScriptedChatModel, calls
from langgraph_supervisor import create_supervisor

ASK = {"messages": [("user", "Write to Ann.")]}
SCRIPT = {"send": "I sent it.", "transfer_back_to_supervisor": "Done."}
WRITER = ScriptedChatModel(lambda m: SCRIPT.get(m[-1].name, calls("send", to="Ann")))
LEADER = ScriptedChatModel(lambda m: SCRIPT.get(m[-1].name, calls("transfer_to_writer")))


@pytest.fixture
def parity_target(effects):
    @tool
    def send(to: str) -> str:
        """Send a mail."""
        effects.record("mail", to)
        return f"sent to {to}"

    def build(saver):
        writer = create_agent(WRITER, [send], name="writer")
        return create_supervisor([writer], model=LEADER).compile(checkpointer=saver)

    return Target(name="supervisor", build=build)


def test_only_the_mail_under_way_is_repeated(parity, effects):
    grid = parity.crash_grid(ASK, effects=effects, calls=LEADER)
    print(grid)
    assert {finding.rule for finding in grid.findings} == {"P502"}
    assert sum(bool(cell.findings) for cell in grid.cells) == 1
