"""`session.json`: the session for programs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from virtual_agora.cleaning import plain_json
from virtual_agora.measures import measure
from virtual_agora.reports.facts import State
from virtual_agora.reports.session_file import SCHEMA_ID
from virtual_agora.state.demo import demo_stamp
from virtual_agora.state.schema import PROTOCOL_VERSION

__all__ = ["session_json"]


def session_json(state: State) -> str:
    """The session, finished or not, as JSON that fits the schema in `session_file`. `demo` is the stamp, or null; other keys are those of the state.

    There are no API keys in a state; what a `base_url` may carry of secrets is left out here.
    """
    data = {
        "$schema": SCHEMA_ID,
        "demo": demo_stamp(state) or None,
        "session_id": state["session_id"],
        "schema_version": state["schema_version"],
        "protocol_version": state.get("protocol_version", PROTOCOL_VERSION),
        "status": state.get("status", "running"),
        "start_time": state["start_time"],
        "theme": state.get("main_topic", ""),
        "seed": state["seed"],
        "config": _without_secrets(state["config"]),
        "config_hash": state["config_hash"],
        "agents": _without_secrets(state.get("agents", [])),
        "excluded": state.get("excluded", []),
        "context_documents": [
            {"name": document["name"], "tokens": document["tokens"]}
            for document in state.get("context_documents", [])
        ],
        "agenda": {
            "user_defined": state.get("user_defines_topics", False),
            "completed": state.get("completed_topics", []),
            "open": state.get("agenda", []),
            "proposed": state.get("proposed_agenda", []),
            "tally": state.get("tally"),
        },
        **{field: state.get(field, []) for field in _GROWING},
        "usage": state.get("usage", {}),
        "forked_from": state.get("forked_from", []),
        "measures": measure(state),
    }
    return plain_json(data, indent=2) + "\n"


_GROWING = (
    "messages",
    "positions",
    "round_summaries",
    "digests",
    "topic_summaries",
    "vote_history",
    "reports",
    "notices",
    "phase_history",
)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _bare(item) if key == "base_url" and item else _without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_secrets(item) for item in value]
    return value


def _bare(url: str) -> str:
    """The address without user, password and query, all of which may be secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
