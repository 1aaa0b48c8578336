"""Every sentence the validator can say, said about the smallest state that deserves it."""

import pytest

from virtual_agora.state.validator import validate_state_consistency

AGENT = {
    "id": "participant-1",
    "name": "Ada",
    "role": "participant",
    "provider": "offline",
    "model": "scripted",
    "persona": None,
    "base_url": None,
    "temperature": None,
    "max_tokens": None,
    "timeout": None,
}
MESSAGE = {
    "id": "m0001",
    "agent": "participant-1",
    "speaker": "Ada",
    "role": "participant",
    "kind": "statement",
    "topic": "x",
    "round": 1,
    "content": "…",
    "at": "2026-01-01T00:00:00+00:00",
}
SUMMARY = {"topic": "x", "round": 1, "text": "…"}
WHOLE = {
    "session_id": "s",
    "current_phase": 2,
    "current_round": 1,
    "phase_history": [{"phase": 2, "node": "announce_item"}],
    "agenda": ["y"],
    "completed_topics": ["x"],
    "topic_summaries": [{"topic": "x", "text": "…", "rounds": 1, "concluded_by": "vote"}],
    "agents": [AGENT],
    "messages": [MESSAGE],
    "round_summaries": [SUMMARY],
    "status": "running",
}


def test_a_whole_state_is_valid():
    assert validate_state_consistency(WHOLE) == {"is_valid": True, "errors": []}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"session_id": ""}, "session_id is missing"),
        ({"current_round": "1"}, "current_round: Input should be a valid integer"),
        ({"agendas": []}, "agendas: Extra inputs are not permitted"),
        ({"messages": [{"id": "m1"}]}, "messages.0.agent: Field required"),
        ({"current_phase": 6}, "current_phase is 6"),
        ({"current_phase": 3}, "the last entry of phase_history is not the current phase"),
        ({"current_round": -1}, "current_round is -1"),
        ({"status": "complete"}, "complete but has no report"),
        ({"agenda": ["y", "y"]}, "agenda lists a topic twice"),
        ({"agenda": ["x"]}, "both open and completed: x"),
        ({"topic_summaries": []}, "completed without a summary: x"),
        ({"agents": [AGENT, AGENT]}, "two agents share an id"),
        ({"excluded": ["nobody"]}, "excluded names agents that do not exist: nobody"),
        ({"failures": {"nobody": 1}}, "failures names agents that do not exist: nobody"),
        ({"messages": [MESSAGE, MESSAGE]}, "two messages share an id"),
        ({"round_summaries": [SUMMARY, SUMMARY]}, "a round is summarized twice"),
    ],
)
def test_what_is_wrong_is_said(change, error):
    result = validate_state_consistency({**WHOLE, **change})
    assert not result["is_valid"]
    assert any(error in said for said in result["errors"]), result["errors"]
