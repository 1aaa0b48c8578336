"""Two sessions side by side; where the terminal is narrow, one below the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from virtual_agora.execution.comparison import Comparison, Spent, Topic
from virtual_agora.reports.verdicts import rule_name
from virtual_agora.ui.blocks import MEASURE, Heading, Prose
from virtual_agora.ui.steps import brought_words
from virtual_agora.ui.text import count, money, one_line, tokens

__all__ = ["show_comparison"]

NARROW = 80
"""Cells below which two columns leave too little room for either."""

LONGEST = 240
"""Characters of a value that is shown."""

FIELDS = {
    "agents": "the assembly",
    "candidates": "the topics to vote on",
    "concluded_by": "what concluded the topic",
    "main_topic": "the theme",
    "messages": "what was said",
    "notices": "the notices",
    "poll": "the poll",
    "positions": "where they stand",
    "tally": "the count",
    "vote_history": "how they voted",
}
"""What fields of a step's outcome are called; others by their names."""

_STATUS = {"waiting": "waits for an answer", "interrupted": "broken off", "complete": "complete"}
_CAUSE = {"vote": "by vote", "user": "by the user", "max_rounds": "after the last round allowed"}


class Row(NamedTuple):
    """What is compared, and how it is in each session."""

    about: str
    one: str
    other: str


class _Sides:
    """Rows side by side, those that differ marked; one value below the other where there is no room."""

    def __init__(self, names: tuple[str, str], rows: Sequence[Row]) -> None:
        self._names, self._rows = names, rows

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        if options.max_width < NARROW:
            yield from self._below()
            return
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        table.add_column(width=1)
        for title, share in zip(("", *self._names), (2, 3, 3), strict=True):
            wide = share if options.is_terminal else None
            table.add_column(Text(title), ratio=wide, overflow="fold")
        for row in self._rows:
            style = "bold" if row.one != row.other else ""
            table.add_row(_mark(row), Text(row.about), Text(row.one, style), Text(row.other, style))
        table.expand = options.is_terminal
        yield Constrain(table, MEASURE if options.is_terminal else None)

    def _below(self) -> Iterator[RenderableType]:
        for row in self._rows:
            yield Prose(row.about, lead=f"{_mark(row)} ", indent=0)
            if row.one == row.other:
                yield Prose(f"both: {row.one}", indent=4)
                continue
            for name, value in zip(self._names, (row.one, row.other), strict=True):
                yield Prose(f"{name}: {value}", indent=4, style="bold")


def show_comparison(found: Comparison) -> RenderableType:
    """A comparison, for people."""
    return Group(*_parts(found))


def _parts(found: Comparison) -> Iterator[RenderableType]:
    one, other = map(one_line, found.sessions)
    if one == other:
        yield Prose(f"“{one}” is one session, named twice: there is nothing to compare.", indent=0)
        return
    yield Heading(f"{one} and {other}")
    for sentence in _where(found):
        yield Prose(sentence)
    for title, rows in (
        ("Set up differently", _set_up(found)),
        ("What became of them", _became(found)),
        ("The topics", [_topic(title, *pair) for title, pair in found.topics.items()]),
        ("Calls and cost", _spent(found)),
    ):
        if rows:
            yield Heading(title, level=2)
            yield _Sides((one, other), rows)


def _where(found: Comparison) -> Iterator[str]:
    one, other = map(one_line, found.sessions)
    if found.shared_node:
        yield (
            f"They share their history up to step {found.shared}, {found.shared_node}: "
            f"{count(found.shared, 'step')}, paid for once. From there on each has its own."
        )
    elif found.theme[0] != found.theme[1]:
        yield "They have nothing in common: they share no step, and are on different themes."
        return
    else:
        yield "They share no history: neither is a fork of the other, nor both of a third."
    parted = found.parted
    if parted is None:
        yield "Whatever came of it so far is the same in both."
    elif not all(parted.ran):
        done, ahead = (other, one) if parted.ran[0] else (one, other)
        yield (
            f"As far as “{done}” has come, all is the same; at step {parted.step} “{ahead}” went on with "
            f"{parted.ran[0] or parted.ran[1]}."
        )
    elif parted.ran[0] != parted.ran[1]:
        yield (
            f"The first difference: at step {parted.step} “{one}” went on with {parted.ran[0]}, "
            f"“{other}” with {parted.ran[1]}."
        )
    else:
        names = ", ".join(FIELDS.get(name, name.replace("_", " ")) for name in parted.fields)
        yield f"The first difference: step {parted.step}, {parted.ran[0]}, came out otherwise: {names}."
        for name, number in ((one, 0), (other, 1)):
            brought = {field: pair[number] for field, pair in parted.fields.items() if pair[number]}
            if words := one_line(brought_words(brought), LONGEST):
                yield f"{name}: {words}"


def _set_up(found: Comparison) -> list[Row]:
    rows = [
        Row(about, one_line(str(one), LONGEST), one_line(str(other), LONGEST))
        for about, (one, other) in (("theme", found.theme), ("seed", found.seed))
        if one != other
    ]
    rows += [
        Row(one_line(c["key"]), _value(c["before"]), _value(c["after"]))
        for c in found.configuration
    ]
    return [row for row in rows if row.about != "session.seed"]


def _value(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    return one_line(str(value), LONGEST)


def _became(found: Comparison) -> list[Row]:
    rows = [Row("stands", *(_STATUS.get(status, status) for status in found.status))]
    if any(found.rule):
        firsts = (" = ".join(map(one_line, titles)) for titles in found.first)
        rules = (rule_name(rule) or "not voted on" for rule in found.rule)
        rows += [Row("agenda counted by", *rules), Row("first on the ballots", *firsts)]
    if found.agenda[0] != found.agenda[1]:
        rows.append(Row("agenda", *map(_numbered, found.agenda)))
    return rows


def _numbered(titles: Sequence[str]) -> str:
    return "; ".join(f"{n}. {one_line(title)}" for n, title in enumerate(titles, 1)) or "none yet"


def _topic(title: str, one: Topic, other: Topic) -> Row:
    return Row(one_line(title, LONGEST), _became_of(one), _became_of(other))


def _became_of(topic: Topic) -> str:
    if topic.standing in ("", "open"):
        return "not discussed" if topic.standing else "not on the agenda"
    how = f"closed {_CAUSE.get(topic.concluded_by, '')}".strip()
    parts = [
        how if topic.standing == "closed" else topic.standing,
        count(topic.rounds, "round"),
        count(topic.statements, "statement"),
        f"last poll {topic.poll}" if topic.poll else "",
    ]
    return ", ".join(filter(None, parts))


def _spent(found: Comparison) -> list[Row]:
    rows = [Row("in all", *(_sum(spent) for spent in found.spent))]
    if found.paid_together.calls:
        together = _sum(found.paid_together)
        rows.append(Row("of that before they parted", together, together))
    return rows


def _sum(spent: Spent) -> str:
    return f"{count(spent.calls, 'call')}, {tokens(spent.tokens)} tokens, {money(spent.cost)}"


def _mark(row: Row) -> str:
    return "≠" if row.one != row.other else " "
