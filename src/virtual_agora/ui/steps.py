"""The steps of a session, one a line: which number to fork at, what runs then, and what there was just before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from virtual_agora.execution.standing import Step
from virtual_agora.reports.facts import poll_words
from virtual_agora.reports.verdicts import rule_name
from virtual_agora.ui.blocks import Heading, Prose, note
from virtual_agora.ui.progress import PHASES
from virtual_agora.ui.text import count, one_line

__all__ = ["brought_words", "steps_list"]

LONGEST = 120
"""Characters of what there was just before a step."""

WHAT = 32
"""Cells for the step and its round; longer ones take more."""

ASKING = {"get_theme", "agenda_approval", "user_turn", "periodic_user_stop", "user_approval"}


def steps_list(state: Mapping[str, Any], steps: Sequence[Step]) -> RenderableType:
    """Every step of a session that can be forked at; in a terminal a line is cut to its width."""
    return Group(*_lines(state, steps))


def _lines(state: Mapping[str, Any], steps: Sequence[Step]) -> Iterator[RenderableType]:
    forks = {fork["step"]: fork["session"] for fork in state.get("forked_from", ())}
    yield Prose(
        "On the right is what the step before it brought. ✋ asks you.",
        indent=0,
        style="dim",
    )
    for (phase, topic), group in groupby(steps, key=lambda step: (step.phase, step.topic)):
        name = f"Phase {phase} {PHASES[phase]}" if 0 <= phase < len(PHASES) else f"Phase {phase}"
        yield Heading(f"{name} · {one_line(topic, 70)}" if topic else name, level=2)
        for step in group:
            if step.number in forks:
                yield note(f"Up to here it is the session “{one_line(forks[step.number])}”.")
            yield _line(step)


def _line(step: Step) -> Text:
    hand = " ✋" if step.node in ASKING else ""
    what = f"{step.node}{hand}" + (f", round {step.round}" if step.round else "")
    line = Text(f"{step.number:>4}  ", "bold", no_wrap=True, overflow="ellipsis")
    line.append(what, "default not bold")
    brought = one_line(brought_words(step.brought), LONGEST)
    if brought:
        line.append(" " * max(WHAT - cell_len(what), 2)).append(brought, "dim not bold")
    return line


def brought_words(brought: Mapping[str, Any]) -> str:
    """What a step brought, in a few words: the first of these that it did."""
    return next(filter(None, (tell(brought) for tell in _TELLING)), "")


def _said(brought: Mapping[str, Any]) -> str:
    messages = brought.get("messages")
    if not messages:
        return ""
    others = f" and {count(len(messages) - 1, 'other')}" if len(messages) > 1 else ""
    return f"{messages[-1]['speaker']}{others}: “{messages[-1]['content']}”"


def _voted(brought: Mapping[str, Any]) -> str:
    votes = brought.get("vote_history")
    if not votes:
        return ""
    if votes[0]["kind"] == "agenda":
        return count(sum(bool(vote["choice"]) for vote in votes), "ballot")
    return f"{'end the session' if votes[0]['kind'] == 'end_session' else 'conclude'}: {poll_words(votes)}"


def _decided(brought: Mapping[str, Any]) -> str:
    notices = [n["text"] for n in brought.get("notices", ()) if n["kind"] == "user"]
    return notices[0] if notices else ""


def _counted(brought: Mapping[str, Any]) -> str:
    if not brought.get("tally"):
        return ""
    return f"first by {rule_name(brought['tally']['rule'])}: {brought['proposed_agenda'][0]}"


def _listed(field: str, noun: str, what: str = "") -> Any:
    return lambda brought: count(len(brought[field]), noun) + what if brought.get(field) else ""


def _quoted(field: str, lead: str, key: str = "text") -> Any:
    return lambda brought: f"{lead}: “{brought[field][-1][key]}”" if brought.get(field) else ""


def _plain(field: str, lead: str) -> Any:
    return lambda brought: f"{lead}: {brought[field]}" if brought.get(field) else ""


def _panel(brought: Mapping[str, Any]) -> str:
    return ", ".join(a["name"] for a in brought.get("agents", ()) if a["role"] == "participant")


_TELLING = (
    _said,
    _quoted("round_summaries", "summary"),
    _voted,
    _decided,
    _counted,
    _quoted("topic_summaries", "conclusion"),
    _quoted("reports", "report", "title"),
    _plain("current_topic", "taken up"),
    _listed("candidates", "topic"),
    _listed("proposals", "member", " proposed topics"),
    _listed("positions", "position"),
    _listed("agenda", "topic", " on the agenda"),
    _plain("concluded_by", "concluded by"),
    _plain("main_topic", "theme"),
    _panel,
)
"""Ways to tell, the most telling first."""
