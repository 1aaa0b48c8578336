"""Who changed its mind, how far, and how far it would have by thinking alone."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from virtual_agora.measures.discussion import Discussion, text_of
from virtual_agora.measures.model import Shift
from virtual_agora.measures.text import mean_similarity

__all__ = ["control_shifts", "net_shift", "opinion_shifts", "shifts", "toward_majority"]


def shifts(discussion: Discussion) -> list[Shift]:
    """One for each participant that ever took a position, in the panel's order."""
    opening, closing = discussion.opening(), discussion.closing()
    control = discussion.control()
    found = []
    for agent in discussion.panel:
        before, after, alone = opening.get(agent), closing.get(agent), control.get(agent)
        if not (before or after or alone):
            continue
        alike = mean_similarity([text_of(before), text_of(after)]) if before and after else None
        found.append(
            Shift(
                agent=agent,
                before=before["stance"] if before else None,
                after=after["stance"] if after else None,
                control=alone["stance"] if alone else None,
                confidence_before=before["confidence"] if before else None,
                confidence_after=after["confidence"] if after else None,
                rewording=None if alike is None else 1 - alike,
            )
        )
    return found


def opinion_shifts(found: Sequence[Shift]) -> list[int]:
    """How far each moved in the discussion: after less before."""
    return [
        shift["after"] - shift["before"]
        for shift in found
        if shift["before"] is not None and shift["after"] is not None
    ]


def control_shifts(found: Sequence[Shift]) -> list[int]:
    """How far each moved by thinking alone: control less before."""
    return [
        shift["control"] - shift["before"]
        for shift in found
        if shift["before"] is not None and shift["control"] is not None
    ]


def net_shift(found: Sequence[Shift]) -> float | None:
    """The mean shift in the discussion less that by thinking alone, over those of whom both are known."""
    both = [s for s in found if None not in (s["before"], s["after"], s["control"])]
    if not both:
        return None
    return fmean(opinion_shifts(both)) - fmean(control_shifts(both))


def toward_majority(found: Sequence[Shift]) -> float | None:
    """The share of those who moved that moved toward the mean of the others' opening stances; None if nobody moved."""
    opening = {s["agent"]: s["before"] for s in found if s["before"] is not None}
    moves = []
    for shift in found:
        before, after = shift["before"], shift["after"]
        others = [stance for agent, stance in opening.items() if agent != shift["agent"]]
        if before is None or after is None or before == after or not others:
            continue
        moves.append((after - before) * (fmean(others) - before) > 0)
    return fmean(moves) if moves else None
