"""Make the proofs anew and write `docs/reliability.md` from them.

    python -m reliability [PART ...]

Without a PART, all of them (see `docs.measured`).
"""

from __future__ import annotations

import sys

from docs.measured import Page

PAGE = Page(
    name="reliability.md",
    package="reliability",
    made_by="make reliability",
    parts=("kills", "faults", "rounds", "sessions"),
)

if __name__ == "__main__":
    sys.exit(PAGE.main(sys.argv[1:]))
