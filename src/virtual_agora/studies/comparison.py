"""`comparison.html`: what a study's sessions have in common and in what they differ, on one page without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from virtual_agora.reports import HTML
from virtual_agora.reports.files import write_atomically
from virtual_agora.studies.columns import COLUMNS, Column
from virtual_agora.studies.design import Design
from virtual_agora.studies.figures import Difference, Summary, differences, summaries
from virtual_agora.studies.plots import Bar, bars
from virtual_agora.studies.rows import Row
from virtual_agora.studies.study import Study
from virtual_agora.studies.words import joint_stamp

__all__ = ["comparison_page", "write_comparison"]

FILE = "comparison.html"


class Compared(NamedTuple):
    """One measure across the levels of a factor: of each level the numbers and their picture."""

    column: Column
    levels: list[tuple[str, Summary, Bar]]


class Paired(NamedTuple):
    """One measure, a level against the first one: of each the numbers and their picture."""

    column: Column
    levels: list[tuple[Difference, Bar]]


def write_comparison(study: Study, folder: Path) -> Path:
    """Write the page into `folder`, where the sessions' reports are in `reports/`; its path.

    Raises:
        StorageError: the disk refuses.
    """
    write_atomically(folder / FILE, comparison_page(study, folder))
    return folder / FILE


def comparison_page(study: Study, folder: Path) -> str:
    """The page: a function of the design, the sessions' states, and which reports there are in `folder`.

    Only complete sessions are compared.
    """
    design = study.design
    every = [list(rows) for _, rows in groupby(study.table(), key=lambda row: row["session"])]
    complete = [rows for rows in every if rows[0]["status"] == "complete"]
    factors = _factors(design)
    varied = {name: levels for name, levels in factors.items() if len(levels) > 1}
    environment = Environment(
        loader=PackageLoader("virtual_agora.studies", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure
    return environment.get_template("comparison.html").render(
        design=design,
        factors=factors,
        seeds=len(design.seeds),
        size=study.grid.size,
        calls=study.calls,
        sessions=every,
        reports={
            str(rows[0]["session"]): _report(str(rows[0]["session"]), folder) for rows in every
        },
        complete=len(complete),
        strange=study.strange,
        stamp=joint_stamp(str(rows[0]["demo"]) for rows in every),
        compared={
            name: list(_compared(complete, name, levels))
            for name, levels in (varied or {"rule": factors["rule"]}).items()
        },
        paired={
            name: list(_paired(complete, name, list(levels)))
            for name, levels in varied.items()
            if name != "question"
        },
    )


def _report(session: str, folder: Path) -> str:
    """The way to what is best read of a session; empty if nothing is written of it."""
    paths = [f"reports/session_{session}/{name}" for name in (HTML, "index.md")]
    return next((path for path in paths if (folder / path).is_file()), "")


def figure(value: float | None) -> str:
    """A number to three digits that count, whole if it is large; a dash where there is none."""
    if value is None:
        return "–"
    shown = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return shown.replace("-", "−")


def _factors(design: Design) -> dict[str, dict[str, str]]:
    """The factors whose levels have names, and what each level stands for."""
    rules = {
        name: ", ".join(
            f"{key}: {value}" for key, value in rule.model_dump(exclude_unset=True).items()
        )
        for name, rule in design.rules.items()
    }
    panels = {
        name: ", ".join(
            f"{member.count} × {member.provider}/{member.model}"
            if member.count > 1
            else f"{member.name or member.provider + '/' + member.model}"
            for member in panel.agents
        )
        for name, panel in design.panels.items()
    }
    questions = {name: question.theme for name, question in design.questions.items()}
    return {"rule": rules, "panel": panels, "question": questions}


def _compared(
    sessions: Sequence[Sequence[Row]], factor: str, levels: Mapping[str, str]
) -> Iterator[Compared]:
    for column in _measured():
        found = summaries(sessions, factor, levels, column)
        if found:
            pictures = bars(list(found.values()))
            yield Compared(
                column,
                [
                    (level, found[level], drawn)
                    for level, drawn in zip(found, pictures, strict=True)
                ],
            )


def _paired(
    sessions: Sequence[Sequence[Row]], factor: str, levels: Sequence[str]
) -> Iterator[Paired]:
    for column in _measured():
        found = list(differences(sessions, factor, levels, column))
        if found:
            pictures = bars([difference.by for difference in found], with_zero=True)
            yield Paired(column, list(zip(found, pictures, strict=True)))


def _measured() -> list[Column]:
    """What is compared: who was right, then what became of the topics, then what the sessions took."""
    names = [column.name for column in COLUMNS]
    first = names.index("topic")
    compared = [column for column in COLUMNS if column.heading]
    return sorted(compared, key=lambda c: (c.kind != "yes/no", names.index(c.name) < first))
