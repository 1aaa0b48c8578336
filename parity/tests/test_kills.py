"""Real processes, killed for real."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from langgraph_parity import ParityError, ParityUsageError
from langgraph_parity.kills import appears, kill_grid, lines

APPLICATION = """
import sys, time, sqlite3
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

class State(TypedDict):
    count: int

def step(state):
    with open("log", "a") as log:
        log.write("step\\n")
    time.sleep(0.05)
    return {"count": state["count"] + 1}

graph = StateGraph(State).add_node("step", step).add_edge(START, "step")
graph.add_conditional_edges("step", lambda s: "step" if s["count"] < 6 else "__end__", ["step", "__end__"])
compiled = graph.compile(checkpointer=SqliteSaver(sqlite3.connect("s.db", check_same_thread=False)))
config = {"configurable": {"thread_id": "t"}}
given = {"count": 0} if sys.argv[1] == "run" else RESUME
list(compiled.stream(given, config, durability="sync"))
open("done", "w").write(str(compiled.get_state(config).values["count"] + LOST))
"""

# No LangGraph: for what any program shows, and in a tenth of the time.
SMALL = """
import sys, time
for _ in range(6):
    with open("log", "a") as log:
        log.write("step\\n")
    time.sleep(0.05)
given = None if sys.argv[1] == "run" else RESUME
open("done", "w").write(str(6 + LOST))
"""


@pytest.fixture
def grid(tmp_path: Path) -> Any:
    def made(resume: str = "None", lost: str = "0", application: str = SMALL, **more: Any) -> Any:
        script = tmp_path / "application.py"
        script.write_text(application.replace("RESUME", resume).replace("LOST", lost))
        given: dict[str, Any] = {
            "when": {"2nd step": lines("log", 2), "4th step": lines("log", 4)},
            "read": lambda folder: {"count": (folder / "done").read_text()},
            "folder": tmp_path / "runs",
            **more,
        }
        argv = [sys.executable, str(script)]
        return kill_grid([*argv, "run"], lambda folder: [*argv, "resume"], **given)

    return made


def test_killed_and_gone_on_it_comes_to_the_same(grid: Any, tmp_path: Path) -> None:
    made = grid(application=APPLICATION)
    made.check()
    assert str(made) == ".  2nd step\n.  4th step"
    for kill in ("kill-1", "kill-2"):
        # The step that was under way ran again, and no other.
        assert (tmp_path / "runs" / kill / "log").read_text().count("step") == 7


def test_another_outcome_and_a_failing_resume_are_findings(grid: Any, tmp_path: Path) -> None:
    lost = '(0 if sys.argv[1] == "run" else 1)'
    made = grid(lost=lost, when={"2nd step": lines("log", 2)})
    with pytest.raises(ParityError, match=r"P501 .* killed at 2nd step: .*count: '6' became '7'"):
        made.check()
    made = grid('{}["gone"]', when={"start": appears("lo*")}, folder=tmp_path / "again")
    with pytest.raises(ParityError, match=r"P504 .*ended with 1\. .*KeyError: 'gone'"):
        made.check()


def test_what_cannot_be_killed_is_told(grid: Any, tmp_path: Path) -> None:
    with pytest.raises(ParityUsageError, match=r"“never”: .* ended with 0 before the condition"):
        grid(when={"never": appears("nothing")})
    with pytest.raises(ParityUsageError, match=r"not ended after 0\.05 s"):
        grid(timeout=0.05, folder=tmp_path / "slow")


def test_read_may_return_anything_json_has(grid: Any) -> None:
    made = grid(when={}, read=lambda folder: json.loads((folder / "done").read_text()))
    assert made.cells == {}
