"""The figures the application is held to, each as a ratio or a count: `make figures`.

Every figure is the median of several runs in turn with what it is compared to, because machines are noisy.
Prints the table and writes it to `docs/figures.md`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
RUNS = 9
LATENCY = 0.05
SDKS = ("openai", "anthropic", "google.genai", "xai_sdk", "ollama", "langchain_openai")


def seconds(*command: str) -> float:
    """How long a command takes, in seconds."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def help_ratio() -> float:
    """`virtual-agora --help` against `python -c pass`, pair by pair."""
    command = str(Path(sys.executable).with_name("virtual-agora"))
    pairs = [
        (seconds(command, "--help"), seconds(sys.executable, "-c", "pass")) for _ in range(RUNS)
    ]
    return median(ours / bare for ours, bare in pairs)


def imported_sdks() -> list[str]:
    """The providers' SDKs that importing the package and its providers brings along."""
    code = "import sys, json, virtual_agora, virtual_agora.providers; print(json.dumps(list(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return sorted(set(SDKS) & set(json.loads(found.stdout)))


def standard_session() -> list[dict[str, Any]]:
    """The standard session, several times, each in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.standard_session", str(LATENCY)]
    runs = [
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        for _ in range(RUNS)
    ]
    return [json.loads(run.stdout) for run in runs]


def cost_of_checks() -> float:
    """What langgraph-parity's checks add to a session, as a part of what the session takes without them."""
    command = [sys.executable, "-m", "benchmarks.checked_session"]
    ran = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return median(checked / bare - 1 for bare, checked in json.loads(ran.stdout))


@dataclass(frozen=True)
class Figure:
    """What was measured, as a number and as it is shown, and the most it may be."""

    name: str
    value: float
    shown: str
    bound: float

    @property
    def missed(self) -> bool:
        """Whether the figure is above its bound, as it is shown."""
        return self.value > self.bound

    def __str__(self) -> str:
        """A row of the table."""
        mark = " **missed**" if self.missed else ""
        return f"| {self.name} | {self.shown} | ≤ {self.bound:,}{mark} |"


def figures() -> list[Figure]:
    """Every figure with its bound."""
    runs = standard_session()
    spans = sorted(run["span"] / (run["depth"] * LATENCY) for run in runs)
    span, ratio, sdks = median(spans), help_ratio(), len(imported_sdks())
    calls, characters = runs[0]["calls"], runs[0]["prompt_chars"]
    peak = max(run["peak_mb"] for run in runs)
    checks = cost_of_checks()
    sequence = f"{runs[0]['depth']} calls in sequence × 50 ms"
    return [
        Figure("`virtual-agora --help` ÷ `python -c pass`", ratio, f"{ratio:.1f}", 10),
        Figure("provider SDKs imported by `import virtual_agora.providers`", sdks, str(sdks), 0),
        Figure(
            f"standard session: first to last call ÷ ({sequence})",
            span,
            f"{span:.3f} ({spans[0]:.2f} to {spans[-1]:.2f})",
            1.15,
        ),
        Figure("standard session: calls", calls, str(calls), 90),
        Figure("standard session: prompt characters", characters, f"{characters:,}", 300_000),
        Figure("standard session: peak memory of the process, MB", peak, f"{peak:.0f}", 150),
        Figure("langgraph-parity's checks ÷ the session they check", checks, f"{checks:.2f}", 1),
    ]


def main() -> int:
    """Measure, print, and write the page; 1 if a figure is above its bound."""
    found = figures()
    made = "\n".join(["| figure | measured | bound |", "|---|---|---|", *map(str, found)])
    print(made)
    (ROOT / "docs" / "figures.md").write_text(
        "<!-- Made by `make figures`. -->\n# Figures\n\n"
        "The standard session: 4 agents, 2 topics, 3 rounds, the offline panel at 50 ms a call, SQLite with every "
        "commit on disk. Its sequential depth is counted from the steps it took, as [the protocol](protocol.md) "
        f"derives it. Medians of {RUNS} runs on 2 cores; `benchmarks/` has the method.\n\n{made}\n",
        encoding="utf-8",
    )
    return int(any(figure.missed for figure in found))


if __name__ == "__main__":
    sys.exit(main())
