"""The reports of sessions that were really held."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from tests.conftest import THEME, answers, checked_updates, where
from virtual_agora.execution.stream_coordinator import StreamCoordinator
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


def test_every_claim_leads_to_its_turns_or_is_marked(
    make_flow: Callable[..., VirtualAgoraV13Flow],
) -> None:
    flow = make_flow(min_rounds=1, max_rounds=1, participation="end_of_round")
    session_id = flow.create_session(f"{THEME} [m0001](javascript:alert(1)) [m0777]")
    said = {"action": "participate", "text": "I read [m0888] and [m0001]: https://evil.example"}
    coordinator = StreamCoordinator(flow, answers(user_turn=[said]))
    for _ in coordinator.coordinate_stream_execution(where(session_id)):
        pass
    state = flow.graph.get_state(where(session_id)).values
    files = final_report(state)

    anchors = set(re.findall(r'<a id="(m\d+)"></a>', files["transcript.md"]))
    assert anchors == {message["id"] for message in state["messages"]}
    linked = 0
    for name, text in files.items():
        if not name.endswith(".md"):
            continue
        page = "transcript.md" if name == "index.md" else "../transcript.md"
        for shown, leads in re.findall(r"\[(m\d+)\]\(([^)]*)\)", text.replace("\\[", "")):
            if "javascript" in leads or name == "transcript.md":
                continue
            assert (shown in anchors, leads) == (True, f"{page}#{shown}"), name
            linked += 1
    assert linked > 20

    marked = [
        paragraph
        for name, text in files.items()
        if PurePosixPath(name).parts[0] in ("topics", "final")
        for paragraph in re.split(r"\n\n|\n(?=- )", text.strip())
        if paragraph.endswith("*(no turn is cited for this)*")
    ]
    assert any("assembled from a script" in paragraph for paragraph in marked)
    assert not any(re.search(r"m\d{4}", paragraph) for paragraph in marked)
    counted = re.search(
        r"\n- \*\*Unsupported\*\*: (\d+) of the (\d+) claims in the reports", files["index.md"]
    )
    assert counted
    concluded = files["index.md"].partition("## What was concluded")[2].partition("\n## ")[0]
    assert int(counted[1]) == len(marked) + concluded.count("(no turn is cited for this)")
    assert len(marked) == 2 < int(counted[2]) / 10
    reported = "".join(section["text"] for r in state["reports"] for section in r["sections"])
    assert "m0777" not in reported
    assert "[m0888]" not in reported
