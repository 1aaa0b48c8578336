from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from rich.cells import cell_len

from tests.ui.script import AGENTS, TOPICS, drawn, message, usage, vote
from virtual_agora.execution.session import SessionInfo, Step
from virtual_agora.ui.sessions import sessions_table, show_session
from virtual_agora.ui.steps import steps_list

THEME = "Shall the buses be free?"


def info(name: str, status: Any, waiting_for: str = "", cost: float | None = 0.5) -> SessionInfo:
    return SessionInfo(
        name, status, THEME, 2, TOPICS[0], 3, "2026-01-01T00:00:00+00:00", "2026-01-02T12:30:00+00:00", 41, cost, waiting_for
    )  # fmt: skip


CONFIG = {"agents": AGENTS, "moderator": None, "summarizer": None, "report_writer": None}
STATE: dict[str, Any] = {
    "session_id": "otter", "main_topic": THEME, "config": CONFIG, "status": "running", "reports_dir": "/r", "agents": AGENTS,
    "agenda": TOPICS[2:], "completed_topics": TOPICS[:1], "current_topic": TOPICS[1], "current_round": 2, "current_phase": 2,
    "topic_summaries": [{"topic": TOPICS[0], "text": "t", "rounds": 3, "concluded_by": "vote"}],
    "vote_history": [
        *[vote("agenda", TOPICS[0], "", 1)] * 3, vote("conclude_topic", "yes", "", 2), vote("conclude_topic", "no", "", 2),
        vote("conclude_topic", "", "silent", 2),
    ],
    "notices": [{"kind": "skipped", "agent": "a", "text": "A turn was\x1b[2J skipped.", "topic": "", "round": 0}],
    "reports": [{"topic": TOPICS[0], "title": TOPICS[0], "sections": []}], "usage": usage(41),
}  # fmt: skip


def test_sessions_say_where_they_stand() -> None:
    table = sessions_table(
        [
            info("otter", "waiting", "agenda_approval"),
            info("beaver", "interrupted", cost=None),
            info("heron", "complete"),
        ]
    )
    text = drawn(table, width=160)
    otter, beaver, heron = text.splitlines()[1:]
    assert "waiting for your word on the agenda, 2 Discussion, round 3" in otter
    assert re.search(r"41 +\$0\.5000 +Shall the buses be free\?", otter)
    assert "2026-01-02" in otter
    assert "price unknown" in beaver
    assert "complete" in heron
    assert "round" not in heron


def test_in_a_narrow_terminal_sessions_are_listed_without_breaking_words() -> None:
    rows = [info("a-session-with-a-long-name", "interrupted"), SessionInfo("beaver", "newer")]
    moment = datetime.fromisoformat("2026-01-02T12:30:00+00:00").astimezone()
    text = drawn(sessions_table(rows), width=60)
    assert [line.rstrip() for line in text.splitlines()] == [
        "a-session-with-a-long-name",
        "  interrupted, 2 Discussion, round 3",
        f"  {moment:%Y-%m-%d %H:%M}, 41 calls, $0.5000",
        f"  {THEME}",
        "beaver",
        "  saved by a later release: update virtual-agora",
    ]


def test_a_session_that_cannot_be_read_says_why() -> None:
    rows = [SessionInfo("otter", "newer"), SessionInfo("beaver", "unreadable")]
    text = drawn(sessions_table(rows), width=160)
    otter, beaver = map(str.split, text.splitlines()[1:])
    assert " ".join(otter) == "otter saved by a later release: update virtual-agora"
    assert " ".join(beaver) == "beaver damaged: it cannot be read"


def test_a_narrow_terminal_cuts_nothing_off() -> None:
    text = "".join(
        drawn(
            sessions_table([info("a-rather-long-name-of-a-session", "complete")]), width=60
        ).split()
    )
    assert "…" not in text
    assert THEME.split()[-1] in text


def test_no_sessions_at_all() -> None:
    assert "virtual-agora run" in drawn(sessions_table([]))


def test_a_session_is_summed_up_with_the_way_on() -> None:
    text = drawn(show_session(STATE, info("otter", "waiting", "user_turn")))
    for said in (
        "Session otter",
        THEME,
        "DEMO: scripted text, no model was used",
        "waiting for your turn to speak",
        "Phase 2 Discussion · topic 2 of 3 · round 3",
        "✓ Who pays for it (3 rounds, concluded by vote)",
        "▶ What it does to traffic (round 3)",
        "· Who rides at night",
        "Agenda: 3 ballots",
        "Conclude “Who pays for it”, round 1: 1 yes, 1 no, 1 abstained",
        "! A turn was skipped.",
        "41 calls · 4.9k tokens · $0.4100",
        "Reports: /r/session_otter",
    ):
        assert said in text, said


def test_a_session_shows_what_was_said_in_the_round_under_way() -> None:
    said = message("Ada", "Buses\nare slow. " * 50, round=2, topic=TOPICS[1])
    summary = {"topic": TOPICS[1], "round": 1, "text": "They differ."}
    state = {**STATE, "messages": [said], "round_summaries": [summary]}
    text = drawn(show_session(state, info("otter", "interrupted")))
    assert re.search(r"Summary of round 1\n +They differ\.", text)
    assert re.search(r"So far in round 2\n +Ada\n +Buses are slow\.", text)
    assert text.count("Buses are slow.") < 15


def test_a_ballot_shows_its_result() -> None:
    rankings = [[*TOPICS], [TOPICS[0], TOPICS[2], TOPICS[1]], []]
    cast = [{**vote("agenda", "x", ""), "choice": ranking} for ranking in rankings]
    text = drawn(
        show_session(
            {**STATE, "vote_history": cast, "tally": {"rule": "borda"}}, info("otter", "complete")
        )
    )
    assert "  Agenda: 2 ballots, 1 abstained\n    1. Who pays for it\n    2. " in text
    assert "    2. What it does to traffic = Who rides at night\n" in text


def test_a_complete_session_has_nothing_to_go_on_with() -> None:
    text = drawn(
        show_session(
            {**STATE, "status": "complete", "current_topic": "", "completed_topics": TOPICS[:2]},
            info("otter", "complete"),
        )
    )
    assert "complete" in text
    assert "· Who rides at night (not discussed)" in text
    assert "resume" not in text


def test_a_session_that_has_only_begun() -> None:
    text = drawn(
        show_session(
            {"session_id": "new", "config": CONFIG, "reports_dir": "/r"},
            SessionInfo("new", "interrupted"),
        )
    )
    assert "The theme is still open." in text
    assert "interrupted" in text
    assert "Votes" not in text


def test_steps_have_the_numbers_to_fork_at_and_what_was_before() -> None:
    said = [message("Ada", "Nothing\x1b[2J yet. " * 20), message("Bruno", "Costs come first.")]
    steps = [
        Step(3, "id", "agenda_proposal", 1, "", 0, {"main_topic": THEME}),
        Step(11, "id", "discussion_round", 2, TOPICS[0], 3, {"positions": [{}, {}]}),
        Step(12, "id", "round_summarization", 2, TOPICS[0], 3, {"messages": said}),
        Step(
            17,
            "id",
            "user_approval",
            4,
            "",
            0,
            {"vote_history": [vote("end_session", "no", "", 2)]},
        ),
    ]
    state = STATE | {"forked_from": [{"session": "heron", "step": 12}]}
    wide, narrow = (drawn(steps_list(state, steps), width=width) for width in (100, 60))
    for line in (
        f"   3  agenda_proposal                 theme: {THEME}",
        f"Phase 2 Discussion · {TOPICS[0]}",
        "  11  discussion_round, round 3       2 positions",
        "  12  round_summarization, round 3    Bruno and 1 other: “Costs come first.”",
        "  17  user_approval ✋                end the session: 0 yes, 1 no",
    ):
        assert line in wide
    assert re.search(r"2 positions *\n *Up to here it is the session “heron”.\n +12 ", wide)
    assert max(map(cell_len, narrow.splitlines())) <= 60
    assert "  12  round_summarization, round 3    Bruno and 1 other: “C…" in narrow
