"""Make the proofs anew and write `docs/reliability.md` from them.

    python -m reliability [PART ...]

Without a PART, all of them. What a part found is kept in `reliability/results/PART.json`, from which the page is written; so
one part can be run again by itself.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Protocol, cast

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results")
PAGE = ROOT / "docs" / "reliability.md"
PARTS = ("kills", "faults", "rounds", "sessions")


class Part(Protocol):
    """A module of this package."""

    def measure(self) -> dict[str, Any]:
        """Run the proof; what it found, as JSON knows it."""

    def section(self, found: dict[str, Any]) -> str:
        """What was found, as Markdown that begins with a heading of the second level."""


def part(name: str) -> Part:
    """The module of a part."""
    return cast(Part, importlib.import_module(f"reliability.{name}"))


def run(name: str) -> None:
    """Run one part and keep what it found, with the circumstances."""
    began = time.monotonic()
    found = part(name).measure()
    kept = {
        "command": f"python -m reliability {name}",
        "seconds": round(time.monotonic() - began),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "commit": _commit(),
        "found": found,
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def page() -> str:
    """The whole page, from what is kept."""
    introduction = Path(__file__).with_name("introduction.md").read_text(encoding="utf-8")
    return "\n".join(["<!-- Made by `make reliability`. -->", introduction, *map(_section, PARTS)])


def _section(name: str) -> str:
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return ""
    kept = json.loads(path.read_text(encoding="utf-8"))
    told = (
        f"`{kept['command']}` took {kept['seconds']} s on {kept['cores']} cores, Python {kept['python']}, "
        f"commit {kept['commit']}."
    )
    return f"{part(name).section(kept['found']).rstrip()}\n\n{told}\n"


def _commit() -> str:
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return said.stdout.strip()


def main(names: list[str]) -> int:
    """Run the parts named, or all, and write the page; 2 where there is no such part."""
    if unknown := sorted(set(names) - set(PARTS)):
        print(
            f"There is no part {', '.join(unknown)}; there are {', '.join(PARTS)}.", file=sys.stderr
        )
        return 2
    for name in names or PARTS:
        run(name)
        PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
