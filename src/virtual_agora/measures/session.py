"""All measures of a session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

from virtual_agora.citations import citable, cited, support
from virtual_agora.measures.agenda import agenda
from virtual_agora.measures.agreement import agreement, collapse, diversity
from virtual_agora.measures.discussion import Discussion, discussions, panel
from virtual_agora.measures.drift import drift
from virtual_agora.measures.influence import influence
from virtual_agora.measures.minority import minority, sides
from virtual_agora.measures.model import Measures, TopicMeasures
from virtual_agora.measures.participation import participation
from virtual_agora.measures.shifts import (
    control_shifts,
    net_shift,
    opinion_shifts,
    shifts,
    toward_majority,
)

__all__ = ["measure"]


def measure(state: Mapping[str, Any]) -> Measures:
    """The measures of a session, finished or not: a function of its state alone, and plain data.

    What the state has nothing on, such as positions in sessions that took none, is None or empty.
    """
    messages = state.get("messages", [])
    speakers: dict[str, str] = {message["id"]: message["agent"] for message in messages}
    named: set[str] = set()
    for report in state.get("reports", []):
        there = citable(messages, report["topic"])
        for section in report["sections"]:
            named |= there.intersection(cited(section["text"]))
    written = support(state)
    retained = [turn for turn in speakers if turn in named]
    usage = state.get("usage", {}).values()
    tokens = sum(used["input_tokens"] + used["output_tokens"] for used in usage)
    return Measures(
        agenda=agenda(state),
        topics=[_topic(discussion, speakers) for discussion in discussions(state)],
        participation=participation(messages, panel(state)),
        retained_turns=retained,
        tokens_per_retained_turn=tokens / len(retained) if retained else None,
        claims=written.claims,
        unsupported_claims=written.unsupported,
    )


def _topic(discussion: Discussion, speakers: Mapping[str, str]) -> TopicMeasures:
    moved = shifts(discussion)
    opinion, control = opinion_shifts(moved), control_shifts(moved)
    alone = discussion.single_model()
    return TopicMeasures(
        topic=discussion.topic,
        agreement=agreement(discussion),
        collapse=collapse(discussion),
        shifts=moved,
        opinion_shift=_mean(opinion),
        gross_shift=_mean(map(abs, opinion)),
        control_shift=_mean(control),
        gross_control_shift=_mean(map(abs, control)),
        net_shift=net_shift(moved),
        toward_majority=toward_majority(moved),
        influence=influence(discussion, speakers),
        diversity=diversity(discussion),
        drift=drift(discussion),
        participation=participation(discussion.messages, discussion.panel),
        minority=minority(discussion),
        vote_only=sides(discussion.opening()),
        decided=sides(discussion.closing()),
        single_model=alone["stance"] if alone else None,
    )


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return fmean(known) if known else None
