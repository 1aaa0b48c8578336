"""How soon the command answers: its help, and the first words of a session, against what has to be imported for it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from tests.support.processes import THEME, TOPIC, panel
from tests.support.terminal import Terminal
from tests.support.wire import Wire

RUNS = 9
HELP, FIRST_TOKEN = 8.0, 1.5
"""The most that `--help` may take of an empty Python, and the first token of the imports that no session can do without."""

IMPORTS = "import langgraph.graph, langchain_openai"
SDKS = ("openai", "anthropic", "google.genai", "xai_sdk", "ollama", "langchain_openai")
SPOKEN = "This is the statement"
"""How every answer of the double to a participant begins."""

Pair = tuple[float, float]


def measure() -> dict[str, Any]:
    """Start the command and what it is compared to, in turn, after one start that is not counted."""
    command = str(Path(sys.executable).with_name("virtual-agora"))
    with tempfile.TemporaryDirectory() as name, Wire(Path(name) / "wire.jsonl") as wire:
        folder = Path(name)
        panel(folder, wire, positions="off", Ada="good", Ben="good", Cleo="good")
        first_token(folder, 0)
        helps = [
            (_seconds(command, "--help"), _seconds(sys.executable, "-c", "pass"))
            for _ in range(RUNS)
        ]
        tokens = [
            (first_token(folder, number), _seconds(sys.executable, "-c", IMPORTS))
            for number in range(1, RUNS + 1)
        ]
    return {"help": helps, "first_token": tokens, "sdks": imported_sdks()}


def section(found: dict[str, Any]) -> str:
    """Both ratios, and what is imported on the way."""
    sdks = ", ".join(found["sdks"]) or "none"
    rows = [
        _row("`virtual-agora --help` ÷ `python -c pass`", found["help"], HELP),
        _row("first token on screen ÷ importing what it needs", found["first_token"], FIRST_TOKEN),
    ]
    return f"""## The start

| | seconds | against | ratio | bound | |
|---|---|---|---|---|---|
{chr(10).join(rows)}

Medians of {len(found["help"])} pairs, in turn; in brackets the least and the most. The first token is that of a session with a topic of its own, from the start of the real command to the first
words of a participant on a pseudo-terminal, before a server on loopback that answers at once. What it needs, in a process of its own: `{IMPORTS}`.
Importing `virtual_agora.providers` brings along of the vendors' SDKs: {sdks}.
"""


def first_token(folder: Path, number: int) -> float:
    """Seconds from the start of the real command to the first token on its terminal. The session is then left."""
    words = ("run", THEME, *TOPIC, "--session", f"s{number}", "--data-dir", "data", "--yes")
    began = time.perf_counter()
    terminal = Terminal(folder, *words)
    terminal.until(SPOKEN)
    took = time.perf_counter() - began
    terminal.press("\x03\x03")
    terminal.end()
    return took


def imported_sdks() -> list[str]:
    """The vendors' SDKs that importing the package and its providers brings along."""
    code = "import sys, json, virtual_agora, virtual_agora.providers; print(json.dumps(list(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return sorted(set(SDKS) & set(json.loads(found.stdout)))


def _seconds(*command: str) -> float:
    """How long a command takes."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def _row(what: str, pairs: list[Pair], bound: float) -> str:
    ratios = sorted(ours / other for ours, other in pairs)
    ratio = median(ratios)
    verdict = "" if ratio <= bound else f"**missed** by {ratio / bound - 1:.0%}"
    seconds = [f"{median(side):.3f}" for side in zip(*pairs, strict=True)]
    spread = f"{ratio:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return f"| {what} | {' | '.join(seconds)} | {spread} | ≤ {bound:g} | {verdict} |"
