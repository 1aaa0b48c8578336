"""Let one thing fail in one execution of one node, and see that the session recovers, pauses or fails cleanly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langgraph_parity import coverage
from langgraph_parity.again import Again, nobody_else, prepared
from langgraph_parity.cases import Case, Strike
from langgraph_parity.edge import watched
from langgraph_parity.leg import Leg
from langgraph_parity.performing import Steps
from langgraph_parity.plain import plain
from langgraph_parity.rules import Finding
from langgraph_parity.runs import Run
from langgraph_parity.swallowed import has_in_chain, swallowed
from langgraph_parity.target import Target

if TYPE_CHECKING:
    from langgraph_parity.running import Parity

__all__ = ["FaultRun", "NotStruck", "fault_steps"]

__tracebackhide__ = True

STATE = ("P201", "P203", "P204", "P205", "P207")


@dataclass
class FaultRun(Run):
    """A faulty run and its resumption as one: updates and questions of both, values and outcome of the end."""

    legs: tuple[Run, ...] = ()
    """The run with the fault, and, unless it was done, the one after it."""


class NotStruck(Exception):
    """The case did not come to pass: the message says why."""


def fault_steps(
    parity: Parity, input: Any, answers: Any, thread_id: str, limit: int | None, case: Case
) -> Steps[Run]:
    """The legs of one case: undisturbed for comparison, with the fault, and on without it.

    Raises:
        NotStruck: the run does not execute the node so often, or makes no call there.
    """
    from langgraph_parity.running import Parity as Beside

    beside = Beside(parity.target, parity.saver.inner, guard=parity.guard, variant=parity.variant)
    first = yield Leg(beside, input, answers, thread_id + "-undisturbed", limit, True)
    if first.ended == "failed":
        parity.add(*beside._found)
        parity.runs.append(first)
        return first
    known = {(finding.rule, finding.where, finding.detail) for finding in beside._found}
    with nobody_else() as humans:
        human = Again(first, prepared(answers, humans))
        strike = Strike(case)
        mark, wrote = len(parity._found), beside.saver.since(0, first.thread_id)
        with watched(strike):
            faulty = yield Leg(parity, input, human, thread_id, limit, True)
        strike.case = None
        found = _taken(parity, mark, known)
        if not strike.struck:
            _tell(case, strike.ran)
        judged = list(_judged(parity.target, case, strike.error, first, faulty, found, wrote))
        legs = [faulty]
        if faulty.ended != "done":
            legs.append((yield Leg(parity, None, human, faulty.thread_id, limit, False)))
            judged += _resumed(case, first, faulty, legs[1], _taken(parity, mark, known))
    result = "failed" if judged else "recovered" if len(legs) == 1 else "went on"
    coverage.fault(case.node, case.name, case.call, result, target=parity.target.name)
    parity.runs[:] = [run for run in parity.runs if run not in legs]
    parity.add(*dict.fromkeys(judged))
    return _as_one(legs)


def _judged(
    target: Target,
    case: Case,
    error: BaseException | None,
    first: Run,
    faulty: Run,
    found: list[Finding],
    wrote: Any,
) -> Iterator[Finding]:
    """What is wrong with the run that had the fault."""
    where = f"fault {case}"
    for finding in found:
        if finding.rule in STATE:
            yield Finding("P401", where, f"{finding.rule} {finding.where}: {finding.detail}")
        elif finding.rule[:2] in ("P1", "P3") and finding.rule not in ("P304", "P305"):
            yield finding
    if faulty.raised is not None and error is not None and not has_in_chain(faulty.raised, error):
        said = f"{type(error).__name__} became {type(faulty.raised).__name__}: {faulty.raised}"
        yield Finding("P404", where, said)
    unclear = faulty.ended == "failed" and faulty.raised is None
    if unclear and not any(faulty.values.get(name) for name in target.error_fields):
        yield Finding("P403", where, "the run ended as if all were well, and is not done")
    if faulty.ended == "done" and not any(f.rule in STATE for f in found):
        promised = {
            channel for w in wrote if w.node == case.node for channel, _ in w.writes
        } & first.values.keys()
        one, other = (plain(r.values, "", target.volatile) for r in (first, faulty))
        went = [set().union(*run.supersteps) for run in (first, faulty)]
        said = f"{case} {case.error()!r}"
        if went[1] <= went[0] and (lost := swallowed(promised, one, other, said, target.error_fields)):  # fmt: skip
            yield Finding("P403", where, f"missing: {', '.join(lost)}")


def _resumed(
    case: Case, first: Run, faulty: Run, last: Run, found: list[Finding]
) -> Iterator[Finding]:
    """What is wrong after the fault was taken away."""
    where = f"resumed after {case}"
    if last.raised is not None:
        yield Finding("P402", where, f"{type(last.raised).__name__}: {last.raised}")
    elif last.ended == "failed":
        yield Finding("P402", where, "; ".join(f"{f.rule} {f.detail}" for f in found))
    elif faulty.ended == "failed" and last.ended == "done" and not last.updates:
        yield Finding("P402", where, "nothing runs any more")
    for finding in found:
        if finding.rule in STATE:
            yield Finding("P401", where, f"{finding.rule} {finding.where}: {finding.detail}")
        elif finding.rule in ("P601", "P606"):
            yield finding


def _taken(parity: Parity, mark: int, known: set[tuple[str, str, str]]) -> list[Finding]:
    """Take what was found since the mark out of the findings, without what is found undisturbed, too."""
    found = parity._found[mark:]
    del parity._found[mark:]
    return [f for f in found if (f.rule, f.where, f.detail) not in known]


def _tell(case: Case, ran: int) -> None:
    if ran < case.call:
        raise NotStruck(f"{case.node} runs {ran} times here: there is no run {case.call}")
    what = "model call" if case.fault != "call" else "call"
    raise NotStruck(f"run {case.call} of {case.node} makes no {what}")


def _as_one(legs: list[Run]) -> FaultRun:
    last = legs[-1]
    return FaultRun(
        thread_id=last.thread_id,
        updates=[update for leg in legs for update in leg.updates],
        questions=[question for leg in legs for question in leg.questions],
        values=last.values,
        supersteps=[step for leg in legs for step in leg.supersteps],
        ways=sum((leg.ways for leg in legs[1:]), legs[0].ways),
        counts={key: sum(leg.counts[key] for leg in legs) for key in last.counts},
        seconds=sum(leg.seconds for leg in legs),
        rss_growth=sum(leg.rss_growth for leg in legs),
        ended=last.ended,
        raised=last.raised,
        legs=tuple(legs),
    )
