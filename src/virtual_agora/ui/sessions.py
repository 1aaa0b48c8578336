"""Saved sessions as tables: which there are, where one stands, and its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from virtual_agora.execution.standing import SessionInfo
from virtual_agora.reports.facts import absent
from virtual_agora.reports.forks import fork_words, paid_before
from virtual_agora.state.demo import demo_stamp
from virtual_agora.ui import drawings as draw
from virtual_agora.ui.blocks import Heading, Palette, Prose, note
from virtual_agora.ui.progress import PHASES, Progress
from virtual_agora.ui.recap import so_far
from virtual_agora.ui.status import place, totals
from virtual_agora.ui.text import count, money, one_line, tokens
from virtual_agora.voting.tally import tally

__all__ = ["sessions_table", "show_session"]

NARROW = 100
"""Cells below which sessions are listed one below the other."""

RECALLED = 200
"""Characters of each statement of the round under way that are shown."""

_STATUS = {"complete": "green", "waiting": "magenta", "interrupted": "yellow", "unreadable": "red"}
_QUESTIONS = {
    "theme_request": "for a theme",
    "agenda_approval": "for your word on the agenda",
    "user_turn": "for your turn to speak",
    "periodic_stop": "at a regular stop",
    "topic_continuation": "for your word on going on",
    "provider_failure": "because models cannot be reached",
    "budget_reached": "because the budget is used up",
}


def sessions_table(rows: Sequence[SessionInfo]) -> RenderableType:
    """One session a row; where the terminal is narrow, one below the other."""
    if not rows:
        return Text("There are no sessions yet. Begin one: virtual-agora run")
    return _Sessions(rows)


class _Sessions:
    def __init__(self, rows: Sequence[SessionInfo]) -> None:
        self._rows = rows

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        if options.max_width < NARROW:
            yield from _blocks(self._rows)
        else:
            yield _rows(self._rows)


def _blocks(rows: Sequence[SessionInfo]) -> Iterator[RenderableType]:
    for row in rows:
        yield Prose(row.session_id, indent=0, style="bold")
        yield Prose(_stands(row).plain, style=_STATUS.get(row.status, ""))
        took = f"{count(row.calls, 'call')}, {money(row.cost)}" if row.calls else ""
        if facts := ", ".join(filter(None, (_when(row.updated), took))):
            yield Prose(facts)
        if row.theme:
            yield Prose(one_line(row.theme, 80))


def _stands(row: SessionInfo) -> Text:
    stands = Text(_status(row), _STATUS.get(row.status, ""))
    if row.status in ("waiting", "interrupted"):
        where = f", round {row.round}" if row.round and row.phase == 2 else ""
        stands.append(f", {_phase(row.phase)}{where}", "default")
    return stands


def _rows(rows: Sequence[SessionInfo]) -> Table:
    table = _table("Session", "Stands at", "Last step", "Calls", "Cost", "Theme")
    table.columns[0].no_wrap = True  # it is there to be copied
    for row in rows:
        table.add_row(
            Text(one_line(row.session_id), "bold"),
            _stands(row),
            _when(row.updated),
            str(row.calls or ""),
            money(row.cost) if row.calls else "",
            Text(one_line(row.theme, 80)),
        )
    return table


def show_session(state: Mapping[str, Any], info: SessionInfo) -> RenderableType:
    """One session, from its state and where it stands."""
    return Group(*_summary(state, info))


def _summary(state: Mapping[str, Any], info: SessionInfo) -> Iterator[RenderableType]:
    progress = Progress()
    progress.recall(state)
    progress.round = info.round
    palette = Palette()
    session_id = one_line(state.get("session_id", ""))
    yield Heading(f"Session {session_id}")
    yield Prose(one_line(state.get("main_topic", "")) or "The theme is still open.", style="bold")
    if stamp := demo_stamp(state):
        yield note(stamp, "bold yellow")
    yield Prose(_status(info), style=_STATUS.get(info.status, ""))
    for words in fork_words(state):
        yield Prose(one_line(words))
    if info.status != "complete":
        yield note(place(progress), "")
    yield from _part(
        "The assembly",
        [draw.panel(state["agents"], palette, absent(state))] if state.get("agents") else [],
    )
    yield from _part("The agenda", list(_agenda(state, info.round)))
    yield from so_far(state, palette, RECALLED)
    yield from _part("Votes", list(_votes(state)))
    notices = [
        Prose(notice["text"], lead="! ", style="yellow") for notice in state.get("notices", ())
    ]
    yield from _part("Notices", notices)
    yield from _part(
        "Models",
        [
            _usage(state["usage"]),
            note(totals(progress), ""),
            *([note(one_line(paid))] if (paid := paid_before(state)) else []),
        ]
        if state.get("usage")
        else [],
    )
    yield Text()
    if state.get("reports"):
        yield Prose(progress.reports, lead="Reports: ", lead_style="bold")


def _agenda(state: Mapping[str, Any], round_: int) -> Iterator[RenderableType]:
    completed = state.get("completed_topics", [])
    current = state.get("current_topic", "")
    ends = {summary["topic"]: summary for summary in state.get("topic_summaries", ())}
    for topic in dict.fromkeys(
        [*completed, *([current] if current else []), *state.get("agenda", [])]
    ):
        if topic in completed:
            mark, style = "✓ ", "green"
            how = (
                f" ({count(ends[topic]['rounds'], 'round')}, {_ended(ends[topic]['concluded_by'])})"
                if topic in ends
                else ""
            )
        else:
            mark, style = ("▶ ", "cyan") if topic == current else ("· ", "dim")
            complete = state.get("status") == "complete"
            how = f" (round {round_})" if topic == current else ""
            how = " (not discussed)" if complete else how
        yield Prose(one_line(topic) + how, lead=mark, lead_style=style)


def _votes(state: Mapping[str, Any]) -> Iterator[RenderableType]:
    """A line for each occasion: what was asked, and how many said what; the agenda that a ballot gave below it."""
    votes = state.get("vote_history", ())
    rule = (state.get("tally") or {}).get("rule", "")
    kinds = {"agenda": "Agenda", "conclude_topic": "Conclude", "end_session": "End the session"}
    for (_, kind), group in groupby(votes, key=lambda vote: (vote["ballot"], vote["kind"])):
        cast = list(group)
        given = [vote["choice"][0] for vote in cast if vote["choice"]]
        what = kinds.get(kind, kind)
        if kind == "conclude_topic":
            what += f" “{one_line(cast[0]['topic'], 50)}”, round {cast[0]['round']}"
        counts = (
            f"{len(given)} ballots"
            if kind == "agenda"
            else f"{given.count('yes')} yes, {given.count('no')} no"
        )
        missing = f", {len(cast) - len(given)} abstained" if len(given) < len(cast) else ""
        yield Prose(f"{what}: {counts}{missing}")
        if kind == "agenda" and rule and given:
            yield from _counted(rule, [vote["choice"] for vote in cast if vote["choice"]])


def _counted(rule: str, rankings: Sequence[Sequence[str]]) -> Iterator[RenderableType]:
    """The topics in the order that the ballots gave; those they left tied share a line."""
    place = 1
    for group in tally(rule, rankings[0], rankings)["order"]:
        titles = " = ".join(one_line(title, 80) for title in group)
        yield Prose(titles, lead=f"{place}. ", indent=4)
        place += len(group)


def _usage(usage: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    table = _table("Model", "Calls", "Failed", "Tokens in", "out", "Cost")
    for model, used in sorted(usage.items()):
        table.add_row(
            Text(one_line(model)),
            str(used["calls"]),
            str(used["failed"] or ""),
            _tokens_in(used),
            tokens(used["output_tokens"]),
            money(used["cost"]),
        )
    return table


def _tokens_in(used: Mapping[str, Any]) -> str:
    cached = used["cached_tokens"]
    return tokens(used["input_tokens"]) + (f" ({tokens(cached)} cached)" if cached else "")


def _part(title: str, things: Sequence[RenderableType]) -> Iterator[RenderableType]:
    if things:
        yield Heading(title, level=2)
        yield from things


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _status(info: SessionInfo) -> str:
    if info.status == "waiting":
        return f"waiting {_QUESTIONS.get(info.waiting_for, 'for you')}"
    return {
        "newer": "saved by a later release: update virtual-agora",
        "encrypted": "encrypted: its key is not here",
        "unreadable": "damaged: it cannot be read",
    }.get(info.status, info.status)


def _ended(concluded_by: str) -> str:
    return {
        "vote": "concluded by vote",
        "user": "closed by you",
        "max_rounds": "all rounds used",
        "budget": "closed because of the budget",
    }.get(concluded_by, concluded_by)


def _phase(number: int) -> str:
    return f"{number} {PHASES[number]}" if 0 <= number < len(PHASES) else str(number)


def _when(timestamp: str) -> str:
    """An ISO 8601 time in the reader's time zone, to the minute."""
    try:
        return datetime.fromisoformat(timestamp).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return one_line(timestamp)
