"""How often each voting rule leaves a tie for the first place when voters rank at random: `python -m benchmarks.voting_ties`.

Prints the rows that `docs/voting.md` has. Everything is drawn from fixed seeds, so that they are the same everywhere.
"""

from __future__ import annotations

import random
from collections import Counter

from virtual_agora.voting.rules import RULES, verdicts

PROFILES = 400
PANELS = ((5, 5), (8, 4), (8, 5), (8, 6))
"""Options and voters."""


def shares(size: int, voters: int) -> dict[str, float]:
    """The share of profiles in which a rule leaves a tie; under `agree`, in which all rules agree."""
    options = [f"o{number}" for number in range(size)]
    found = Counter[str]()
    for number in range(PROFILES):
        rng = random.Random(f"{size}/{voters}/{number}")
        said = verdicts(options, [rng.sample(options, size) for _ in range(voters)])
        found["agree"] += said["agree"]
        for verdict in [*said["verdicts"], *said.get("unsettled", [])]:
            if len(verdict["first"]) > 1:
                found.update(verdict["rules"])
    return {name: found[name] / PROFILES for name in (*RULES, "agree")}


def main() -> None:
    """Print the rows of the table, with the rules as its columns."""
    for size, voters in PANELS:
        cells = [f"{share:.0%}" for share in shares(size, voters).values()]
        print(f"| {size} options, {voters} voters | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
