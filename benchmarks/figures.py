"""The figures the application is held to, each as a ratio or a count: `make figures`.

Every figure is the median of several runs in turn with what it is compared to, because machines are noisy.
Prints the table and writes it to `docs/figures.md`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
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


def table() -> str:
    """Every figure with its bound."""
    runs = standard_session()
    spans = [run["span"] / (run["depth"] * LATENCY) for run in runs]
    one = runs[0]
    rows = [
        ("`virtual-agora --help` ÷ `python -c pass`", f"{help_ratio():.1f}", "≤ 10"),
        (
            "provider SDKs imported by `import virtual_agora.providers`",
            str(len(imported_sdks())),
            "0",
        ),
        (
            f"standard session: first to last call ÷ ({one['depth']} calls in sequence × 50 ms)",
            f"{median(spans):.2f} ({min(spans):.2f} to {max(spans):.2f})",
            "≤ 1.15",
        ),
        ("standard session: calls", str(one["calls"]), "≤ 90"),
        ("standard session: prompt characters", f"{one['prompt_chars']:,}", "≤ 300,000"),
        (
            "standard session: peak memory of the process, MB",
            f"{max(run['peak_mb'] for run in runs):.0f}",
            "≤ 150",
        ),
    ]
    return "\n".join(
        ["| figure | measured | bound |", "|---|---|---|"]
        + [f"| {name} | {measured} | {bound} |" for name, measured, bound in rows]
    )


def main() -> None:
    """Measure, print, and write the page."""
    made = table()
    print(made)
    (ROOT / "docs" / "figures.md").write_text(
        "<!-- Made by `make figures`. -->\n# Figures\n\n"
        "The standard session: 4 agents, 2 topics, 3 rounds, the offline panel at 50 ms a call, SQLite with every "
        "commit on disk. Its sequential depth is counted from the steps it took, as [the protocol](protocol.md) "
        f"derives it. Medians of {RUNS} runs on 2 cores; `benchmarks/` has the method.\n\n{made}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
