"""Test a LangGraph application on the path it takes in production."""

from langgraph_parity.checks import validate_state_consistency
from langgraph_parity.coordinator import astream_graph, stream_graph
from langgraph_parity.faults import FaultRun
from langgraph_parity.grid import Cell, Grid
from langgraph_parity.history import record
from langgraph_parity.human import Human, Question, mock_user_input, patched_interrupt
from langgraph_parity.kills import KillGrid, kill_grid
from langgraph_parity.replay import replay
from langgraph_parity.rules import RULES, Finding, ParityError, ParityUsageError, Rule
from langgraph_parity.running import Parity, Run, run
from langgraph_parity.saver import Died, WatchedSaver
from langgraph_parity.target import Target

__all__ = [
    "RULES",
    "Cell",
    "Died",
    "FaultRun",
    "Finding",
    "Grid",
    "Human",
    "KillGrid",
    "Parity",
    "ParityError",
    "ParityUsageError",
    "Question",
    "Rule",
    "Run",
    "Target",
    "WatchedSaver",
    "astream_graph",
    "kill_grid",
    "mock_user_input",
    "patched_interrupt",
    "record",
    "replay",
    "run",
    "stream_graph",
    "validate_state_consistency",
]
