"""What a human must see to answer a question: its facts, drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType

from virtual_agora.amounts import said, share
from virtual_agora.ui import drawings as draw
from virtual_agora.ui.blocks import Heading, Prose, note
from virtual_agora.ui.text import one_line

__all__ = ["complaint", "facts"]

_TITLES = {
    "theme_request": "The theme",
    "agenda_approval": "The proposed agenda",
    "user_turn": "Your turn",
    "periodic_stop": "Regular stop",
    "topic_continuation": "Topic closed",
    "provider_failure": "Models cannot be reached",
    "budget_reached": "The budget is used up",
}
_DRAWN = {
    "type", "message", "options", "default", "error", "proposed_agenda", "tally", "rejections_left", "current_topic",
    "current_round", "completed_topic", "moment", "poll", "recommendation", "remaining_topics", "failures", "theme",
    "topics", "step", "scope", "caps", "going_on", "closing",
}  # fmt: skip


def complaint(question: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What was wrong with the answer before, if anything."""
    if question.get("error"):
        yield Prose(str(question["error"]), lead="! ", style="red", lead_style="bold red")


def facts(question: Mapping[str, Any], *, counted: bool = False) -> Iterator[RenderableType]:
    """Everything in the question but its options; `counted` when its poll was just shown."""
    kind = str(question["type"])
    yield Heading(_TITLES.get(kind, kind.replace("_", " ").capitalize()), style="magenta")
    yield from complaint(question)
    if topic := question.get("current_topic") or question.get("completed_topic"):
        round_number = question.get("current_round")
        yield Prose(
            one_line(topic) + (f" · round {round_number}" if round_number else ""), style="bold"
        )
    if proposed := question.get("proposed_agenda"):
        scored = (question.get("tally") or {}).get("scores")
        yield draw.tally(question["tally"], proposed) if scored else draw.agenda(proposed)
    if question.get("poll") and not counted:
        yield draw.poll("The participants on concluding this topic:", question["poll"])
    if question.get("recommendation") and not counted:
        yield draw.recommendation(
            "The participants on ending the session:", question["recommendation"]
        )
    if question.get("remaining_topics"):
        yield note("Still on the agenda:")
        yield draw.agenda(question["remaining_topics"])
    if question.get("topics"):
        yield note("Your topics:")
        yield draw.agenda(question["topics"])
    for failure in question.get("failures", ()):
        who = f"{failure['agent']} ({failure['provider']}/{failure['model']})"
        yield Prose(f"{who}: {failure['reason']}", lead="✗ ", lead_style="red")
    if question["type"] == "budget_reached":
        yield from _budget(question)
    for key, value in question.items():
        if key not in _DRAWN and isinstance(value, str | int | float):
            yield Prose(str(value), lead=f"{key.replace('_', ' ')}: ")


def _budget(question: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The caps that are reached, and what either way takes."""
    for cap in question["caps"]:
        used = share(cap["kind"], cap["used"], cap["limit"])
        yield Prose(f"{used} for this {question['scope']}", lead="✗ ", lead_style="red")
    closing = question["closing"]
    if not closing["calls"]:
        takes = "no further call"
    else:
        price = "price unknown" if closing["cost"] is None else said("cost", closing["cost"])
        tokens = f"about {said('tokens', closing['tokens'])}"
        takes = f"at most {said('calls', closing['calls'])}, {tokens} and {price} beyond the cap"
    yield Prose(takes, lead="To conclude takes ")
    yield Prose(
        said("calls", question["going_on"]), lead="To go on to the ordinary end takes at most "
    )
