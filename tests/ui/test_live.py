from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import StringIO

import pytest

from tests.conftest import TestClock
from tests.ui.emulator import Emulator
from tests.ui.script import (
    AGENTS,
    NAMES,
    TOPICS,
    at_once,
    finished,
    message,
    session,
    spoken,
    started,
    terminal,
    tokens,
    usage,
)
from virtual_agora import hitl
from virtual_agora.events import (
    CallFailed,
    CallRetried,
    Event,
    QuestionAnswered,
    QuestionAsked,
    SessionStarted,
    StepFinished,
    Token,
)
from virtual_agora.ui import make_view
from virtual_agora.ui.live import LiveView


class Shown:
    """A live view on an emulated terminal."""

    def __init__(self, width: int = 60, height: int = 20) -> None:
        self.file = StringIO()
        self.emulator = Emulator(width, height)
        self.clock = TestClock()
        self.view = LiveView(terminal(width, height, self.file), clock=self.clock)
        self._read = 0

    def tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self.view(event)

    def look(self) -> list[str]:
        self.view.refresh()
        written = self.file.getvalue()
        self.emulator.feed(written[self._read :])
        self._read = len(written)
        return self.emulator.everything

    def text(self) -> str:
        return "\n".join(self.look())


@contextmanager
def shown(width: int = 60, height: int = 20) -> Iterator[Shown]:
    on = Shown(width, height)
    with on.view:
        yield on
    on.look()


def words(text: str) -> list[str]:
    return re.findall(r"w\d+", text)


def long_text(count: int) -> str:
    return "\n\n".join(
        " ".join(f"w{n}" for n in range(start, start + 50)) for start in range(0, count, 50)
    )


@pytest.mark.parametrize(("width", "height"), [(60, 20), (100, 30), (200, 50), (46, 8)])
def test_a_whole_session_is_in_the_scroll_back_and_the_status_lines_are_gone(
    width: int, height: int
) -> None:
    with shown(width, height) as on:
        on.tell(session())
    text = " ".join(" ".join(on.emulator.everything).split())
    for said in (
        "DEMO: scripted text, no model was used",
        "Phase 1 · Agenda",
        "What the participants propose",
        "Ada, Boris: as before",
        "because Who pays for it",
        "→ approve",
        "Topic 1 of 3: Who pays for it",
        "Round 1",
        "Ada says that [bold]free[/bold] buses are a good idea.",
        "A turn was skipped.",
        "summarizer sums up round 1",
        "Conclude this topic? 2 yes needed",
        "✗ Not the cost",
        "The participants conclude this topic.",
        "Mind the cost.",
        "The cost.",
        "Two topics are left",
        "Session complete",
        "Reports: /reports/session_otter",
    ):
        assert said in text, said
    assert text.count("Mind the cost.") == 1
    assert "────" not in text.split("Phase 1")[1]
    assert not on.emulator.cursor_hidden


def test_text_taller_than_the_screen_is_shown_whole_and_once() -> None:
    text = long_text(1000)
    with shown(60, 15) as on:
        on.tell([SessionStarted("s", "t", resumed=False, stamp="")])
        call = started("Ada", "statement", "t", 1)
        on.tell([call])
        for token in tokens(call, text, 40):
            on.view(token)
            on.look()
        on.tell([finished(call)])
    assert words("\n".join(on.emulator.everything)) == words(text)


def test_the_text_is_there_while_it_streams_with_the_status_below() -> None:
    with shown() as on:
        call = started("Ada", "statement", TOPICS[0], 2)
        on.tell([StepFinished("announce_item", {"agenda": TOPICS[1:]}, 2, TOPICS[0], 0), call])
        on.tell([Token(call.call_id, "Ada", "Half a sent")])
        lines = on.look()
        at = lines.index("  Half a sent")
        assert lines[at - 1] == "Ada  offline/scripted"
        assert lines[at + 1].startswith("─────")
        assert "Phase 2 Discussion · topic 1 of 3 · round 2" in lines[at + 2]
        assert "Ada is speaking" in lines[at + 3]
        assert on.emulator.cursor_hidden
        on.tell([Token(call.call_id, "Ada", "ence."), finished(call)])
    assert "  Half a sentence." in on.emulator.everything


def test_a_retried_answer_is_voided_plainly_and_given_again() -> None:
    with shown() as on:
        call = started("Ada", "statement", "t", 1)
        on.tell([call, Token(call.call_id, "Ada", "First try")])
        on.tell([CallRetried(call.call_id, "Ada", 1, 2.0, "rate limited")])
        on.tell([Token(call.call_id, "Ada", "Second try."), finished(call)])
    lines = on.emulator.everything
    broken = lines.index("  — broken off, asking again in 2 s (rate limited)")
    assert lines[broken - 1] == "  First try"
    assert lines[broken + 2 : broken + 4] == ["Ada  offline/scripted", "  Second try."]


def test_an_answer_given_up_says_why() -> None:
    with shown() as on:
        call, other = started("Ada", "statement", "t", 1), started("Boris", "poll", "t", 1)
        on.tell(
            [
                call,
                Token(call.call_id, "Ada", "First"),
                CallFailed(call.call_id, "Ada", "statement", "gone"),
            ]
        )
        on.tell([other, CallFailed(other.call_id, "Boris", "poll", "gone too")])
    text = on.text()
    assert "  First\n  — broken off, no answer: gone\n" in text
    assert "Boris: no answer: gone too" in text


def test_texts_that_stream_at_once_come_out_one_after_another() -> None:
    calls = [started(name, "final_words", "t", 1) for name in NAMES.values()]
    texts = [" ".join(f"{call.agent}{n}" for n in range(60)) for call in calls]
    with shown() as on:
        on.tell(calls)
        streams = [list(tokens(call, text, 4)) for call, text in zip(calls, texts, strict=True)]
        for position in range(max(map(len, streams))):
            on.tell(stream[position] for stream in streams if position < len(stream))
            on.look()
        on.tell([CallRetried(calls[1].call_id, "Boris", 1, 0.0, "cut short")])
        on.tell([finished(calls[2])])
        on.tell(tokens(calls[1], texts[1]))
        on.tell([finished(calls[0]), finished(calls[1])])
    text = " ".join(" ".join(on.emulator.everything).split())
    positions = [
        text.index(whole) for whole in (texts[0], "Boris: asking again", texts[2], texts[1])
    ]
    assert positions == sorted(positions)
    assert all(text.count(whole) == 1 for whole in texts)


def test_calls_made_together_are_counted_in_the_status_lines() -> None:
    with shown() as on:
        calls = [started(name, "ballot") for name in NAMES.values()]
        on.tell([*calls, finished(calls[1])])
        on.tell([CallRetried(calls[2].call_id, "Chen", 1, 3.0, "slow")])
        text = on.text()
        assert "3 agents are answering: ballots 1/3" in text
        assert re.search(r"✓ Boris ↻ Chen", text)
        assert "1 call · 120 tokens · $0.0100" in text


def test_what_a_dead_run_had_paid_for_is_shown_with_its_step() -> None:
    said = [message("Ada", "Before the crash."), message("Boris", "After it.")]
    with shown() as on:
        on.tell([SessionStarted("s", "t", resumed=True, stamp="")])
        on.tell(spoken("Boris", "statement", "After it.", TOPICS[0], 1))
        on.tell(
            [
                StepFinished(
                    "discussion_round", {"messages": said, "usage": usage(2)}, 2, TOPICS[0], 1
                )
            ]
        )
        text = on.text()
        assert "2 calls" in text
    assert text.count("After it.") == 1
    assert "Ada said before the interruption\n  Before the crash." in text


def test_a_resumed_session_counts_on_from_what_is_saved() -> None:
    state = {
        "session_id": "s", "reports_dir": "/r", "agents": AGENTS, "agenda": TOPICS[1:], "completed_topics": [],
        "current_topic": TOPICS[0], "current_round": 2, "current_phase": 2, "usage": usage(40),
    }  # fmt: skip
    with shown(100) as on:
        on.view.recall(state)
        on.tell([SessionStarted("s", "t", resumed=True, stamp="")])
        on.tell(spoken("Ada", "statement", "On we go.", TOPICS[0], 3))
        text = on.text()
    assert "It goes on at: Phase 2 Discussion · topic 1 of 3 · round 2" in text
    assert "41 calls · 4.9k tokens · $0.4100" in text


def test_a_question_is_drawn_and_the_terminal_is_free_while_it_is_answered() -> None:
    question = hitl.periodic_stop(TOPICS[0], 3, {"yes": 2, "no": 1, "abstained": 0, "needed": 2})
    with shown() as on:
        on.tell(at_once("poll"))
        on.tell([QuestionAsked("q", question)])
        assert on.view.asked({**question, "error": "no"})
        assert not on.view.asked(hitl.theme_request())
        with on.view.paused():
            lines = on.look()
            assert not on.emulator.cursor_hidden
            assert not any("calls" in line for line in lines)
            assert any(re.match(r" +yes █+░+ 2", line) for line in lines)
        assert any("calls" in line for line in on.look())
        on.tell([QuestionAnswered("q", {"action": "end_topic"})])
    assert "  → end topic" in on.emulator.everything


def test_the_clock_stands_still_while_a_person_thinks() -> None:
    with shown() as on:
        on.tell(at_once("poll"))
        on.clock.sleep(60)
        with on.view.paused():
            on.clock.sleep(3600)
        on.clock.sleep(5)
        assert " · 1:05" in on.text()


def test_breaking_off_leaves_what_was_said_and_a_usable_terminal() -> None:
    on = Shown()

    def run() -> None:
        with on.view:
            call = started("Ada", "statement", "t", 1)
            other = started("Boris", "statement", "t", 1)
            on.tell([call, other, Token(call.call_id, "Ada", "Half a")])
            on.tell([Token(other.call_id, "Boris", "Half b")])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    lines = on.look()
    assert lines[lines.index("  Half a") + 1] == "  — interrupted"
    assert lines[lines.index("  Half b") + 1] == "  — interrupted"
    assert not on.emulator.cursor_hidden


def test_what_models_write_cannot_steer_the_terminal() -> None:
    nasty = "\x1b[2Jgone \x1b]0;title\x07[red]not red[/red] \u202etfel \x07\x9b1A"
    with shown() as on:
        on.tell(spoken("A\x1b[2Ja", "statement", nasty, "to\x1b[2Jpic", 1))
        on.tell([CallRetried("x", "B\x1b[5A", 1, 1.0, nasty)])
        notice = {"kind": "warning", "agent": "", "text": nasty, "topic": "", "round": 0}
        on.tell([StepFinished("vote_evaluation", {"notices": [notice]}, 2, "t\x1b[2J", 1)])
        # The emulator refuses every sequence that the view itself does not use.
        text = on.text()
    assert text.count("gone [red]not red[/red] tfel") == 3


def test_without_colour_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    coloured = set()
    for no_color in (False, True):
        if no_color:
            monkeypatch.setenv("NO_COLOR", "1")
        with shown() as on:
            on.tell(session())
        coloured = {
            code
            for codes in on.emulator.colours
            for code in codes.split(";")
            if code not in "0123479"
        }
        assert bool(coloured) is not no_color, coloured


def test_on_a_real_terminal_that_changes_its_size() -> None:
    master, slave = pty.openpty()
    received: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # raised when the other side is closed
            while True:
                received.append(os.read(master, 65536))

    def resize(width: int, height: int) -> None:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    reader = threading.Thread(target=read)
    reader.start()
    text = long_text(600)
    resize(60, 15)
    with open(slave, "w", closefd=False) as stream:
        view = make_view(stream=stream)
        assert isinstance(view, LiveView)
        with view:
            call = started("Ada", "statement", "t", 1)
            view(call)
            for number, token in enumerate(tokens(call, text, 20)):
                if number == 30:
                    resize(90, 12)
                view(token)
                view.refresh()
            view(finished(call))
    os.close(slave)
    reader.join(10)
    os.close(master)
    emulator = Emulator(90, 15)
    emulator.feed(b"".join(received).decode())
    assert words("\n".join(emulator.everything)) == words(text)
    assert max(map(len, emulator.everything)) > 60
