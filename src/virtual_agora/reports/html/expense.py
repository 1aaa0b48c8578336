"""What the session took: calls, tokens, money and time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from virtual_agora.measures.model import Measures
from virtual_agora.reports.facts import State, amount, topics
from virtual_agora.reports.html.figures import figure
from virtual_agora.reports.html.prose import plain
from virtual_agora.reports.html.timeline import Stretch, duration, timeline
from virtual_agora.reports.words import cost_words, money, tokens_in
from virtual_agora.state.schema import Usage
from virtual_agora.state.usage import spent

__all__ = ["Expense", "ModelUse", "TopicTime", "expense_of"]


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What calls to one model took; `share` is that of its tokens in all tokens, in percent."""

    model: str
    calls: str
    failed: str
    repaired: str
    tokens_in: str
    tokens_out: str
    cost: str
    share: float


@dataclass(frozen=True, slots=True)
class TopicTime:
    """From the first to the last statement on a topic."""

    title: str
    statements: int
    begun: str
    lasted: str


@dataclass(frozen=True, slots=True)
class Expense:
    """Money and time; `lasted` is empty and `plot` None where there is nothing to tell."""

    uses: Sequence[ModelUse]
    said: str
    cost: str
    tokens: int
    per_turn: str
    lasted: str
    times: Sequence[TopicTime]
    plot: Markup | None


def expense_of(state: State, measures: Measures) -> Expense:
    """What the session took."""
    usage: dict[str, Usage] = state.get("usage", {})
    taken, cost = spent(usage), cost_words(usage)
    per_turn = measures.get("tokens_per_retained_turn")
    stretches = _stretches(state)
    times = [time for stretch in stretches.values() for time in stretch.times]
    whole = (max(times) - min(times)).total_seconds() if times else 0.0
    return Expense(
        uses=[_use(model, used, taken["tokens"]) for model, used in sorted(usage.items())],
        said=f"{amount(taken['calls'], 'call')} to {amount(len(usage), 'model')}, "
        f"{amount(taken['tokens'], 'token')}; cost: {cost}.",
        cost=cost,
        tokens=taken["tokens"],
        per_turn=""
        if per_turn is None
        else f"{figure(per_turn, 0)} tokens for each turn that a report cites.",
        lasted=duration(whole) if whole > 0 else "",
        times=[_time(s) for s in stretches.values()],
        plot=timeline(
            "timeline",
            "When the statements were made",
            [Stretch(f"Topic {number}", s.times) for number, s in stretches.items()],
        )
        if whole > 0
        else None,
    )


def _use(model: str, used: Usage, tokens: int) -> ModelUse:
    own = used["input_tokens"] + used["output_tokens"]
    return ModelUse(
        model=plain(model),
        calls=f"{used['calls']:,}",
        failed=f"{used['failed']:,}",
        repaired=f"{used['repaired']:,}",
        tokens_in=tokens_in(used),
        tokens_out=f"{used['output_tokens']:,}",
        cost=money(used["cost"]),
        share=100 * own / tokens if tokens else 0.0,
    )


def _stretches(state: State) -> dict[int, Stretch]:
    """The topics on which something was said, by the number that they have in the report."""
    said = state.get("messages", [])
    found = {
        number: Stretch(plain(topic, 200), _times(m["at"] for m in said if m["topic"] == topic))
        for number, topic in enumerate(topics(state), start=1)
    }
    return {number: stretch for number, stretch in found.items() if stretch.times}


def _times(written: Iterable[str]) -> list[datetime]:
    """The times that can be read; what is no time is left out."""
    times = []
    for text in written:
        with suppress(ValueError):
            times.append(datetime.fromisoformat(text).astimezone(UTC))
    return times


def _time(stretch: Stretch) -> TopicTime:
    first, last = min(stretch.times), max(stretch.times)
    return TopicTime(
        title=stretch.name,
        statements=len(stretch.times),
        begun=f"{first:%Y-%m-%d %H:%M:%S}",
        lasted=duration((last - first).total_seconds()),
    )
