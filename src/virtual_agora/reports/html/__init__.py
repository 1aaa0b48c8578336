"""`report.html`: the whole deliberation as one file to look at, without network and without scripts."""

from virtual_agora.reports.html.page import compile_templates, html_report

__all__ = ["compile_templates", "html_report"]
