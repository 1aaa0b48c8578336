"""Phase 5: the final report, across all topics."""

from __future__ import annotations

from virtual_agora import reports
from virtual_agora.agents.context import fence, join
from virtual_agora.flow.files import write_files
from virtual_agora.flow.node import FlowNode, State, Update
from virtual_agora.flow.writing import write_report

__all__ = ["ReportNodes"]


class ReportNodes(FlowNode):
    """The end of the session."""

    def final_report_generation_node(self, state: State) -> Update:
        """An outline across all topics, then all its sections at once."""
        asking = self.asking(state)
        report = write_report(asking, self.report_writer(state), state, "", _material(state))
        return asking.update(reports=[report])

    def multi_file_output_node(self, state: State) -> Update:
        """Numbered files, index, transcript and session data are on disk; the session is complete."""
        whole = {**state, "status": "complete"}
        write_files(state, reports.final_report(whole)).result()
        return {"status": "complete"}


def _material(state: State) -> str:
    """The topic reports and the last words on every topic: what the final report rests on."""
    written = [
        fence("section", section["text"], title=section["title"], topic=report["topic"])
        for report in state.get("reports", [])
        for section in report["sections"]
    ]
    words = [
        fence("final_words", m["content"], topic=m["topic"])
        for m in state.get("messages", [])
        if m["kind"] == "final_words"
    ]
    return join([*written, *words])
