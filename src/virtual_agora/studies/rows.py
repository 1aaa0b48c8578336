"""The rows of one session in a study's table: one for each topic that was closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from statistics import fmean
from typing import Any

from virtual_agora.execution.session import SessionInfo
from virtual_agora.measures import measure
from virtual_agora.measures.model import Agreement, Measures, Sides, TopicMeasures
from virtual_agora.state.demo import demo_stamp
from virtual_agora.state.schema import VirtualAgoraState
from virtual_agora.studies.columns import COLUMNS
from virtual_agora.studies.grid import Cell

__all__ = ["Row", "Value", "row_of_unread", "rows_of"]

Value = str | int | float | bool | None
"""None: there is nothing to say, never zero."""

Row = dict[str, Value]
"""A value for every column."""

RULES = (
    "conclude", "voting_rule", "min_rounds", "max_rounds", "participation", "attribution", "dissenter", "positions",
    "control",
)  # fmt: skip


def rows_of(cell: Cell, state: VirtualAgoraState, info: SessionInfo, failure: str) -> list[Row]:
    """The rows of a session; one without a topic if none was closed."""
    measures = measure(state)
    session = {
        **_factors(cell),
        "status": "failed"
        if failure
        else "complete"
        if info.status == "complete"
        else "unfinished",
        "reason": failure,
        "demo": demo_stamp(state),
        **_took(state, info),
        **_session_measures(measures),
    }
    closed = {topic["topic"]: topic for topic in measures["topics"]}
    rows = [
        session | _topic(number, state, closed[summary["topic"]], cell.asked.expected, summary)
        for number, summary in enumerate(state.get("topic_summaries", []), start=1)
        if summary["topic"] in closed
    ]
    return [{column.name: row.get(column.name) for column in COLUMNS} for row in rows or [session]]


def row_of_unread(cell: Cell, reason: str) -> Row:
    """The row of a session that cannot be read: its factors, and why it failed."""
    stamp = demo_stamp({"config": cell.config.model_dump()})
    known: Row = {**_factors(cell), "status": "failed", "reason": reason, "demo": stamp}
    return {column.name: known.get(column.name) for column in COLUMNS}


def _side(sides: Sides | None) -> str | None:
    """The larger side: `support`, `oppose`, `tied`, or `undecided` if nobody is on one."""
    if sides is None:
        return None
    for_it, against_it = sides["support"], sides["oppose"]
    if for_it == against_it:
        return "tied" if for_it else "undecided"
    return "support" if for_it > against_it else "oppose"


def _factors(cell: Cell) -> Row:
    rules = cell.config.session
    return {
        "study": cell.session_id.partition(".")[0],
        "session": cell.session_id,
        "question": cell.question,
        "panel": cell.panel,
        "rule": cell.rule,
        "seed": cell.seed,
        "participants": len(cell.config.participants()),
        **{name: getattr(rules, name) for name in RULES},
        "with_single_model": rules.single_model,
    }


def _took(state: VirtualAgoraState, info: SessionInfo) -> Row:
    usage = list(state.get("usage", {}).values())
    kinds = [notice["kind"] for notice in state.get("notices", [])]
    took = datetime.fromisoformat(info.updated) - datetime.fromisoformat(info.started)
    return {
        "calls": info.calls,
        "failed_calls": sum(used["failed"] for used in usage),
        "repaired_calls": sum(used["repaired"] for used in usage),
        "input_tokens": sum(used["input_tokens"] for used in usage),
        "output_tokens": sum(used["output_tokens"] for used in usage),
        "cost": info.cost,
        "seconds": round(took.total_seconds(), 3),
        "excluded": kinds.count("excluded"),
        "turns_lost": kinds.count("skipped"),
        "abstentions": kinds.count("abstained"),
    }


def _session_measures(measures: Measures) -> Row:
    agenda = measures["agenda"]
    return {
        "agenda_winner_margin": agenda["winner_margin"],
        "agenda_kendall_tau": agenda["kendall_tau"],
        "agenda_rule_agreement": agenda["rule_agreement"],
        "retained_turns": len(measures["retained_turns"]),
        "tokens_per_retained_turn": measures["tokens_per_retained_turn"],
        "claims": measures["claims"],
        "unsupported_claims": measures["unsupported_claims"],
    }


def _topic(
    number: int,
    state: VirtualAgoraState,
    found: TopicMeasures,
    expected: str | None,
    summary: Mapping[str, Any],
) -> Row:
    agreement = found["agreement"]
    vote_only, decided = _side(found["vote_only"]), _side(found["decided"])
    single = _side_of(found["single_model"])
    return {
        "topic_number": number,
        "topic": found["topic"],
        "rounds": summary["rounds"],
        "concluded_by": summary["concluded_by"],
        "words": sum(found["participation"]["words"].values()),
        "balance": found["participation"]["balance"],
        "agreement_before": next((a["stances"] for a in agreement if a["round"] == 0), None),
        "agreement_after": _latest(agreement, "stances"),
        "agreement_words": _latest(agreement, "words"),
        "agreement_poll": _latest(agreement, "poll"),
        "collapse": found["collapse"],
        "diversity": found["diversity"],
        "drift": _mean(found["drift"]),
        "opinion_shift": found["opinion_shift"],
        "gross_shift": found["gross_shift"],
        "control_shift": found["control_shift"],
        "gross_control_shift": found["gross_control_shift"],
        "net_shift": found["net_shift"],
        "toward_majority": found["toward_majority"],
        "minority_survival": found["minority"]["survival"],
        **_counted("vote_only", found["vote_only"]),
        "vote_only_side": vote_only,
        **_counted("decided", found["decided"]),
        "decided_side": decided,
        "single_model_stance": found["single_model"],
        "single_model_side": single,
        "discussion_changed_side": None if None in (vote_only, decided) else decided != vote_only,
        "expected": expected,
        "vote_only_right": _right(vote_only, expected),
        "decided_right": _right(decided, expected),
        "single_model_right": _right(single, expected),
    }


def _latest(agreement: Iterable[Agreement], by: str) -> float | None:
    found: list[float] = [a[by] for a in agreement if a[by] is not None]  # type: ignore[literal-required]
    return found[-1] if found else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _counted(prefix: str, sides: Sides | None) -> Row:
    names = ("support", "oppose", "undecided")
    return {f"{prefix}_{name}": sides[name] if sides else None for name in names}  # type: ignore[literal-required]


def _side_of(stance: int | None) -> str | None:
    if stance is None:
        return None
    return "undecided" if stance == 0 else "support" if stance > 0 else "oppose"


def _right(found: str | None, expected: str | None) -> bool | None:
    return None if found is None or expected is None else found == expected
