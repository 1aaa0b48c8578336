"""Deliberations of a peer, in its own environment: `python -m benchmarks.peer.run DRIVER FOLDER ...`, one for each folder.

Needs the standard library only. What was found is in `found.json` in each folder, for peers print what they like.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path


def main() -> None:
    """Import, hold the deliberations one after the other, and write down what each took."""
    driver = importlib.import_module(f"benchmarks.peer.{sys.argv[1]}")
    began = time.monotonic()
    hold = driver.load()
    imported = time.monotonic() - began
    for name in sys.argv[2:]:
        folder = Path(name)
        found = {"imported": imported, **_held(hold, folder)}
        (folder / "found.json").write_text(json.dumps(found), encoding="utf-8")


def _held(hold: Callable[[Path], None], folder: Path) -> dict[str, float]:
    folder.mkdir(exist_ok=True)
    began, spent = time.monotonic(), time.process_time()
    hold(folder)
    return {
        "began": began,
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - spent,
        "peak_mb": peak_mb(),
    }


def peak_mb() -> float:
    """The most memory of this process so far. `ru_maxrss` would have that of the process which started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
