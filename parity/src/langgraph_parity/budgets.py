"""Counters of a test against its baseline: supersteps, checkpoint writes and bytes, model calls, prompt sizes."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.tracers.context import register_configure_hook

from langgraph_parity.rules import Finding, ParityUsageError

if TYPE_CHECKING:
    from langgraph_parity.running import Parity

__all__ = ["COUNTERS", "Budgets", "Change", "Meter", "measured", "metering"]

FORMAT = "langgraph-parity/baseline/1"
COUNTERS = {
    "supersteps": "P801",
    "checkpoint_writes": "P802",
    "checkpoint_bytes": "P803",
    "model_calls": "P804",
    "prompt_chars": "P805",
    "longest_prompt": "P805",
}
"""What is counted of a test, and the rule for its growth. Prompts are measured in characters."""


class Meter(BaseCallbackHandler):
    """Counts the calls of LangChain's models, and the characters of what they are asked."""

    run_inline = True

    def __init__(self) -> None:
        self.counts = Counter(model_calls=0, prompt_chars=0, longest_prompt=0)
        self._lock = threading.Lock()

    def on_chat_model_start(
        self, serialized: Any, messages: list[list[BaseMessage]], **_: Any
    ) -> None:
        """A chat model is called, once for each list of messages."""
        for prompt in messages:
            self._called(sum(_length(message.content) for message in prompt))

    def on_llm_start(self, serialized: Any, prompts: list[str], **_: Any) -> None:
        """A completion model is called."""
        for prompt in prompts:
            self._called(len(prompt))

    def _called(self, length: int) -> None:
        with self._lock:
            self.counts.update(model_calls=1, prompt_chars=length)
            self.counts["longest_prompt"] = max(self.counts["longest_prompt"], length)


class _Everywhere:
    """Stands for a ContextVar that has the same value in every thread.

    LangChain asks it for a handler at every call, so that calls are counted to which no config was passed on, and
    those in threads that the application started.
    """

    meter: Meter | None = None

    def get(self) -> Meter | None:
        return self.meter


metering: Any = _Everywhere()
"""`metering.meter` counts the calls of this process."""
register_configure_hook(metering, inheritable=True)


def measured(parities: Iterable[Parity], meter: Meter) -> dict[str, int]:
    """The counters of a test: of everything its applications stored, and of the calls the meter saw."""
    savers = {id(parity.saver): parity.saver for parity in parities}.values()
    counts = [saver.counts for saver in savers]
    made = Counter(meter.counts)
    for parity in parities:
        if (calls := parity.target.calls) is not None:
            last = {run.thread_id: run.values for run in parity.runs}
            for values in last.values():
                made.update({name: calls(values).get(name, 0) for name in meter.counts})
    return {
        "supersteps": sum(len(saver.supersteps()) for saver in savers),
        "checkpoint_writes": sum(c["checkpoints"] + c["writes"] for c in counts),
        "checkpoint_bytes": sum(c["bytes"] for c in counts),
        **{name: made[name] for name in meter.counts},
    }


@dataclass(frozen=True)
class Change:
    """A counter of a test that is not what its baseline says."""

    test: str
    counter: str
    was: int
    now: int
    over: bool
    """It grew beyond the tolerance."""

    def __str__(self) -> str:
        """`supersteps: was 12, is 15, +25.0 %`."""
        grown = f", {100 * (self.now - self.was) / self.was:+.1f} %" if self.was else ""
        return f"{self.counter.replace('_', ' ')}: was {self.was:,}, is {self.now:,}{grown}"

    def finding(self) -> Finding:
        """The growth as a finding."""
        return Finding(COUNTERS[self.counter], self.test, str(self))


class Budgets:
    """The baselines of a suite: compares with them, or, with `update`, writes them anew."""

    def __init__(self, *, update: bool = False) -> None:
        self.update = update
        self.measured: dict[str, dict[str, dict[str, int]]] = {}
        """Baseline file -> test -> counters."""
        self.changes: list[Change] = []
        self.unknown: list[str] = []
        """Tests that have no baseline."""

    def compare(
        self, path: Path, test: str, now: Mapping[str, int], *, tolerance: float, must: bool
    ) -> list[Finding]:
        """What grew by more than the tolerance, a fraction.

        Raises:
            ParityUsageError: the test `must` have a baseline and has none.
        """
        self.measured.setdefault(str(path), {})[test] = dict(now)
        if self.update:
            return []
        was = read_baseline(path).get(test)
        if was is None:
            self.unknown.append(test)
            if must:
                raise ParityUsageError(
                    f"{path.name} has no baseline for {test}. Write it with --parity-update-baseline, and commit it."
                )
            return []
        changes = [
            Change(test, name, was[name], now[name], now[name] > was[name] * (1 + tolerance))
            for name in COUNTERS
            if name in was and was[name] != now[name]
        ]
        self.changes += changes
        return [change.finding() for change in changes if change.over]

    def forget(self, test: str) -> None:
        """The test failed: what it counted is no baseline."""
        for tests in self.measured.values():
            tests.pop(test, None)

    def write(self) -> list[str]:
        """Write the baselines that were asked for; what other tests have stays. Returns a line for each file."""
        said = []
        for path, tests in self.measured.items():
            if self.update and tests:
                kept = read_baseline(Path(path))
                made = dict(sorted({**kept, **tests}.items()))
                text = json.dumps({"format": FORMAT, "tests": made}, indent=1, ensure_ascii=False)
                Path(path).write_text(text + "\n", encoding="utf-8")
                said.append(f"wrote {len(tests)} of {len(made)} baselines to {path}")
        return said

    def to_json(self) -> dict[str, Any]:
        """Plain data, for the process that combines."""
        changes = [asdict(change) for change in self.changes]
        return {"measured": self.measured, "changes": changes, "unknown": self.unknown}

    def add(self, given: Mapping[str, Any]) -> None:
        """Add what `to_json` gave in another process."""
        for path, tests in given["measured"].items():
            self.measured.setdefault(path, {}).update(tests)
        self.changes += [Change(**change) for change in given["changes"]]
        self.unknown += given["unknown"]

    def lines(self) -> list[str]:
        """For the terminal: what grew, what shrank, and what has no baseline."""
        said = [f"{c.test}  {c}" for c in self.changes if c.over]
        shrunk = [f"{c.test}  {c}" for c in self.changes if c.now < c.was]
        if shrunk:
            said += [
                *shrunk,
                "Smaller than the baseline: keep it so with --parity-update-baseline.",
            ]
        if self.unknown and not self.update:
            many = f"{len(self.unknown)} test{'s have' if len(self.unknown) > 1 else ' has'}"
            said.append(f"{many} no baseline: write it with --parity-update-baseline.")
        return said


def read_baseline(path: Path) -> dict[str, dict[str, int]]:
    """Test -> counters; empty if there is no such file.

    Raises:
        ParityUsageError: the file is no baseline.
    """
    if not path.exists():
        return {}
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        tests: dict[str, dict[str, int]] = read["tests"]
        good = read["format"] == FORMAT
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise ParityUsageError(
            f"{path} is no baseline of the kit. Write it anew with --parity-update-baseline."
        )
    return tests


def _length(content: Any) -> int:
    """Characters of a message: of its text, or of its parts as JSON."""
    return len(content) if isinstance(content, str) else len(json.dumps(content, default=str))
