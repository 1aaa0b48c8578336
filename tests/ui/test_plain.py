from __future__ import annotations

import io
import re

import pytest

from tests.conftest import TestClock
from tests.ui.script import (
    AGENTS,
    NAMES,
    TOPICS,
    message,
    plainly,
    session,
    spoken,
    started,
    tokens,
    vote,
)
from virtual_agora import hitl
from virtual_agora.events import (
    CallFailed,
    CallRetried,
    QuestionAnswered,
    QuestionAsked,
    SessionStarted,
    StepFinished,
    Token,
)
from virtual_agora.ui import LiveView, PlainView, make_console, make_view
from virtual_agora.ui.plain import plain_console


def test_a_session_is_told_in_order_and_without_a_single_control_character() -> None:
    text = plainly(session())
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert not re.search(r" $", text, re.MULTILINE)
    told = [
        "Virtual Agora · otter · a new session",
        "DEMO: scripted text, no model was used",
        "# Phase 1 · Agenda",
        "asking for ballots",
        "  1.  Who pays for it",
        "→ approve",
        "# Phase 2 · Discussion",
        "## Topic 1 of 3: Who pays for it",
        "Ada  offline/scripted\n  Ada says that [bold]free[/bold] buses\n\n  are a good idea.\n",
        "! A turn was skipped.",
        "# Phase 3 · Conclusion",
        "Free buses work.",
        "# Phase 5 · Final report",
        "# Session complete",
        "24 calls · 2.9k tokens · $0.2400",
        "Reports: /reports/session_otter",
    ]
    positions = [text.index(what) for what in told]
    assert positions == sorted(positions)
    assert text.count("Mind the cost.") == 1


def test_a_statement_is_told_when_it_is_whole_with_lines_as_long_as_they_are() -> None:
    long = "word " * 100
    call = started("Ada", "statement", "t", 1)
    assert "word" not in plainly([call, *tokens(call, long)])
    assert f"\n  {long.strip()}\n" in plainly(spoken("Ada", "statement", long, "t", 1))


def test_a_voided_attempt_is_not_told_but_that_it_was_is() -> None:
    call, lost = started("Ada", "statement", "t", 1), started("Boris", "statement", "t", 1)
    text = plainly(
        [
            call,
            Token(call.call_id, "Ada", "First try"),
            CallRetried(call.call_id, "Ada", 1, 2.0, "rate limited"),
            lost,
            CallFailed(lost.call_id, "Boris", "statement", "gone"),
        ]
    )
    assert "First try" not in text
    assert "Ada: asking again in 2 s (rate limited)" in text
    assert "Boris: no answer: gone" in text


def test_one_line_tells_that_many_are_asked() -> None:
    text = plainly(started(name, "ballot") for name in NAMES.values())
    assert text.count("asking for ballots") == 1


def test_the_clock_stands_still_while_a_person_thinks() -> None:
    clock, written = TestClock(), io.StringIO()
    with PlainView(plain_console(written), clock=clock) as view:
        clock.sleep(60)
        with view.paused():
            clock.sleep(3600)
        clock.sleep(5)
        view(started("Ada", "ballot"))
    assert "[1:05 · " in written.getvalue()


def test_what_the_user_decides_is_told() -> None:
    text = plainly(
        [
            SessionStarted("s", "", resumed=False, stamp=""),
            QuestionAsked("q1", hitl.theme_request()),
            QuestionAnswered("q1", {"action": "start", "theme": "Buses?", "topics": ["One"]}),
            StepFinished("get_theme", {"main_topic": "Buses?", "agenda": ["One"]}, 0, "", 0),
            QuestionAnswered("q2", {"action": "reject", "reason": "Too dull"}),
            QuestionAnswered("q3", {"action": "replace_model", "provider": "xai", "model": "grok"}),
        ]
    )
    told = [
        "The theme is still open.",
        "# The theme",
        "→ start",
        "Theme: Buses?",
        "1. One",
        "→ reject: Too dull",
        "→ replace model: xai/grok",
    ]
    positions = [text.index(what) for what in told]
    assert positions == sorted(positions)


def test_the_standing_agenda_is_no_proposal_of_the_moderator() -> None:
    standing = {"agent": "moderator", "topics": [{"title": TOPICS[1], "why": "on the agenda"}]}
    added = {"agent": "participant-1", "topics": [{"title": "Bicycles", "why": "w"}]}
    update = {"proposals": [standing, added]}
    text = plainly(
        [
            StepFinished("agent_instantiation", {"agents": AGENTS}, 0, "", 0),
            StepFinished("agenda_modification", update, 4, "", 3),
            StepFinished("topic_refinement", update, 1, "", 3),
        ]
    )
    assert f"  On the agenda already\n    · {TOPICS[1]}\n  Ada\n    · Bicycles\n" in text
    assert text.count("On the agenda already") == 1
    assert "  Ada: as before\n" in text
    assert "  moderator\n    ·" not in text
    assert "moderator: as before" not in text


def test_a_poll_that_was_just_told_is_not_repeated_by_the_question() -> None:
    poll = {"yes": 1, "no": 1, "abstained": 0, "needed": 2}
    votes = [vote("conclude_topic", choice, "") for choice in ("yes", "no")]
    counted = StepFinished("end_topic_poll", {"vote_history": votes, "poll": poll}, 2, TOPICS[0], 3)
    asked = QuestionAsked("q", hitl.periodic_stop(TOPICS[0], 3, poll))
    assert plainly([counted, asked]).count("yes needed") == 1
    assert plainly([asked]).count("yes needed") == 1
    later = StepFinished("vote_evaluation", {"concluded_by": ""}, 2, TOPICS[0], 3)
    assert plainly([counted, later, asked]).count("yes needed") == 2


def test_a_resumed_session_tells_what_was_said_last() -> None:
    text = resumed(
        messages=[
            message("Ada", "The first round."),
            message("Ada", "I say\n\nthis.", round=2),
            message("You", "x" * 3000, "user", 2),
            message("Chen", "Elsewhere", topic="Other"),
        ],
        round_summaries=[{"topic": TOPICS[0], "round": 1, "text": "They agree."}],
    )
    assert "\nSummary of round 1\n  They agree." in text
    assert "\nSo far in round 2\n  Ada\n    I say this.\n  You\n    xxx" in text
    assert 500 < text.count("x") < 700
    assert "The first round." not in text
    assert "Elsewhere" not in text
    assert text.index("It goes on at") < text.index("They agree") < text.index("I say this")
    assert "No round of this topic is summed up so far." in resumed(messages=[message("Ada", "a")])
    assert "Nothing was said on this topic so far." in resumed()
    assert "said" not in resumed(current_topic="")


def resumed(**state: object) -> str:
    """What the plain view tells of a saved session as it is resumed."""
    written = io.StringIO()
    with PlainView(plain_console(written)) as view:
        view.recall(
            {"session_id": "s", "reports_dir": "/r", "agents": AGENTS, "current_phase": 2}
            | {"current_topic": TOPICS[0], "current_round": 2}
            | state
        )
        view(SessionStarted("s", "t", resumed=True, stamp=""))
    return written.getvalue()


class Stream(io.TextIOWrapper):
    def __init__(self, *, terminal: bool, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "plain", "term", "live"),
    [
        (True, False, "xterm-256color", True),
        (True, True, "xterm-256color", False),
        (True, False, "dumb", False),
        (False, False, "xterm-256color", False),
    ],
)
def test_the_view_suits_the_stream(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, plain: bool, term: str, live: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    view = make_view(plain=plain, stream=Stream(terminal=terminal))
    assert type(view) is (LiveView if live else PlainView)


def test_an_encoding_that_lacks_a_mark_ends_nothing() -> None:
    stream = Stream(terminal=False, encoding="ascii")
    make_console(stream=stream).print("✓ fine")
    stream.seek(0)
    assert stream.read() == "? fine\n"
