"""The human's questions and answers, typed. Nothing here reads or prints.

A question travels as plain data: `type`, `message`, `options` (action → what it does; the first loses
nothing, and a form may offer it first), `default` (the action `--yes` takes, or None) and the facts needed to decide. An answer is `{"action": …, …}`; a bare
string is taken as the action. `check_answer` turns what a front end returned into a whole answer, or says
in one sentence why it cannot be one; what does not pass never reaches a node.
"""

from virtual_agora.hitl.answers import check_answer, check_theme, default_answer
from virtual_agora.hitl.questions import (
    Answerer,
    Question,
    agenda_approval,
    budget_reached,
    periodic_stop,
    provider_failure,
    theme_request,
    topic_continuation,
    user_turn,
)

__all__ = [
    "Answerer",
    "Question",
    "agenda_approval",
    "budget_reached",
    "check_answer",
    "check_theme",
    "default_answer",
    "periodic_stop",
    "provider_failure",
    "theme_request",
    "topic_continuation",
    "user_turn",
]
