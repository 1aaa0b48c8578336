"""What a study says of itself before it begins and when it ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from virtual_agora.state.demo import DEMO_STAMP, MIXED_STAMP, demo_stamp
from virtual_agora.studies.study import Study
from virtual_agora.studies.tables import can_write_parquet

__all__ = ["joint_stamp", "many", "outcome", "plan"]

NAMES = 5
"""So many sessions are named; of more, only how many."""


def plan(study: Study) -> Iterator[str]:
    """What there is to do, and what it may take."""
    design, size, calls = study.design, study.grid.size, study.grid.calls()
    factors = {
        "question": len(design.questions),
        "panel": len(design.panels),
        "rule": len(design.rules),
        "seed": len(design.seeds),
    }
    product = " × ".join(many(levels, factor) for factor, levels in factors.items())
    yield f"{many(size, 'session')}: {product}."
    if stamp := joint_stamp(
        demo_stamp({"config": panel.model_dump()}) for panel in design.panels.values()
    ):
        yield stamp
    if study.rows:
        new = size - len(study.rows)
        yield f"{len(study.complete):,} complete, {study.begun:,} begun, {new:,} new."
    yield (
        f"By the protocol all of them make at least {calls.at_least:,} and at most {calls.at_most:,} calls to models, "
        f"as long as every participant stays; {study.calls:,} are made."
    )
    most = design.budget.max_calls
    if most is not None:
        enough = " That is too little for all of them." if most < calls.at_least else ""
        yield f"No session is begun after {most:,} calls.{enough}"
    if study.strange:
        yield (
            f"Not in the design any longer, and left alone: {_named(study.strange)}. "
            "Their calls are counted."
        )
    if not can_write_parquet():
        yield "table.parquet is not written, only table.csv: pip install 'virtual-agora[study]'"


def outcome(study: Study, again: str) -> Iterator[str]:
    """How it ended, and with which command to go on."""
    yield (
        f"{len(study.complete):,} of {many(study.grid.size, 'session')} complete, "
        f"{many(study.calls, 'call')} to models."
    )
    if again_next := sorted(study.failed.keys() - study.spoilt):
        yield f"Failed, and tried again next time: {_named(again_next)}."
    for name in sorted(study.spoilt):
        yield f"Left alone, and not compared: {name}. {study.failed[name]} See: virtual-agora show {name}"
    if study.out_of_budget:
        yield (
            f"The budget of {study.design.budget.max_calls:,} calls is used up. "
            "Raise max_calls in the design to go on."
        )
    if study.left:
        yield f"To go on: {again}"


def joint_stamp(stamps: Iterable[str]) -> str:
    """The stamp for several sessions together; empty if only models spoke in all of them."""
    found = set(stamps)
    if found == {DEMO_STAMP}:
        return DEMO_STAMP
    return MIXED_STAMP if found - {""} else ""


def many(number: int, what: str) -> str:
    """`1 session`, `2 sessions`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _named(sessions: Sequence[str]) -> str:
    more = len(sessions) - NAMES
    return ", ".join(sessions[:NAMES]) + (f" and {more:,} more" if more > 0 else "")
