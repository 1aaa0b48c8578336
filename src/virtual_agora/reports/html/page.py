"""The page: what each part of it shows, put into its templates."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from virtual_agora.measures.model import Measures
from virtual_agora.reports.facts import State
from virtual_agora.reports.html.agenda import agenda_of
from virtual_agora.reports.html.expense import expense_of
from virtual_agora.reports.html.overview import overview_of
from virtual_agora.reports.html.panel import panel_of
from virtual_agora.reports.html.topics import topics_of
from virtual_agora.reports.html.transcript import transcript_of, turns_of

__all__ = ["compile_templates", "html_report"]

TEMPLATES = Path(__file__).parent / "templates"


def html_report(state: State, measures: Measures) -> str:
    """The whole report as one HTML file. It has no script, fetches nothing, and is the same for the same state."""
    turns = turns_of(state)
    return compile_templates().render(
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        overview=overview_of(state, measures, turns),
        topics=topics_of(state, measures, turns),
        agenda=agenda_of(state, measures),
        panel=panel_of(state, measures),
        expense=expense_of(state, measures),
        chapters=transcript_of(state, turns),
    )


def compile_templates() -> Template:
    """The page's template, compiled with all its parts. Whoever comes while somebody compiles them waits, which is sooner."""
    with _COMPILING:
        return _template()


_COMPILING = Lock()


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for part in environment.list_templates(extensions=["j2"]):
        environment.get_template(part)
    return environment.get_template("report.html.j2")
