"""Makes `reference.json.gz`: random ballots and who wins with them according to `pref_voting`, an independent implementation.

    python -m venv /tmp/reference && /tmp/reference/bin/pip install pref_voting==1.18.2
    /tmp/reference/bin/python tests/voting/reference.py

`pref_voting` is far too heavy to depend on, so its results are kept. It takes some minutes; the same version writes the same file.
Options are digits and ballots are words of them, to keep the file small; `test_reference.py` reads it.
"""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from pref_voting.c1_methods import copeland
from pref_voting.grade_methods import approval, cumulative_voting, score_voting
from pref_voting.grade_profiles import GradeProfile
from pref_voting.iterative_methods import instant_runoff_put
from pref_voting.margin_based_methods import beat_path, ranked_pairs
from pref_voting.profiles import Profile
from pref_voting.scoring_methods import borda, plurality

FILE = Path(__file__).with_name("reference.json.gz")
SEED = 1785
PROFILES = 3000
OF_THEIR_OWN = 800
"""Profiles for each rule whose ballots are of its own kind."""

RANKED: dict[str, Callable[[Profile], list[int]]] = {
    "borda": borda,
    "copeland": copeland,
    "instant_runoff": instant_runoff_put,  # parallel universes, as in the application
    "plurality": plurality,
    # The winners of all orders of equal majorities. “Basic” tries every order, too many to count here; the rankings
    # that are “stacks” give the same winners (Zavist and Tideman 1989).
    "ranked_pairs": lambda profile: ranked_pairs(profile, algorithm="from_stacks"),
    "schulze": beat_path,
}


def rankings(rng: random.Random, size: int, voters: int) -> list[list[int]]:
    """Rankings of one of five kinds; all but the first make ties and circles common."""
    kind = rng.choice(("any", "few", "circles", "mirrored", "near"))
    one = rng.sample(range(size), size)
    if kind == "any":
        return [rng.sample(range(size), size) for _ in range(voters)]
    if kind == "few":
        known = [rng.sample(range(size), size) for _ in range(rng.randint(2, 4))]
        return [rng.choice(known) for _ in range(voters)]
    if kind == "circles":
        return [one[at % size :] + one[: at % size] for at in range(voters)]
    if kind == "mirrored":
        half = [rng.sample(range(size), size) for _ in range((voters + 1) // 2)]
        return [*half, *(order[::-1] for order in half)][:voters]
    near = []
    for _ in range(voters):
        order, at = list(one), rng.randrange(size - 1)
        order[at], order[at + 1] = order[at + 1], order[at]
        near.append(order)
    return near


def sizes(rng: random.Random) -> tuple[int, int]:
    """2 to 7 options, seldom 7; 1 to 25 voters, more often few."""
    size = rng.choices(range(2, 8), (1, 4, 5, 5, 4, 1))[0]
    return size, rng.choice((rng.randint(1, 8), rng.randint(1, 25)))


def ranked(rng: random.Random) -> Iterator[list[Any]]:
    """The number of options, the ballots, and the winners by each rule of RANKED."""
    while True:
        size, voters = sizes(rng)
        ballots = rankings(rng, size, voters)
        counted = Counter(map(tuple, ballots))
        profile = Profile([list(order) for order in counted], list(counted.values()))
        won = [word(rule(profile)) for rule in RANKED.values()]
        yield [size, " ".join(map(word, ballots)), " ".join(won)]


def of_their_own(rng: random.Random, kind: str) -> Iterator[list[Any]]:
    """The number of options, what a voter has to give, the ballots as grades, and the winners."""
    while True:
        size, voters = sizes(rng)
        budget = {"approval": 1, "cumulative": rng.randint(3, 10), "quadratic": rng.randint(4, 30)}
        most = budget[kind]
        ballots = [grades(rng, kind, size, most) for _ in range(voters)]
        profile = GradeProfile(
            [dict(enumerate(ballot)) for ballot in ballots],
            list(range(-most if kind == "quadratic" else 0, most + 1)),
            candidates=list(range(size)),
        )
        won = {
            "approval": approval,
            "cumulative": partial(cumulative_voting, max_total_grades=most),
            "quadratic": score_voting,  # the sum of the votes is the sum of these grades
        }[kind](profile)
        yield [size, most, ballots, word(won)]


def grades(rng: random.Random, kind: str, size: int, budget: int) -> list[int]:
    """One voter's ballot: for each option a yes or no, the points it gets, or the votes on it."""
    if kind == "approval":
        return [rng.randint(0, 1) for _ in range(size)]
    given = [0] * size
    for _ in range(budget):
        at, step = rng.randrange(size), 1
        if kind == "quadratic":
            step = -1 if given[at] < 0 or (not given[at] and rng.random() < 0.3) else 1
            changed = (given[at] + step) ** 2 - given[at] ** 2
            if sum(votes**2 for votes in given) + changed > budget:
                continue
        given[at] += step
    return given


def word(options: Iterable[int]) -> str:
    """Options as digits."""
    return "".join(map(str, options))


def main() -> None:
    """Write the file."""
    rng = random.Random(SEED)
    data = {
        "made_by": f"pref_voting {version('pref_voting')}",
        "seed": SEED,
        "rules": list(RANKED),
        "ranked": list(islice(ranked(rng), PROFILES)),
        **{
            kind: list(islice(of_their_own(rng, kind), OF_THEIR_OWN))
            for kind in ("approval", "cumulative", "quadratic")
        },
    }
    text = json.dumps(data, separators=(",", ":"))
    FILE.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
