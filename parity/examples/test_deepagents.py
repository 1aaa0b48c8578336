"""deepagents: clean in 34 deaths with files in the state; with files on disk an edit is made twice, and fails (P501).

The process dies after the edit and before it is saved. On resume the same edit does not find its text any more, and
the agent is told that its edit failed, though it was made.
"""

import pytest
from deepagents import create_deep_agent
from deepagents.backends import FilesystemBackend
from langgraph_parity import Target
from langgraph_parity.models import ScriptedChatModel, calls

ASK = {"messages": [("user", "Write a note and correct it.")]}
SCRIPT = [
    calls("write_file", file_path="/note.md", content="helo"),
    calls("edit_file", file_path="/note.md", old_string="helo", new_string="hello"),
    "Done.",
]
MODEL = ScriptedChatModel(lambda messages: SCRIPT[sum(m.type == "tool" for m in messages)])


@pytest.fixture(params=["state", "disk"])
def parity_target(request, tmp_path):
    disk = FilesystemBackend(root_dir=tmp_path, virtual_mode=True)
    backend = disk if request.param == "disk" else None
    return Target(
        name="deep agent",
        build=lambda saver: create_deep_agent(MODEL, backend=backend, checkpointer=saver),
        volatile=("created_at", "modified_at"),
    )


def test_edit(parity, request):
    grid = parity.crash_grid(ASK, calls=MODEL)
    print(grid, *grid.findings, sep="\n")
    expected = {"P501"} if "disk" in request.node.name else set()
    assert {finding.rule for finding in grid.findings} == expected
