"""The reports of sessions that were really held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.conftest import THEME, answers, checked_updates, where
from virtual_agora.flow.graph_v13 import VirtualAgoraV13Flow
from virtual_agora.reports import final_report


def test_the_transcript_tells_what_the_user_decided_where_it_was_decided(
    make_flow: Callable[..., VirtualAgoraV13Flow],
) -> None:
    flow = make_flow(min_rounds=1, max_rounds=1, checkpoint_interval=1, conclude="unanimous")
    session_id = flow.create_session(THEME)
    given: dict[str, Any] = {
        "agenda_approval": [
            {"action": "reject", "reason": "Too narrow."},
            {"action": "edit", "agenda": ["Mine", "Yours", "Ours"]},
        ],
        "topic_continuation": ["modify_agenda", "end_session"],
    }
    for _ in checked_updates(flow, session_id, answers(**given)):
        pass
    files = final_report(flow.graph.get_state(where(session_id)).values)
    text = files["transcript.md"]
    told = [
        "rejected the proposed agenda: Too narrow.",
        "changed the proposed agenda.",
        "Topic 1: Mine",
        "The end of the topic",
        "Poll: end the session?",
        "had the agenda revised.",
        "Topic 2:",
        "ended the session.",
    ]
    assert not [what for what in told if what not in text], text
    positions = [text.index(what) for what in told]
    assert positions == sorted(positions)
    assert "Decided between topics" not in text
    assert "discussed; added by the user" in files["index.md"]
