"""A page made from measurements that are made anew, part by part, by one command.

A part is a module of the package with `measure()`, which returns what it found as JSON knows it, and `section(found)`, which tells it as
Markdown that begins with a heading of the second level. What a part found is kept in `results/PART.json` of the package, with the
circumstances, and the page is written from what is kept: so one part can be measured again by itself.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

__all__ = ["ROOT", "Page", "Part", "commit"]

ROOT = Path(__file__).parents[1]


class Part(Protocol):
    """A module that measures something."""

    def measure(self) -> dict[str, Any]:
        """Measure; what was found, as JSON knows it."""

    def section(self, found: dict[str, Any]) -> str:
        """What was found, as Markdown that begins with a heading of the second level."""


@dataclass(frozen=True)
class Page:
    """A page of the docs, its `introduction.md` in `package`, and the parts that follow it, in order."""

    name: str
    package: str
    made_by: str
    parts: Sequence[str]

    @property
    def folder(self) -> Path:
        """Where the package is."""
        return ROOT / self.package

    def main(self, names: Sequence[str]) -> int:
        """Measure the parts named, or all, and write the page; 2 where there is no such part."""
        if unknown := sorted(set(names) - set(self.parts)):
            there = ", ".join(self.parts)
            sys.stderr.write(f"There is no part {', '.join(unknown)}; there are {there}.\n")
            return 2
        for name in names or self.parts:
            self._measure(name)
            self.write()
        return 0

    def write(self) -> None:
        """Write the page from what is kept."""
        introduction = (self.folder / "introduction.md").read_text(encoding="utf-8")
        sections = [
            f"<!-- Made by `{self.made_by}`. -->",
            introduction,
            *map(self._section, self.parts),
        ]
        (ROOT / "docs" / self.name).write_text("\n".join(sections), encoding="utf-8")

    def _part(self, name: str) -> Part:
        return cast(Part, importlib.import_module(f"{self.package}.{name}"))

    def _kept(self, name: str) -> Path:
        return self.folder / "results" / f"{name}.json"

    def _measure(self, name: str) -> None:
        began = time.monotonic()
        found = self._part(name).measure()
        kept = {
            "command": f"python -m {self.package} {name}",
            "seconds": round(time.monotonic() - began),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "commit": commit(),
            "found": found,
        }
        self._kept(name).parent.mkdir(exist_ok=True)
        text = json.dumps(kept, indent=1, ensure_ascii=False)
        self._kept(name).write_text(text + "\n", encoding="utf-8")

    def _section(self, name: str) -> str:
        if not self._kept(name).exists():
            return ""
        kept = json.loads(self._kept(name).read_text(encoding="utf-8"))
        told = (
            f"`{kept['command']}` took {kept['seconds']} s on {kept['cores']} cores, Python {kept['python']}, "
            f"commit {kept['commit']}."
        )
        return f"{self._part(name).section(kept['found']).rstrip()}\n\n{told}\n"


def commit() -> str:
    """What is measured, as git names it."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return said.stdout.strip()
