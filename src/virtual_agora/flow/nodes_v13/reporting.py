"""Phase 5: the final report, across all topics."""

from __future__ import annotations

from virtual_agora import reports
from virtual_agora.agents.report_writer import session_material
from virtual_agora.flow.files import write_files
from virtual_agora.flow.node import FlowNode, State, Update
from virtual_agora.flow.writing import write_report
from virtual_agora.state.schema import Report

__all__ = ["ReportNodes"]


class ReportNodes(FlowNode):
    """The end of the session."""

    def final_report_generation_node(self, state: State) -> Update:
        """An outline across all topics, then all its sections at once; empty if the budget has let no topic be taken up."""
        asking = self.asking(state)
        if not state.get("completed_topics"):
            nothing = Report(topic="", title=state["main_topic"], sections=[])
            return asking.update(reports=[nothing])
        material = session_material(state)
        report = write_report(asking, self.report_writer(state), state, "", material)
        return asking.update(reports=[report])

    def multi_file_output_node(self, state: State) -> Update:
        """Numbered files, index, transcript and session data are on disk; the session is complete."""
        whole = {**state, "status": "complete"}
        write_files(state, reports.final_report(whole)).result()
        return {"status": "complete"}
