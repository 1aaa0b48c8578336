"""What the standard session takes of everything that no clock is needed for: a change that costs more, or less, is seen here.

Where a difference is meant, the figures below are set to it; it belongs into the changelog.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.support.wire import ROOT

PINNED = {
    "calls": 88,
    "depth": 49,
    "again": 1,
    "supersteps": 41,
    "checkpoints": 42,
    "writes": 321,
    "prompt_chars": 294_804,
}
BYTES = 794_400
"""In the database. Times and identities in it differ in length by a little."""


def test_the_standard_session_takes_what_it_took():
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.standard_session", "0"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    took = json.loads(ran.stdout)
    took |= took["saved"] | {"supersteps": len(took["recording"])}
    assert {name: took[name] for name in PINNED} == PINNED
    assert took["bytes"] == pytest.approx(BYTES, rel=0.01)
