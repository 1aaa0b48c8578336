"""How the things of a deliberation look: the panel, proposals, tallies, polls, reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from virtual_agora.reports.words import stance_words
from virtual_agora.ui.blocks import MEASURE, Heading, Palette, Prose, note
from virtual_agora.ui.text import count, one_line
from virtual_agora.ui.verdicts import first_by_all_rules

__all__ = [
    "agenda",
    "panel",
    "poll",
    "position",
    "proposals",
    "reasons",
    "recommendation",
    "report",
    "tally",
    "topics",
]

_BAR = 16
"""Cells of the longest bar."""


def panel(
    agents: Iterable[Mapping[str, Any]], palette: Palette, absent: Mapping[str, str] | None = None
) -> RenderableType:
    """Who sits in the assembly: name, model and the beginning of the persona, or, by id, why they are `absent`."""
    rows = Table.grid(padding=(0, 2, 0, 0))
    for agent in agents:
        role = "" if agent["role"] == "participant" else agent["role"].replace("_", " ")
        called = one_line(agent["name"], 40)
        name = Text(called, f"bold {palette.style(called)}")
        what = role or one_line(agent.get("persona") or "", 60)
        what = (absent or {}).get(agent["id"], what)
        rows.add_row(
            name, Text(one_line(f"{agent['provider']}/{agent['model']}")), Text(what, "dim")
        )
    return Padding(rows, (0, 0, 0, 2), expand=False)


def topics(entries: Iterable[Mapping[str, str]]) -> RenderableType:
    """Topics with the reasons for them, numbered."""
    lines: list[RenderableType] = []
    for number, entry in enumerate(entries, 1):
        lines.append(Prose(one_line(entry["title"]), lead=f"{number}. ", style="bold"))
        if entry.get("why"):
            lines.append(Prose(entry["why"], indent=5, style="dim"))
    return Group(*lines)


def agenda(titles: Sequence[str]) -> RenderableType:
    """Topics by title, numbered."""
    return Group(*(Prose(one_line(title), lead=f"{n:>2}. ") for n, title in enumerate(titles, 1)))


def proposals(name: str, style: str, titles: Sequence[str]) -> RenderableType:
    """One participant's proposals."""
    lines = [Prose(one_line(title), lead="· ", indent=4) for title in titles]
    return Group(Text(f"  {name}", f"bold {style}"), *lines)


def tally(result: Mapping[str, Any], proposed: Sequence[str] = ()) -> RenderableType:
    """What the ballots gave: the topics, best first, with their scores as bars."""
    scores: Mapping[str, float] = result["scores"]
    order = list(proposed) or [title for tied in result["order"] for title in tied]
    rows = Table.grid(padding=(0, 2, 0, 0))
    for number, title in enumerate(order, 1):
        score = scores.get(title)
        bar = _bar(score or 0, max(scores.values(), default=0))
        rows.add_row(
            Text(f"{number}."),
            Text(one_line(title)),
            bar,
            Text("new" if score is None else f"{score:g}"),
        )
    facts = [
        f"{one_line(str(result['rule']).replace('_', ' '))} count",
        count(result["ballots"], "ballot"),
    ]
    if result.get("abstained"):
        facts.append(f"{result['abstained']} abstained")
    if result.get("tie_broken_by"):
        by = result["tie_broken_by"]
        facts.append(f"tie broken by {'lot' if by == 'seed' else f'the {one_line(by)}'}")
    remarks = [", ".join(facts), first_by_all_rules(result, order)]
    return Group(
        Constrain(Padding(rows, (0, 0, 0, 2), expand=False), MEASURE),
        *(note(remark) for remark in remarks if remark),
    )


def poll(question: str, counts: Mapping[str, Any]) -> RenderableType:
    """A poll's totals. Each of `yes`, `no`, `abstained` is a number, or the list of who voted so."""
    votes = {key: _size(counts.get(key, 0)) for key in ("yes", "no", "abstained")}
    return _bars(question, votes, f"{counts['needed']} yes needed" if counts.get("needed") else "")


def recommendation(question: str, counts: Mapping[str, Any]) -> RenderableType:
    """The participants' advice on ending the session."""
    votes = {"end": _size(counts.get("end", 0)), "go on": _size(counts.get("go_on", 0))}
    return _bars(question, votes | {"abstained": _size(counts.get("abstained", 0))}, "")


def reasons(votes: Iterable[Mapping[str, Any]]) -> RenderableType:
    """The reasons given in a poll, without names: the ballot is secret."""
    marks = {"yes": ("✓ ", "green"), "no": ("✗ ", "red")}
    lines = []
    votes = list(votes)
    for choice in ("yes", "no"):
        lead, style = marks[choice]
        given = sorted(v["reason"] for v in votes if v["choice"] == [choice] and v["reason"])
        lines += [
            Prose(one_line(reason), lead=lead, lead_style=style, indent=4) for reason in given
        ]
    return Group(*lines)


def position(name: str, style: str, taken: Mapping[str, Any], before: int | None) -> RenderableType:
    """Where somebody stands, and where it stood `before` if that was somewhere else."""
    stance = stance_words(taken["stance"])
    if before != taken["stance"]:
        stance = f"{stance_words(before)} → {stance}"
    line = Text(f"  {one_line(name, 40)}", f"bold {style}")
    line.append(f"  {stance}", "bold").append(f"  {taken['confidence']} % sure", "dim")
    return Group(line, Prose(one_line(taken["position"]), indent=4))


def report(written: Mapping[str, Any]) -> RenderableType:
    """A report, section by section."""
    parts: list[RenderableType] = [
        Heading(
            f"Report: {one_line(written['title'], 100)}"
            if written["topic"]
            else "The final report",
            level=2,
        )
    ]
    for number, section in enumerate(written["sections"]):
        parts += [Text()] * bool(number) + [
            Text(f"  {one_line(section['title'])}", "bold"),
            Prose(section["text"]),
        ]
    return Group(*parts)


def _bars(question: str, votes: Mapping[str, int], remark: str) -> RenderableType:
    styles = {"yes": "green", "no": "red", "end": "red", "go on": "green"}
    rows = Table.grid(padding=(0, 1, 0, 0))
    for choice, number in votes.items():
        if number or choice != "abstained":
            rows.add_row(
                Text(f"    {choice}"),
                _bar(number, sum(votes.values()), styles.get(choice, "dim")),
                Text(str(number)),
            )
    title = Text(f"  {one_line(question)}", "bold")
    return Group(title.append(f"  {remark}", "dim") if remark else title, rows)


def _bar(value: float, most: float, style: str = "cyan") -> Text:
    filled = round(_BAR * value / most) if most > 0 else 0
    return Text("█" * filled, style).append("░" * (_BAR - filled), "dim")


def _size(votes: Any) -> int:
    return votes if isinstance(votes, int) else len(votes)
