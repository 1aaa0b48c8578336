"""`comparison.html`: what a study's sessions have in common and in what they differ, on one page without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from virtual_agora.reports import HTML
from virtual_agora.reports.files import write_atomically
from virtual_agora.reports.html.page import TEMPLATES
from virtual_agora.studies.columns import COLUMNS, Column
from virtual_agora.studies.contrasts import Contrast, by_level, by_pair
from virtual_agora.studies.design import Design, Question
from virtual_agora.studies.study import Study
from virtual_agora.studies.words import joint_stamp

__all__ = ["comparison_page", "write_comparison"]

FILE = "comparison.html"


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
    varied = {name: list(levels) for name, levels in factors.items() if len(levels) > 1}
    by_levels, by_pairs = [], []
    if complete:
        compared = varied or {"rule": list(factors["rule"])}
        by_levels = [by_level(complete, name, levels) for name, levels in compared.items()]
        by_pairs = [
            by_pair(complete, name, levels) for name, levels in varied.items() if name != "question"
        ]
    environment = Environment(
        loader=PackageLoader("virtual_agora.studies", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("comparison.html").render(
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
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
        levels=by_levels,
        pairs=by_pairs,
        explained=_explained([*by_levels, *by_pairs]),
    )


def _report(session: str, folder: Path) -> str:
    """The way to what is best read of a session; empty if nothing is written of it."""
    paths = [f"reports/session_{session}/{name}" for name in (HTML, "index.md")]
    return next((path for path in paths if (folder / path).is_file()), "")


def _factors(design: Design) -> dict[str, dict[str, list[str]]]:
    """The factors whose levels have names, and in lines what each level stands for."""
    rules = {
        name: [_settings(rule.model_dump(exclude_unset=True))]
        for name, rule in design.rules.items()
    }
    panels = {
        name: [
            ", ".join(
                f"{member.count} × {member.provider}/{member.model}"
                if member.count > 1
                else f"{member.name or member.provider + '/' + member.model}"
                for member in panel.agents
            )
        ]
        for name, panel in design.panels.items()
    }
    questions = {name: list(_asked(question)) for name, question in design.questions.items()}
    return {"rule": rules, "panel": panels, "question": questions}


def _settings(given: Mapping[str, object]) -> str:
    """The settings as they stand in a design."""
    said = {True: "true", False: "false"}
    return ", ".join(
        f"{key}: {said[value] if isinstance(value, bool) else value}"
        for key, value in given.items()
    )


def _asked(question: Question) -> Iterator[str]:
    yield question.theme
    if question.topics:
        yield f"{'Topic' if len(question.topics) == 1 else 'Topics'}: {' · '.join(question.topics)}"
    else:
        yield "Each panel proposes its topics."
    if question.expected:
        yield f"Expected: {question.expected}"


def _explained(contrasts: Iterable[Contrast]) -> list[Column]:
    """The measures of the tables that have something to be explained, each once."""
    shown = {block.column for contrast in contrasts for block in contrast.blocks}
    shown |= {column for contrast in contrasts for column, _ in contrast.alike}
    return [column for column in COLUMNS if column in shown and column.note]
