"""Every fault of a provider, through every vendor's SDK, in every step that asks models.

A cell of the grid is a session that is forked from just before the step, so that everything before costs nothing; then
one member's calls in that step fail. The step ends or waits; what failed is mended; the session goes on to its end.

    python -m reliability faults
    python -m reliability.faults FAULT ...

The second tries only the rows of these faults anew, and puts them into what is kept of the whole grid.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from docs.measured import commit

from reliability.fault_session import (
    HASTY,
    PARTICIPANT,
    PATIENT,
    STEPS,
    VENDOR_PATHS,
    Found,
    Panel,
    serving,
)
from virtual_agora.errors import (
    MalformedAnswerError,
    PermanentProviderError,
    ProviderAccessError,
    ProviderError,
    TransientProviderError,
)
from virtual_agora.flow.error_recovery import TABLE, Action, Rule
from virtual_agora.providers.vendors import VENDORS

__all__ = ["FAULTS", "Cell", "cells", "chosen", "expected", "measure", "section", "tried"]

KEY = "sk-of-nobody-0123456789"

KEPT = Path(__file__).with_name("results") / "faults.json"

PROCESSES = 3
"""Cells wait for timeouts more than they compute."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One square of the grid."""

    vendor: str
    fault: str
    step: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What a fault amounts to: the error that picks the row of the table, None where the call is answered in the end.

    `attempts` is how often the call is made where no row says so. `slow` faults are told by the clock.
    """

    what: str
    error: type[ProviderError] | None
    attempts: int = 1
    slow: bool = False
    form_only: bool = False


FAULTS = {
    "key refused": Fault("status 401", ProviderAccessError),
    "quota used up": Fault("429, 402, 403 or 400, as each vendor says it", ProviderAccessError),
    "busy twice": Fault("429 with Retry-After: 7, two times", None, attempts=3),
    "busy for minutes": Fault("429 with Retry-After: 300", ProviderAccessError),
    "always 500": Fault("status 500, every time", TransientProviderError),
    "connection refused": Fault("nobody listens", TransientProviderError),
    "cut off": Fault("the connection is lost in the middle", TransientProviderError),
    "ends early": Fault("the answer just ends, without saying why", TransientProviderError),
    "malformed": Fault("a chunk, or a body, that is no JSON", TransientProviderError),
    "HTML page": Fault("a proxy's page, with status 200", TransientProviderError),
    "empty": Fault("an answer without a word", TransientProviderError),
    "too slow": Fault("nothing for longer than the timeout", TransientProviderError, slow=True),
    "dribble": Fault("a byte now and then, for ever", PermanentProviderError, slow=True),
    "dribbled headers": Fault(
        "a header that grows by a byte now and then", PermanentProviderError, slow=True
    ),
    "endless early hints": Fault(
        "status 103 now and then, and no other", PermanentProviderError, slow=True
    ),
    "endless": Fault("an answer that goes on for ever, at full speed", PermanentProviderError),
    "compressed": Fault("a compressed answer, which nobody asked for", PermanentProviderError),
    "5 MB": Fault("an answer of 5 MB", PermanentProviderError),
    "refusal": Fault("the model declines", PermanentProviderError),
    "content filter": Fault("a filter stops the answer", PermanentProviderError),
    "redirect": Fault("status 307", PermanentProviderError),
    "off form": Fault("never in the form asked for", MalformedAnswerError, form_only=True),
    "off form once": Fault("in the form asked for when told so", None, attempts=2, form_only=True),
    "busy for long": Fault("429, every time", TransientProviderError),
    "busy for 100 s": Fault("429 with Retry-After: 100, every time", TransientProviderError),
}
"""What each fault is; what follows from it, the table of errors says. In free text no form can be missed."""

DECLINES = {"anthropic": "always", "google": "always", "ollama": "never"}
"""Whether the vendor's API has a word for a model that declines to answer: OpenAI's has one for forms only.

Without one, the model says so in its answer, which is as good as any in free text, and misses a form.
"""


def expected(cell: Cell) -> tuple[str, int]:
    """The outcome and the attempts that follow from the table of errors."""
    fault, step = FAULTS[cell.fault], STEPS[cell.step]
    if cell.fault == "refusal":
        declines = DECLINES.get(cell.vendor, "forms")
        if declines == "never" or (declines == "forms" and not step.form):
            fault = FAULTS["off form"]
    if fault.form_only and not step.form:
        return "answered", 1
    if fault.error is None:
        return ("repaired" if fault.form_only else "answered"), fault.attempts
    rule = _rule(fault.error)
    if rule.action is Action.ABSTAIN:
        return "abstained", rule.attempts
    if rule.action is Action.SKIP and step.agent == PARTICIPANT:
        return "skipped", rule.attempts
    return "asked", rule.attempts


def _rule(error: type[ProviderError]) -> Rule:
    return next(rule for rule in TABLE if issubclass(error, rule.errors))


def cells() -> list[Cell]:
    """The whole grid."""
    return [Cell(v, f, s) for v in VENDOR_PATHS for f in FAULTS for s in STEPS]


def chosen() -> list[Cell]:
    """A cell for every fault, such that every vendor and every step has one, too, with as few panels as that takes."""
    vendors, steps = list(VENDOR_PATHS), list(STEPS)
    some = []
    for at, fault in enumerate(FAULTS):
        step = steps[at % len(steps)]
        at_home = STEPS[step].group == "writers"
        some.append(Cell(vendors[0 if at_home else at % len(vendors)], fault, step))
    return some


def tried(some: Iterable[Cell]) -> Iterator[tuple[Cell, Found]]:
    """Try cells one after another, in this process; each with what was found, and what of it is wrong."""
    with serving() as (agora, server):

        @cache
        def panel(vendor: str, group: str, timeout: float) -> Panel:
            return Panel(agora, server, vendor, group, timeout)

        for cell in some:
            timeout = HASTY if FAULTS[cell.fault].slow else PATIENT
            found = panel(cell.vendor, STEPS[cell.step].group, timeout).run(cell.fault, cell.step)
            if (found.outcome, found.attempts) != expected(cell):
                wanted, times = expected(cell)
                found.wrong.insert(
                    0, f"{found.outcome} after {found.attempts}, not {wanted} after {times}"
                )
            yield cell, found


def measure() -> dict[str, Any]:
    """Try the whole grid: of every fault and step, what each vendor's cell came to; and what was wrong."""
    done = _all(cells())
    return {
        "cells": len(done),
        "requests": sum(found.requests for _, found in done),
        "came": _came(done),
        "wrong": _wrong(done),
        "anew": {},
    }


def anew(faults: list[str]) -> None:
    """Try the rows of these faults anew; the others stay as they were found."""
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    found = kept["found"]
    done = _all([cell for cell in cells() if cell.fault in faults])
    found["came"] |= {fault: _came(done)[fault] for fault in faults}
    others = {
        name: said for name, said in found["wrong"].items() if name.split(", ")[1] not in faults
    }
    found["wrong"] = others | _wrong(done)
    found["anew"] = found.get("anew", {}) | dict.fromkeys(faults, commit())
    KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _all(some: list[Cell]) -> list[tuple[Cell, Found]]:
    keys = {name: KEY for vendor in VENDORS.values() for name in vendor.keys[:1]}
    os.environ.update(keys, VIRTUAL_AGORA_OFFLINE_LATENCY="0")

    # The cells of one share have one panel; the large shares first.
    def share(cell: Cell) -> tuple[str, str, bool]:
        return cell.vendor, STEPS[cell.step].group, FAULTS[cell.fault].slow

    shares = [list(some) for _, some in groupby(sorted(some, key=share), key=share)]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        return [
            one for tried in pool.map(_try, sorted(shares, key=len, reverse=True)) for one in tried
        ]


def _came(done: Iterable[tuple[Cell, Found]]) -> dict[str, dict[str, dict[str, str]]]:
    """What each vendor's cell came to, by fault and step."""
    came: dict[str, dict[str, dict[str, str]]] = {
        fault: {step: dict.fromkeys(VENDOR_PATHS, "") for step in STEPS} for fault in FAULTS
    }
    for cell, found in done:
        came[cell.fault][cell.step][cell.vendor] = f"{found.outcome} {found.attempts}"
    return came


def _wrong(done: Iterable[tuple[Cell, Found]]) -> dict[str, list[str]]:
    return {
        f"{cell.vendor}, {cell.fault}, {cell.step}": found.wrong
        for cell, found in done
        if found.wrong
    }


def _try(some: list[Cell]) -> list[tuple[Cell, Found]]:
    return list(tried(some))


SIGNS = {"answered": "✓", "repaired": "r", "skipped": "s", "abstained": "a", "asked": "?"}


def section(found: dict[str, Any]) -> str:
    """The grid, twice: by vendor over all steps, and by step over all vendors."""
    came, wrong = found["came"], found["wrong"]
    right = found["cells"] - len(wrong)
    parts = [
        "## Faults of providers\n",
        f"{len(VENDOR_PATHS)} vendors × {len(FAULTS)} faults × {len(STEPS)} steps that ask models: {found['cells']:,} sessions, "
        f"{found['requests']:,} requests of the vendors' own SDKs over HTTP to a server on loopback. In each session the calls of one "
        "member fail in one step; then the fault is mended, and the session goes on, with “retry” where it had asked.\n",
        f"**{right:,} of {found['cells']:,} came to what [the table of errors](reference/errors.md) says**: the outcome and the number of "
        "attempts, a valid state after the step and at the end, an end that is reached, no finished call of another member made again, "
        "every failed call counted.\n",
        "A wait that a provider asks for takes no time here; it is checked that the call would have waited as long. A model that declines in the "
        "words of an answer, where the vendor's API has no other way, has answered: in free text that is no fault.\n",
        "Cells that did so, of those of all steps:\n",
        _row("fault", *VENDOR_PATHS),
        _row(*["---"] * (len(VENDOR_PATHS) + 1)),
    ]
    for fault in FAULTS:
        counts = [
            sum(f"{vendor}, {fault}, {step}" not in wrong for step in STEPS)
            for vendor in VENDOR_PATHS
        ]
        parts.append(_row(fault, *(f"{count} / {len(STEPS)}" for count in counts)))
    parts += [
        "\nWhat became of the member's turn, by step, and after how many attempts: "
        "✓ it was answered, r answered when asked again, s skipped with a notice, a counted as an abstention, ? the user was asked. "
        "Of two signs, the vendors' APIs differ in whether they have a word for it. ✗ is what should not be.\n",
        _row("fault", *(str(number) for number in range(1, len(STEPS) + 1))),
        _row(*["---"] * (len(STEPS) + 1)),
    ]
    for fault, steps in came.items():
        parts.append(_row(fault, *(_signs(fault, step, steps[step], wrong) for step in STEPS)))
    named = (
        f"{number} `{step}` ({STEPS[step].agent})" for number, step in enumerate(STEPS, start=1)
    )
    parts.append(
        f"\nSteps, and who fails in them: {', '.join(named)}.\n".replace(
            "(Third)", "(a participant)"
        )
    )
    for fault, tried_at in found["anew"].items():
        parts.append(
            f'The row “{fault}” is of `python -m reliability.faults "{fault}"`, commit {tried_at}.\n'
        )
    if wrong:
        parts += ["\nWhat should not be:\n"]
        parts += [f"- {cell}: {'; '.join(said)}" for cell, said in wrong.items()]
    return "\n".join(parts) + "\n"


def _row(*fields: str) -> str:
    return f"| {' | '.join(fields)} |"


def _signs(fault: str, step: str, by_vendor: dict[str, str], wrong: dict[str, Any]) -> str:
    signs: dict[str, None] = {}
    for vendor, came in by_vendor.items():
        outcome, _, attempts = came.rpartition(" ")
        bad = "✗" if f"{vendor}, {fault}, {step}" in wrong else ""
        signs[f"{SIGNS.get(outcome, '')}{attempts}{bad}"] = None
    return " ".join(sorted(signs))


if __name__ == "__main__":
    anew(sys.argv[1:])
