"""What each command does: gather, hand over, say how it ended. Each returns an exit code."""

from virtual_agora.commands.sessions import diff, fork, report, resume, run, sessions, show
from virtual_agora.commands.setup import doctor, init
from virtual_agora.commands.shared import placed
from virtual_agora.commands.study import study

__all__ = [
    "diff",
    "doctor",
    "fork",
    "init",
    "placed",
    "report",
    "resume",
    "run",
    "sessions",
    "show",
    "study",
]
