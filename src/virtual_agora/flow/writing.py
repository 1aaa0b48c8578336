"""How a report is written: an outline first, then all its sections at once."""

from __future__ import annotations

from virtual_agora import reports
from virtual_agora.agents.answers import Outline
from virtual_agora.agents.report_writer import ReportWriter
from virtual_agora.flow.asking import Asking
from virtual_agora.flow.node import State
from virtual_agora.state.schema import Report

__all__ = ["write_report"]

PLAIN_OUTLINE = Outline.model_validate(
    {
        "sections": [
            {"title": title, "brief": ""}
            for title in ("The answer", "What was disputed", "What is open")
        ]
    }
)
"""Used when no usable outline was given; the notice of it is in the report."""


def write_report(
    asking: Asking, writer: ReportWriter, state: State, topic: str, material: str
) -> Report:
    """The report on a topic, or the final one where `topic` is empty."""
    reports.prepare()
    outline = asking.one(writer.outline(state, topic, material)).value or PLAIN_OUTLINE
    texts = asking.all(
        [writer.section(state, topic, material, section) for section in outline.sections]
    )
    sections = [
        {"title": section.title, "text": text.value or ""}
        for section, text in zip(outline.sections, texts, strict=True)
    ]
    return Report(topic=topic, title=topic or state["main_topic"], sections=sections)
