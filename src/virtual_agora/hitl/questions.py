"""Every question that a session can ask, made from the facts needed to decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = [
    "Answerer",
    "Question",
    "agenda_approval",
    "budget_reached",
    "periodic_stop",
    "provider_failure",
    "theme_request",
    "topic_continuation",
    "user_turn",
]

Question = dict[str, Any]
"""A question as it travels: see the package's docstring for its keys."""

Answerer = Callable[[Question], Any]
"""Gives the human's answer to a question, or None for none.

If it is wrong, the question is asked again with `error` set.
"""


def theme_request(theme: str = "", topics: Sequence[str] = ()) -> Question:
    """What shall be discussed, and who defines the topics?"""
    return {
        "type": "theme_request",
        "message": "What shall the assembly deliberate on?",
        "options": {"start": "begin; without topics of yours the participants propose the agenda"},
        "default": None,
        "theme": theme,
        "topics": list(topics),
    }


def agenda_approval(
    proposed_agenda: Sequence[str], tally: Mapping[str, Any], rejections_left: int
) -> Question:
    """Is this the agenda? `tally` is what the ballots gave; see `voting.tally`."""
    options = {
        "approve": "discuss these topics in this order",
        "edit": "give the list of topics as it should be",
        "reorder": "give the numbers of the topics in the order you want; left out is dropped",
    }
    if rejections_left:
        options["reject"] = f"have a new agenda proposed ({rejections_left} left)"
    return {
        "type": "agenda_approval",
        "message": "The assembly proposes this agenda.",
        "options": options,
        "default": "approve",
        "proposed_agenda": list(proposed_agenda),
        "tally": dict(tally),
        "rejections_left": rejections_left,
    }


def user_turn(topic: str, round_number: int, moment: str) -> Question:
    """Does the user want to speak in this round? `moment` is `start_of_round` or `end_of_round`."""
    return {
        "type": "user_turn",
        "message": "Would you like to speak in this round?",
        "options": {
            "continue": "listen",
            "participate": "say something; the participants hear it",
            "finalize": "close this topic now",
        },
        "default": "continue",
        "current_topic": topic,
        "current_round": round_number,
        "moment": moment,
    }


def periodic_stop(topic: str, round_number: int, poll: Mapping[str, Any]) -> Question:
    """A stop every few rounds. `poll` is the participants' latest: `yes`, `no`, `abstained` as counts."""
    return {
        "type": "periodic_stop",
        "message": "A regular stop: how shall the discussion go on?",
        "options": {
            "continue": "let the participants' poll decide",
            "end_topic": "close this topic after the final words",
            "skip_to_report": "close this topic and go straight to the final report",
            "modify_agenda": "let the poll decide, and revise the agenda after this topic",
        },
        "default": "continue",
        "current_topic": topic,
        "current_round": round_number,
        "poll": dict(poll),
    }


def topic_continuation(
    completed_topic: str, remaining_topics: Sequence[str], recommendation: Mapping[str, Any]
) -> Question:
    """A topic is closed. `recommendation` is the participants' poll on ending the session, as counts."""
    return {
        "type": "topic_continuation",
        "message": "This topic is closed. Shall the assembly go on?",
        "options": {
            "continue": "go on with the next topic",
            "end_session": "write the final report",
            "modify_agenda": "have the participants revise what is left of the agenda",
        },
        "default": "continue",
        "completed_topic": completed_topic,
        "remaining_topics": list(remaining_topics),
        "recommendation": dict(recommendation),
    }


def provider_failure(
    failures: Sequence[Mapping[str, str]], *, may_exclude: bool, step: str
) -> Question:
    """Models cannot be reached, and only the user can help.

    `failures` has `agent`, `provider`, `model` and `reason` for each. `may_exclude` is False when the session
    cannot do without them. `stop` leaves the question waiting: the session is saved and `resume` asks it again.
    """
    options = {
        "retry": "ask them again, once you have mended the cause",
        "replace_model": "give them another provider and model",
        "stop": "stop here; everything is saved",
    }
    if may_exclude:
        options["exclude_agent"] = "go on without them; every report says so"
    return {
        "type": "provider_failure",
        "message": "Some models cannot be reached.",
        "options": options,
        "default": "exclude_agent" if may_exclude else "stop",
        "failures": [dict(failure) for failure in failures],
        "step": step,
    }


def budget_reached(
    caps: Sequence[Mapping[str, Any]],
    *,
    scope: str,
    topic: str,
    round_number: int,
    remaining_topics: Sequence[str],
    going_on: int,
    closing: Mapping[str, Any],
    step: str,
) -> Question:
    """A budget is used up; `scope` is `session` or `topic`.

    `caps` has `kind`, `used`, `limit` and `suggested` for each cap that is reached: numbers of calls or tokens, or US
    dollars. `going_on` is the most calls that the ordinary way to the end takes. `closing` is what `conclude` takes, beyond
    the cap: at most so many `calls`, for about so many `tokens` and so much `cost`, which is None where a price is unknown.
    `stop` leaves the question waiting: the session is saved and `resume` asks it again.
    """
    if scope == "topic":
        message = "The budget of this topic is used up."
        conclude = (
            "close the topic with what is there: its report is written, then the next topic begins"
        )
    else:
        message = "The budget of this session is used up."
        conclude = "come to the end with what is there: nothing but the reports is written"
    return {
        "type": "budget_reached",
        "message": message,
        "options": {
            "extend": "raise the cap and go on",
            "conclude": conclude,
            "stop": "stop here; everything is saved",
        },
        "default": "conclude",
        "scope": scope,
        "caps": [dict(cap) for cap in caps],
        "current_topic": topic,
        "current_round": round_number,
        "remaining_topics": list(remaining_topics),
        "going_on": going_on,
        "closing": dict(closing),
        "step": step,
    }
