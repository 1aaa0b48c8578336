"""The status lines at the bottom of the terminal: where the session stands, who is at work, what it took."""

from __future__ import annotations

from rich.text import Text

from virtual_agora.ui.blocks import Palette
from virtual_agora.ui.progress import PHASES, TASKS, Call, Progress
from virtual_agora.ui.text import duration, money, one_line, tokens

__all__ = ["footer", "place", "totals"]

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def place(progress: Progress) -> str:
    """Phase, topic and round, in one line."""
    parts = [f"Phase {progress.phase} {PHASES[progress.phase]}"]
    number, count = progress.topic_place()
    if progress.phase in (2, 3, 4) and number:
        parts.append(f"topic {number} of {count}")
        if progress.round:
            parts.append(f"round {progress.round}")
        parts.append(one_line(progress.topic))
    return " · ".join(parts)


def totals(progress: Progress) -> str:
    """Calls, tokens and cost so far, in one line."""
    spent = progress.totals
    calls = f"{spent.calls} call{'' if spent.calls == 1 else 's'}"
    if not spent.calls:
        return calls
    return f"{calls} · {tokens(spent.tokens)} tokens · {money(spent.cost, and_unknown=bool(spent.unpriced))}"


def footer(
    progress: Progress, palette: Palette, width: int, elapsed: float, frame: int
) -> list[Text]:
    """The status lines for a terminal `width` cells wide; `frame` turns the spinner, `elapsed` is in seconds."""
    spinner = SPINNER[frame % len(SPINNER)]
    doing = Text(f" {spinner} {_doing(progress)}" if progress.running() else " · working")
    spent = Text(f"{totals(progress)} · {duration(elapsed)} ", "dim")
    room = width - doing.cell_len - spent.cell_len
    lines = [Text("─" * width, "dim"), Text(f" {place(progress)}", "bold")]
    if room >= 2:
        lines.append(doing.append(" " * room).append(spent))
    else:
        lines += [doing, Text(" ").append(spent)]
    lines.append(_members(progress, palette, spinner))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return [line for line in lines if line.plain.strip()]


STOPPING = "Stopping when the calls in flight are answered; Ctrl-C again stops at once"


def _doing(progress: Progress) -> str:
    if progress.stopping:
        return STOPPING
    parts = []
    running = progress.running()
    for task in dict.fromkeys(call.task for call in running):
        of_task = [call for call in progress.calls.values() if call.task == task]
        under_way = [call for call in of_task if call in running]
        known = TASKS.get(task)
        if len(of_task) == 1 or task == "statement":
            call = under_way[0]
            doing = known.doing if known else f"is at work: {task.replace('_', ' ')}"
            if call.state == "waiting":
                doing = "is asked again"
            parts.append(f"{progress.name(call.agent)} {doing}")
        else:
            settled = len(of_task) - len(under_way)
            things = known.plural if known else task.replace("_", " ")
            parts.append(f"{_agents(of_task)} {things} {settled}/{len(of_task)}")
    return " · ".join(parts)


def _agents(calls: list[Call]) -> str:
    count = len({call.agent for call in calls})
    return f"{count} agents are answering:" if count > 1 else ""


def _members(progress: Progress, palette: Palette, spinner: str) -> Text:
    """Who of several asked at once has answered."""
    line = Text(" ")
    running_tasks = {call.task for call in progress.running()} - {"statement"}
    asked = [call for call in progress.calls.values() if call.task in running_tasks]
    if len({call.agent for call in asked}) < 2:
        return Text()
    marks = {"done": "✓", "failed": "✗", "waiting": "↻", "running": spinner}
    for call in asked:
        name = progress.name(call.agent)
        line.append(f" {marks[call.state]} ").append(name, palette.style(name))
    return line
