"""What a checkpoint says of a session, whichever database keeps it."""

from __future__ import annotations

from langgraph.checkpoint.base import WRITES_IDX_MAP, CheckpointTuple
from langgraph.types import Interrupt

from virtual_agora.errors import NewerSessionError, SessionNotFoundError
from virtual_agora.state.schema import SCHEMA_VERSION
from virtual_agora.state.stores import SessionSaver, thread

__all__ = ["latest", "unanswered"]


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
    version = found.checkpoint["channel_values"].get("schema_version", SCHEMA_VERSION)
    if version > SCHEMA_VERSION:
        raise NewerSessionError(
            f"Session “{session_id}” was saved by a later release (format {version}, this one reads {SCHEMA_VERSION}).",
            hint="Update virtual-agora and resume again; the session is untouched.",
        )
    return found


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
