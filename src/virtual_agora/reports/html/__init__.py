"""`report.html`: the whole deliberation as one file to look at, without network and without scripts."""

from virtual_agora.reports.html.page import html_report, prepare

__all__ = ["html_report", "prepare"]
