"""What was said on the topic that is under way, for somebody who comes back to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from virtual_agora.ui.blocks import Palette, Prose, note
from virtual_agora.ui.text import one_line

__all__ = ["DISSENTER", "charge", "so_far"]

DISSENTER = "asked to dissent"


def charge(message: Mapping[str, Any]) -> str:
    """What the speaker had been told besides speaking, if anything."""
    return DISSENTER if message.get("dissenter") else ""


def so_far(state: Mapping[str, Any], palette: Palette, limit: int) -> Iterator[RenderableType]:
    """The latest summary of a round and the statements of the latest round, in at most `limit` characters each.

    Nothing while no topic is open.
    """
    topic = state.get("current_topic")
    if not topic:
        return
    said = [message for message in state.get("messages", ()) if message["topic"] == topic]
    if not said:
        yield note("Nothing was said on this topic so far.")
        return
    summaries = [s for s in state.get("round_summaries", ()) if s["topic"] == topic and s["text"]]
    if summaries:
        yield Text(f"\nSummary of round {summaries[-1]['round']}", "dim")
        yield Prose(one_line(summaries[-1]["text"], limit))
    else:
        yield note("No round of this topic is summed up so far.")
    latest = max(message["round"] for message in said)
    yield Text(f"\nSo far in round {latest}", "dim")
    for message in said:
        if message["round"] == latest:
            name = one_line(message["speaker"], 40)
            line = Text("  ").append(name, f"bold {palette.style(name)}")
            what = "final words" if message["kind"] == "final_words" else charge(message)
            yield line.append(f" {what}", "italic") if what else line
            yield Prose(one_line(message["content"], limit), indent=4)
