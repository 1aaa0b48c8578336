"""Writing reports durably: an effect is a LangGraph task too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langgraph.func import task

from virtual_agora import reports

__all__ = ["reports_folder", "write_files"]


def reports_folder(state: Mapping[str, Any]) -> Path:
    """The folder of a session's reports: `session_<id>` in the session's reports folder."""
    return Path(state["reports_dir"]) / f"session_{state['session_id']}"


@task
def write_files(state: Mapping[str, Any], files: Mapping[str, str]) -> list[str]:
    """Write files, by name relative to the session's folder; repeated, it changes nothing."""
    return [str(path) for path in reports.write_own(files, reports_folder(state))]
