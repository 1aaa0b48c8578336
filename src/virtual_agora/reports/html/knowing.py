"""What a reader must know: who was missing, what had to be repaired, what nothing supports."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from virtual_agora.reports.facts import State, notices_on
from virtual_agora.reports.first_page import ALL_WELL, warnings
from virtual_agora.reports.html.prose import plain, prose
from virtual_agora.reports.words import KINDS, LONGEST_NOTICE

__all__ = ["Remark", "must_know", "remarks"]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to know: what it is about in a word or two, and a sentence."""

    kind: str
    text: str | Markup


def remarks(state: State, topic: str) -> list[Remark]:
    """The notices on a topic, or on the session as a whole for `""`."""
    return [
        Remark(
            KINDS.get(notice["kind"], "Note")
            + (f", round {notice['round']}" if notice["round"] else ""),
            plain(notice["text"], LONGEST_NOTICE),
        )
        for notice in notices_on(state, topic)
    ]


def must_know(state: State) -> list[Remark]:
    """The warnings of the first page, or the sentence that there are none."""
    found = [Remark(said.about, prose(said.text, {}, under=2)) for said in warnings(state)]
    return found or [Remark("All well", ALL_WELL)]
