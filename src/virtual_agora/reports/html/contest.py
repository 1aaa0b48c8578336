"""The ballots on the agenda: each topic against each other, and the rounds of elimination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from virtual_agora.reports.facts import State, amount, last_poll
from virtual_agora.reports.html.runoff import MOST_ROUNDS, Round, runoff
from virtual_agora.voting.ballots import Ranking
from virtual_agora.voting.pairwise import margins
from virtual_agora.voting.runoff import elimination

__all__ = ["MOST_TOPICS", "Cell", "Contest", "contest"]

MOST_TOPICS = 12
"""The most topics that the pairwise matrix has."""


@dataclass(frozen=True, slots=True)
class Cell:
    """How many ballots prefer the row's topic to the column's; `look` is `win`, `loss`, `draw` or `self`.

    `strength` is the share of the majority from 0 (a draw) to 4 (all), in steps.
    """

    ballots: int
    look: str
    strength: int


@dataclass(frozen=True, slots=True)
class Contest:
    """The comparisons of `ballots` ballots. `topics`, of so many `candidates`, are the rows of the matrix, in order, and its columns.

    `eliminated` has for each topic in the runoff its ballots by round, None where it is out.
    """

    ballots: int
    candidates: int
    topics: Sequence[str]
    matrix: Sequence[Sequence[Cell]]
    rounds: int
    eliminated: Mapping[str, Sequence[int | None]]
    outcome: str
    plot: Markup | None


def contest(state: State, ordered: Sequence[str], keys: Mapping[str, str]) -> Contest | None:
    """The latest ballots compared; `ordered` are their topics, best first. None: there is nothing to compare."""
    choices = [vote["choice"] for vote in last_poll(state, "agenda")]
    rankings = [choice for choice in choices if sorted(choice) == sorted(ordered)]
    if len(ordered) < 2 or len(set(ordered)) < len(ordered) or not rankings:
        return None
    rounds = elimination(ordered, rankings)
    lasting = [title for title in ordered if title in rounds[0]]
    top = ordered[:MOST_TOPICS]
    return Contest(
        ballots=len(rankings),
        candidates=len(ordered),
        topics=top,
        matrix=_matrix(top, rankings),
        rounds=len(rounds),
        eliminated={
            title: [len(one[title]) if title in one else None for one in rounds]
            for title in lasting
        },
        outcome=_outcome(rounds, keys, len(rankings)) + _never_first(ordered, rounds[0], keys),
        plot=_plot(rounds, keys),
    )


def _matrix(top: Sequence[str], rankings: Sequence[Ranking]) -> list[list[Cell]]:
    shown = set(top)
    among = [[title for title in ranking if title in shown] for ranking in rankings]
    total = len(rankings)
    matrix = []
    for at, row in enumerate(margins(top, among)):
        cells = [
            Cell(
                ballots=(total + margin) // 2,
                look="win" if margin > 0 else "loss" if margin < 0 else "draw",
                strength=-(-4 * abs(margin) // total),
            )
            for margin in row
        ]
        cells[at] = Cell(0, "self", 0)
        matrix.append(cells)
    return matrix


def _outcome(rounds: Sequence[Round], keys: Mapping[str, str], ballots: int) -> str:
    winner, theirs = max(rounds[-1].items(), key=lambda item: len(item[1]))
    won = f"{keys[winner]} has {len(theirs)} of {amount(ballots, 'ballot')}, more than half"
    if len(rounds) == 1:
        return f"{won}, in the first round."
    said = f"{won}, in round {len(rounds)}."
    return (
        f"{said} The plot shows the last {MOST_ROUNDS} rounds."
        if len(rounds) > MOST_ROUNDS
        else said
    )


def _never_first(ordered: Sequence[str], first: Round, keys: Mapping[str, str]) -> str:
    """The topics that no ballot ranks first: nothing can go over from them, and no round has them."""
    without = [keys[title] for title in ordered if title not in first]
    if not without:
        return ""
    more = f" and {len(without) - MOST_TOPICS:,} more" if len(without) > MOST_TOPICS else ""
    said = ", ".join(without[:MOST_TOPICS]) + more
    return f" No first place from the start: {said}; out before round 1."


def _plot(rounds: Sequence[Round], keys: Mapping[str, str]) -> Markup | None:
    if len(rounds) < 2:
        return None
    return runoff("runoff", "Rounds of elimination", rounds, keys)
