"""The ways between the steps, where there is a choice: pure functions of the state.

The return types name every possible next step, which is what draws the graph completely. A list of steps runs them
side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from virtual_agora.state.usage import concluding

__all__ = [
    "after_agenda_approval",
    "after_agenda_modification",
    "after_agent_poll",
    "after_announcement",
    "after_discussion",
    "after_evaluation",
    "after_opening_positions",
    "after_poll",
    "after_summary",
    "after_theme",
    "after_topic",
    "after_user_approval",
    "after_user_turn",
]

State = Mapping[str, Any]
Round = Literal["user_turn", "discussion_round"]


def after_theme(state: State) -> Literal["announce_item", "agenda_proposal"]:
    """The user's own topics need no vote."""
    return "announce_item" if state.get("agenda") else "agenda_proposal"


def after_agenda_approval(
    state: State,
) -> Literal["agenda_proposal", "announce_item", "final_report_generation"]:
    """A rejected agenda is proposed anew; one without open topics leaves only the final report, and so does a budget used up."""
    if concluding(state) == "session":
        return "final_report_generation"
    if state["decision"] == "reject":
        return "agenda_proposal"
    return "announce_item" if state["agenda"] else "final_report_generation"


def after_announcement(
    state: State,
) -> Literal["opening_positions", "final_report_generation"]:
    """With its budget used up, a session takes up no further topic."""
    return "opening_positions" if state["current_topic"] else "final_report_generation"


def after_opening_positions(state: State) -> Round:
    """A topic begins with its first round, once everybody has said where they stand."""
    return _next_round(state)


def after_user_turn(
    state: State,
) -> Literal["discussion_round", "round_summarization", "vote_evaluation"]:
    """At the start of a round the participants follow, at its end the summary; closing skips the round."""
    if _participation(state) == "end_of_round":
        return "round_summarization"
    return "vote_evaluation" if state["decision"] else "discussion_round"


def after_discussion(state: State) -> Literal["user_turn", "round_summarization"]:
    """The user speaks last where the session is set up so; what a budget has ended is summed up at once."""
    if concluding(state):
        return "round_summarization"
    return "user_turn" if _participation(state) == "end_of_round" else "round_summarization"


def after_summary(
    state: State,
) -> Literal["user_turn", "discussion_round", "end_topic_poll", "vote_evaluation"]:
    """Before the minimum of rounds nobody is polled, nor once the topic is to be closed in any case."""
    if state["decision"] or concluding(state):
        return "vote_evaluation"
    if state["current_round"] < _rules(state)["min_rounds"]:
        return _next_round(state)
    return "end_topic_poll"


def after_poll(state: State) -> Literal["periodic_user_stop", "vote_evaluation"]:
    """Every few rounds the user is asked before the poll counts; not when the budget has ended the topic."""
    if concluding(state):
        return "vote_evaluation"
    due = state["current_round"] % _rules(state)["checkpoint_interval"] == 0
    return "periodic_user_stop" if due else "vote_evaluation"


def after_evaluation(
    state: State,
) -> list[Literal["user_turn", "discussion_round", "final_considerations", "closing_positions"]]:
    """Concluded, which takes last words and positions, or another round."""
    if state["concluded_by"]:
        return ["final_considerations", "closing_positions"]
    return [_next_round(state)]


def after_topic(
    state: State,
) -> Literal["final_report_generation", "agenda_modification", "agent_poll"]:
    """Straight to the report if the user said so or the budget is used up; with nothing left to discuss there is nothing to poll."""
    if state["decision"] == "skip_to_report" or concluding(state) == "session":
        return "final_report_generation"
    if state.get("agenda_change"):
        return "agenda_modification"
    return "agent_poll" if state["agenda"] else "final_report_generation"


def after_agent_poll(state: State) -> Literal["final_report_generation", "user_approval"]:
    """The assembly may end the session, and so may its budget; otherwise the user is asked."""
    if concluding(state) == "session":
        return "final_report_generation"
    poll = state["poll"]
    return "final_report_generation" if poll["yes"] >= poll["needed"] else "user_approval"


def after_user_approval(
    state: State,
) -> Literal["announce_item", "agenda_modification", "final_report_generation"]:
    """As the user decided."""
    match state["decision"]:
        case "modify_agenda":
            return "agenda_modification"
        case "end_session":
            return "final_report_generation"
    return "announce_item"


def after_agenda_modification(
    state: State,
) -> Literal["topic_refinement", "announce_item", "final_report_generation"]:
    """A changed agenda is voted on; otherwise it goes on as it is, if the budget lets it."""
    if concluding(state) == "session":
        return "final_report_generation"
    if state["proposals"]:
        return "topic_refinement"
    return "announce_item" if state["agenda"] else "final_report_generation"


def _next_round(state: State) -> Round:
    return "user_turn" if _participation(state) == "start_of_round" else "discussion_round"


def _participation(state: State) -> str:
    return str(_rules(state)["participation"])


def _rules(state: State) -> Mapping[str, Any]:
    rules: Mapping[str, Any] = state["config"]["session"]
    return rules
