"""Reports: what is in them is computed from the state alone, and writing them twice changes nothing."""

from virtual_agora.reports.data import session_json
from virtual_agora.reports.files import write
from virtual_agora.reports.rendering import final_report, topic_report

__all__ = ["final_report", "session_json", "topic_report", "write"]
