"""What must be said wherever scripted text of a session is shown or kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["DEMO_STAMP", "MIXED_STAMP", "SCRIPTED", "demo_stamp"]

DEMO_STAMP = "DEMO: scripted text, no model was used"
MIXED_STAMP = "PARTLY DEMO: some of the text is scripted, and no model was used for it"

SCRIPTED = "offline"
"""The provider whose text is scripted."""


def demo_stamp(state: Mapping[str, Any]) -> str:
    """The stamp for a session's text, by who has spoken in it and who is to; empty if only models are."""
    config = state["config"]
    roles = [config[role] for role in ("moderator", "summarizer", "report_writer") if config[role]]
    members = state.get("agents") or [*config["agents"], *roles]
    speaking = {member["provider"] for member in members}
    spoken = {
        model.partition("/")[0]
        for model, used in state.get("usage", {}).items()
        if used["calls"] > used["failed"]
    }
    if SCRIPTED not in speaking | spoken:
        return ""
    return DEMO_STAMP if speaking | spoken == {SCRIPTED} else MIXED_STAMP
