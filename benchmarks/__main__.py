"""Run the benchmarks and write `docs/performance.md` from them.

    python -m benchmarks [PART ...]

Without a PART, all of them (see `docs.measured`).
"""

from __future__ import annotations

import sys

from docs.measured import Page

PAGE = Page(
    name="performance.md",
    package="benchmarks",
    made_by="make bench",
    parts=("path", "peers", "tokens", "cpu", "start"),
)

if __name__ == "__main__":
    sys.exit(PAGE.main(sys.argv[1:]))
