"""Reports: what is in them is computed from the state alone, and writing them twice changes nothing."""

from virtual_agora.reports.data import session_json
from virtual_agora.reports.files import write, write_own
from virtual_agora.reports.html import prepare
from virtual_agora.reports.pdf import pdf, require_weasyprint
from virtual_agora.reports.rendering import HTML, final_report, topic_report

__all__ = [
    "HTML",
    "final_report",
    "pdf",
    "prepare",
    "require_weasyprint",
    "session_json",
    "topic_report",
    "write",
    "write_own",
]
