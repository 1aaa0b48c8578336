"""The report as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from langgraph_parity import report as text
from langgraph_parity.covered import KINDS, Cell, Covered
from langgraph_parity.drawing import drawing
from langgraph_parity.rules import RULES

if TYPE_CHECKING:
    from langgraph_parity.report import Report

__all__ = ["page"]

COLUMNS = {
    "nodes": ("Node",),
    "edges": ("From", "To"),
    "answers": ("Question", "Answer"),
    "variants": ("Variant",),
}
STATES = {"seen": ("✓", "covered"), "missing": ("✗", "missing"), "beyond": ("!", "undeclared")}


def page(report: Report) -> str:
    """The whole page."""
    style = files("langgraph_parity").joinpath("page.css").read_text(encoding="utf-8")
    coverage = report.coverage
    seed = "" if report.seed is None else f" · seed {report.seed}"
    lost = f"<p class=missing>Without what {escape(', '.join(report.lost))} went through: the worker died.</p>"
    targets = "".join(_target(name, one) for name, one in sorted(coverage.targets.items()))
    nothing = "" if targets else "<p>No test ran an application.</p>"
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>Coverage of the graph</title><style>\n{style}</style></head><body>"
        f"<header><h1>Coverage of the graph</h1><p class=soft>{text.many(coverage.tests, 'test')}{seed}</p></header>"
        f"<main>{lost if report.lost else ''}{nothing}{targets}{_findings(report)}</main></body></html>"
    )


def _target(name: str, covered: Covered) -> str:
    rows = "".join(_share(kind, covered) for kind in KINDS)
    drawn = drawing(covered)
    picture = (
        "<details open><summary><b>The graph</b></summary>"
        "<div tabindex=0 role=region aria-label='Drawing of the graph'>"
        "<p class=soft><span class=seen>— covered</span> · <span class=missing>- - never taken</span> · "
        f"<span class=beyond>··· taken, not declared</span></p>{drawn}</div></details>"
    )
    sections = [_list(kind, covered) for kind in ("edges", "nodes", "answers")]
    sections += [_matrix(kind, covered) for kind in ("faults", "crashes")]
    sections.append(_list("variants", covered))
    return (
        f"<section><h2>{escape(name)}</h2><p class=soft>{text.many(covered.runs, 'run')}</p>"
        "<table><thead><tr><th scope=col>Kind<th scope=col class=number>Covered<th scope=col class=number>%"
        f"<th class=bar></tr></thead><tbody>{rows}</tbody></table>"
        f"{picture if drawn else ''}{''.join(sections)}</section>"
    )


def _share(kind: str, covered: Covered) -> str:
    title = text.TITLES[kind].capitalize()
    done, there = covered.share(kind)
    if not there:
        return f"<tr><th scope=row>{title}<td class='number soft'>none<td><td class=bar></tr>"
    percent = int(covered.percent(kind))
    part = "" if done == there else " class=part"
    return (
        f"<tr><th scope=row>{title}<td class=number>{done} of {there}<td class=number>{percent} %"
        f"<td class=bar aria-hidden=true><span><i{part} style='width:{percent}%'></i></span></tr>"
    )


def _list(kind: str, covered: Covered) -> str:
    """Every cell with its count, those that are missing or not declared first."""
    seen, possible = covered.seen[kind], covered.possible(kind)
    states = {cell: _state(cell, covered, kind) for cell in possible | set(seen)}
    order = ["missing", "beyond", "seen"]
    rows = [
        "<tr>"
        + "".join(f"<td>{_breakable(text.named('nodes', (part,)))}" for part in cell)
        + f"<td class=number>{seen[cell]}<td class='state {state}'>{_word(kind, state)}</tr>"
        for cell, state in sorted(states.items(), key=lambda item: (order.index(item[1]), item[0]))
    ]
    head = "".join(f"<th scope=col>{column}" for column in COLUMNS[kind])
    note = ""
    if kind == "edges" and covered.shape.open:
        routers = escape(", ".join(sorted(covered.shape.open)))
        note = (
            f"<p>Targets unknown: {routers}. What their routers or error handlers never took cannot be told; "
            "give a router a path map or a Literal as return type.</p>"
        )
    table = (
        f"<table><thead><tr>{head}<th scope=col class=number>Times<th scope=col class=state>"
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )
    return _section(kind, covered, note + table) if rows else ""


def _matrix(kind: str, covered: Covered) -> str:
    """Nodes down, faults or moments of a crash across."""
    possible = covered.possible(kind)
    nodes = sorted({cell[0] for cell in possible})
    columns = sorted({cell[1:] for cell in possible}, key=lambda c: (c != ("before",), c))
    names = [column[0] if len(column) == 1 else f"{column[0]} #{column[1]}" for column in columns]
    head = "".join(f"<th scope=col>{escape(name)}" for name in names)
    rows = []
    for node in nodes:
        cells = "".join(_ended(kind, (node, *column), covered) for column in columns)
        rows.append(f"<tr><th scope=row>{escape(node)}{cells}</tr>")
    table = (
        f"<table class=matrix><thead><tr><th scope=col>Node{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
    return _section(kind, covered, table) if rows else ""


def _ended(kind: str, cell: Cell, covered: Covered) -> str:
    results = covered.results[kind].get(cell)
    if not results:
        return "<td class=missing>✗ not tried"
    said = ", ".join(f"{result} {count}" for result, count in sorted(results.items()))
    return f"<td>{escape(said)}"


def _section(kind: str, covered: Covered, body: str) -> str:
    missing, beyond = covered.missing(kind), covered.beyond(kind)
    done, there = covered.share(kind)
    said = [f"{done} of {there}"]
    if missing:
        names = ", ".join(text.named(kind, cell) for cell in missing[:3])
        more = ", …" if len(missing) > 3 else ""
        said.append(f"<span class=missing>{text.MISSING[kind]}: {escape(names)}{more}</span>")
    if beyond and kind in text.BEYOND:
        names = ", ".join(text.named(kind, cell) for cell in beyond[:3])
        said.append(f"<span class=beyond>{text.BEYOND[kind]}: {escape(names)}</span>")
    title = text.TITLES[kind].capitalize()
    opened = " open" if missing or beyond else ""
    return (
        f"<details{opened}><summary><b>{title}</b> <span class=soft>{' · '.join(said)}</span></summary>"
        f"<div>{body}</div></details>"
    )


def _findings(report: Report) -> str:
    rows = []
    for id_, row in sorted(report.coverage.findings.items()):
        rule = RULES[id_]
        allowed = f" ({row['allowed']} allowed)" if row["allowed"] else ""
        tests = "".join(f"<br><span class=breakable>{escape(test)}</span>" for test in row["tests"])
        rows.append(
            f"<tr><th scope=row>{id_} {rule.title}<td>{escape(rule.wrong)}. {escape(rule.mend)}."
            f"<span class=soft>{tests}</span><td class=number>{row['count']}{allowed}</tr>"
        )
    if not rows:
        return ""
    return (
        "<section><h2>Findings</h2><table><thead><tr><th scope=col>Rule<th scope=col>What and where"
        f"<th scope=col class=number>Times</tr></thead><tbody>{''.join(rows)}</tbody></table></section>"
    )


def _state(cell: Cell, covered: Covered, kind: str) -> str:
    if cell not in covered.possible(kind):
        return "beyond"
    return "seen" if covered.seen[kind][cell] else "missing"


def _breakable(name: str) -> str:
    """A name that may go over several lines, between its words."""
    return escape(name).replace("_", "_<wbr>").replace(":", ":<wbr>")


def _word(kind: str, state: str) -> str:
    sign, word = STATES[state]
    word = "no option" if (kind, state) == ("answers", "beyond") else word
    return f"{sign} <span class=word>{word}</span>"
