"""The rounds of elimination: whose ballots went where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from virtual_agora.reports.html.svg import COLOURS, drawing, element, label, percent

__all__ = ["MOST_ROUNDS", "Round", "runoff"]

Round = Mapping[str, Sequence[int]]
"""For each option still standing, the numbers of the ballots that are its."""

MOST_ROUNDS = 8
LEFT, RIGHT, WIDTH = 0.0, 0.9, 0.02
TOP, HEIGHT, GAP = 26, 190, 12


def runoff(name: str, title: str, rounds: Sequence[Round], keys: Mapping[str, str]) -> Markup:
    """A column for each of the last rounds, a block for each option, bands where ballots go.

    `keys` has the letter of each option. Blue: the one that wins; orange: ballots that go over to another option.
    """
    first = max(0, len(rounds) - MOST_ROUNDS)
    shown = rounds[first:]
    winner = max(shown[-1], key=lambda option: len(shown[-1][option]))
    xs = [LEFT + (RIGHT - LEFT) * at / max(1, len(shown) - 1) for at in range(len(shown))]
    places = [_stack(one) for one in shown]
    parts = [
        label(x, 8, f"Round {number}" if number == first + 1 else str(number), colour="soft")
        for number, x in enumerate(xs, start=first + 1)
    ]
    for at in range(len(shown) - 1):
        bands = _bands(shown[at], shown[at + 1], places[at], places[at + 1], winner)
        parts.append(_between(xs[at] + WIDTH, xs[at + 1], bands))
    for x, one, place in zip(xs, shown, places, strict=True):
        for option, ballots in one.items():
            parts += _block(x, place[option], option == winner, f"{keys[option]} {len(ballots)}")
    said = "; ".join(
        f"round {number}: {', '.join(f'{keys[o]} {len(b)}' for o, b in one.items())}"
        for number, one in enumerate(rounds, start=1)
    )
    told = f"Ballots by round: {said}. {keys[winner]} wins."
    return drawing(name, parts, height=TOP + HEIGHT + 4, title=title, description=told)


def _stack(one: Round) -> dict[str, tuple[float, float]]:
    """Where each option's block begins and ends."""
    total = sum(len(ballots) for ballots in one.values())
    room = HEIGHT - GAP * (len(one) - 1)
    stacked, y = {}, float(TOP)
    for option, ballots in one.items():
        height = room * len(ballots) / total
        stacked[option] = (y, y + height)
        y += height + GAP
    return stacked


def _bands(
    before: Round,
    after: Round,
    left: Mapping[str, tuple[float, float]],
    right: Mapping[str, tuple[float, float]],
    winner: str,
) -> list[Markup]:
    bands = []
    filled = {option: start for option, (start, _) in right.items()}
    for option, ballots in before.items():
        y, end = left[option]
        each = (end - y) / len(ballots)
        for target, theirs in after.items():
            going = len(set(ballots) & set(theirs))
            if not going:
                continue
            start, stop = right[target]
            room = going * (stop - start) / len(theirs)
            colour = "warm" if target != option else "accent" if option == winner else "soft"
            bands.append(_band(y, y + going * each, filled[target], filled[target] + room, colour))
            y, filled[target] = y + going * each, filled[target] + room
    return bands


def _band(a: float, b: float, c: float, d: float, colour: str) -> Markup:
    path = f"M0 {a:.2f}C50 {a:.2f} 50 {c:.2f} 100 {c:.2f}V{d:.2f}C50 {d:.2f} 50 {b:.2f} 0 {b:.2f}Z"
    return element(
        "path", d=path, class_=f"fill {colour}", fill=COLOURS[colour], fill_opacity="0.3"
    )


def _between(x1: float, x2: float, bands: Sequence[Markup]) -> Markup:
    """The bands in a drawing of their own that is stretched to the room between two columns."""
    height = TOP + HEIGHT
    return element(
        "svg",
        Markup("").join(bands),
        x=percent(x1),
        y=0,
        width=percent(x2 - x1),
        height=height,
        viewBox=f"0 0 100 {height}",
        preserveAspectRatio="none",
    )


def _block(x: float, place: tuple[float, float], wins: bool, text: str) -> list[Markup]:
    start, end = place
    colour = "accent" if wins else "soft"
    block = element(
        "rect",
        x=percent(x),
        y=f"{start:.2f}",
        width=percent(WIDTH),
        height=f"{end - start:.2f}",
        class_=f"fill {colour}",
        fill=COLOURS[colour],
    )
    return [block, label(x + WIDTH, (start + end) / 2, text, move=5)]
