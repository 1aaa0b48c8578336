"""What a checkpoint says of a session, whichever database keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.checkpoint.base import WRITES_IDX_MAP, CheckpointTuple
from langgraph.types import Interrupt

from virtual_agora.errors import NewerSessionError, SessionNotFoundError
from virtual_agora.state.schema import PROTOCOL_VERSION, SCHEMA_VERSION
from virtual_agora.state.stores import SessionSaver, thread

__all__ = ["check_version", "latest", "unanswered"]


def latest(saver: SessionSaver, session_id: str) -> CheckpointTuple:
    """A session's latest checkpoint: its small fields only, not the lists that grow.

    Raises:
        SessionNotFoundError: there is none.
        NewerSessionError: a later release wrote it.
    """
    found = saver.get_tuple(thread(session_id))
    if found is None:
        known = ", ".join(saver.session_ids()[:5]) or "there is none yet"
        raise SessionNotFoundError(
            f"There is no session “{session_id}”.", hint=f"Known sessions: {known}."
        )
    check_version(session_id, found.checkpoint["channel_values"])
    return found


def check_version(session_id: str, values: Mapping[str, Any]) -> None:
    """Refuse a session that this release does not understand.

    Raises:
        NewerSessionError: it is of a later format or protocol.
    """
    schema = values.get("schema_version", SCHEMA_VERSION)
    protocol = values.get("protocol_version", PROTOCOL_VERSION)
    if schema > SCHEMA_VERSION:
        what = f"format {schema}, this one reads {SCHEMA_VERSION}"
    elif _is_later(protocol):
        what = f"protocol {protocol}, this one speaks {PROTOCOL_VERSION}"
    else:
        return
    raise NewerSessionError(
        f"Session “{session_id}” was saved by a later release ({what}).",
        hint="Update virtual-agora and try again; the session is untouched.",
    )


def _is_later(protocol: str) -> bool:
    """Whether a protocol is later than this release's; one whose number does not read as one is."""
    try:
        return _parts(protocol) > _parts(PROTOCOL_VERSION)
    except ValueError:
        return True


def _parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def unanswered(found: CheckpointTuple) -> list[Interrupt]:
    """The questions asked after a checkpoint, without those whose answer is saved while their step is not finished.

    A question asked in a task is recorded for the task and for the step around it; it is answered when either
    has come to its end.
    """
    writes = found.pending_writes or []
    finished = {task_id for task_id, channel, _ in writes if channel not in WRITES_IDX_MAP}
    asked = [
        (task_id, question)
        for task_id, channel, questions in writes
        if channel == "__interrupt__"
        for question in questions
    ]
    answered = {question.id for task_id, question in asked if task_id in finished}
    return list({q.id: q for _, q in asked if q.id not in answered}.values())
