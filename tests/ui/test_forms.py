from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.output.vt100 import Vt100_Output

from tests.ui.script import TALLY, TOPICS, drawn, terminal
from virtual_agora import hitl
from virtual_agora.hitl import Question, check_answer
from virtual_agora.ui.forms import answerer, ask
from virtual_agora.ui.keyboard import Keyboard
from virtual_agora.ui.lines import Lines
from virtual_agora.ui.live import LiveView
from virtual_agora.ui.plain import PlainView, plain_console
from virtual_agora.ui.questions import facts

ENTER, ESC, ALT_ENTER, DOWN, UP = "\r", "\x1b", "\x1b\r", "\x1b[B", "\x1b[A"
CTRL_C, CTRL_D, CTRL_E, CTRL_S, CLEAR = "\x03", "\x04", "\x05", "\x13", "\x15"

THEME = hitl.theme_request()
AGENDA = hitl.agenda_approval(TOPICS, TALLY, 2)
TURN = hitl.user_turn(TOPICS[0], 2, "start_of_round")
STOP = hitl.periodic_stop(TOPICS[0], 3, {"yes": 2, "no": 1, "abstained": 0, "needed": 2})
NEXT = hitl.topic_continuation(TOPICS[0], TOPICS[1:], {"end": 1, "go_on": 2, "abstained": 0})
FAILURES = [
    {"agent": "Ada", "provider": "openai", "model": "gpt-9", "reason": "The key was rejected."}
]
FAILURE = hitl.provider_failure(FAILURES, may_exclude=True, step="discussion_round")
BUDGET = hitl.budget_reached(
    [
        {"kind": "calls", "used": 62, "limit": 60, "suggested": 93},
        {"kind": "cost", "used": 2.51, "limit": 2.5, "suggested": 3.77},
    ],
    scope="session",
    topic=TOPICS[0],
    round_number=2,
    remaining_topics=TOPICS[1:],
    going_on=120,
    closing={"calls": 14, "tokens": 9000, "cost": 0.4},
    step="statement",
)


@pytest.fixture
def typed() -> Iterator[Callable[[str], None]]:
    """Types on the keyboard of whatever form is shown next."""
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        yield keys.send_text


def answer(question: Question) -> Any:
    given = ask(question, console=terminal(80), reader=Keyboard())
    check_answer(question, given)
    return given


@pytest.mark.parametrize(
    ("question", "keys", "expected"),
    [
        (AGENDA, ENTER, {"action": "approve"}),
        (AGENDA, "a", {"action": "approve"}),
        (AGENDA, "eJ" + CTRL_S, {"action": "reorder", "order": [2, 1, 3]}),
        (
            AGENDA,
            DOWN + ENTER + "aNew" + ENTER + CTRL_S,
            {"action": "edit", "agenda": [TOPICS[0], "New", *TOPICS[1:]]},
        ),
        (AGENDA, "rToo dull" + ENTER, {"action": "reject", "reason": "Too dull"}),
        (AGENDA, "r" + ENTER, {"action": "reject", "reason": ""}),
        (TURN, ENTER, {"action": "continue"}),
        (TURN, "f", {"action": "finalize"}),
        (
            TURN,
            "pLine one" + ENTER + "line two" + ALT_ENTER,
            {"action": "participate", "text": "Line one\nline two"},
        ),
        (TURN, "pI agree" + CTRL_D, {"action": "participate", "text": "I agree"}),
        (STOP, ENTER, {"action": "continue"}),
        (STOP, "s", {"action": "skip_to_report"}),
        (STOP, DOWN * 9 + UP + DOWN + ENTER, {"action": "modify_agenda"}),
        (NEXT, "e", {"action": "end_session"}),
        (FAILURE, ENTER, {"action": "retry"}),
        (FAILURE, "e", {"action": "exclude_agent"}),
        (
            FAILURE,
            "mollama" + ENTER + "llama" + ENTER + "http://localhost" + ENTER,
            {
                "action": "replace_model",
                "provider": "ollama",
                "model": "llama",
                "base_url": "http://localhost",
            },
        ),
        (
            FAILURE,
            "m" + ENTER + "gpt-10" + ENTER + ENTER,
            {"action": "replace_model", "provider": "openai", "model": "gpt-10", "base_url": None},
        ),
        (BUDGET, "e100" + ENTER + ENTER, {"action": "extend", "calls": "100", "cost": None}),
        (BUDGET, "c", {"action": "conclude"}),
        (THEME, "Buses?" + ENTER + ENTER, {"action": "start", "theme": "Buses?", "topics": []}),
        (
            THEME,
            "Buses?" + ENTER + "yOne" + ENTER + "Two" + ENTER + ENTER,
            {"action": "start", "theme": "Buses?", "topics": ["One", "Two"]},
        ),
        (
            hitl.theme_request("Buses?"),
            ENTER + "n",
            {"action": "start", "theme": "Buses?", "topics": []},
        ),
        (
            hitl.theme_request(topics=["One"]),
            "Buses?" + ENTER,
            {"action": "start", "theme": "Buses?", "topics": ["One"]},
        ),
    ],
)
def test_keys_answer_questions(
    typed: Callable[[str], None], question: Question, keys: str, expected: dict[str, Any]
) -> None:
    typed(keys)
    assert answer(question) == expected


@pytest.mark.parametrize(
    ("question", "keys", "expected"),
    [
        (THEME, ENTER + "  " + ENTER + "Buses?" + ENTER + "n", {"action": "start", "theme": "  Buses?", "topics": []}),
        (THEME, "B" + ENTER + "yOne" + ENTER + "one" + ENTER + "2" + ENTER + ENTER, {"action": "start", "theme": "B", "topics": ["One", "one2"]}),
        (TURN, "p" + ALT_ENTER + "Hm" + ALT_ENTER, {"action": "participate", "text": "Hm"}),
        (FAILURE, "mopenainonsense" + ENTER + CLEAR + "xai" + ENTER + ENTER + "grok" + ENTER + ENTER, {"action": "replace_model", "provider": "xai", "model": "grok", "base_url": None}),
        (BUDGET, "e62" + ENTER + CLEAR + "63" + ENTER + "2,6" + ENTER + CLEAR + "$2.6" + ENTER, {"action": "extend", "calls": "63", "cost": "$2.6"}),
        (BUDGET, "e70" + ENTER + ESC + CTRL_S + "c", {"action": "conclude"}),
    ],
)  # fmt: skip
def test_what_cannot_be_is_not_accepted_and_can_be_mended(
    typed: Callable[[str], None], question: Question, keys: str, expected: dict[str, Any]
) -> None:
    typed(keys)
    assert answer(question) == expected


@pytest.mark.parametrize(
    ("question", "keys"),
    [(TURN, "pNever mind" + ESC), (AGENDA, "rNo"+ ESC), (AGENDA, "eJ" + ESC), (FAILURE, "mgrok" + ENTER + ESC)],
)  # fmt: skip
def test_escape_goes_back_to_the_choice(
    typed: Callable[[str], None], question: Question, keys: str
) -> None:
    # Ctrl-S means nothing to the choice; it only ends the waiting for what may follow Esc.
    typed(keys + CTRL_S + ENTER)
    assert answer(question) == {"action": next(iter(question["options"]))}


@pytest.mark.parametrize(
    ("question", "keys", "expected"),
    [
        (TURN, "pNot yet" + ESC + CTRL_E + "p" + ", now" + ALT_ENTER, {"action": "participate", "text": "Not yet, now"}),
        (TURN, "pGone" + ESC + CTRL_E + "p" + CLEAR + CTRL_D + "p" + "New" + CTRL_D, {"action": "participate", "text": "New"}),
        (AGENDA, "rDull" + ESC + CTRL_E + "r!" + ENTER, {"action": "reject", "reason": "Dull!"}),
        (AGENDA, "eJ" + ESC + CTRL_E + "e" + CTRL_S, {"action": "reorder", "order": [2, 1, 3]}),
        (AGENDA, "eJ" + CTRL_D + "e" + CTRL_S, {"action": "reorder", "order": [2, 1, 3]}),
        (THEME, "Buses" + ESC + CTRL_E + "?" + ENTER + "n", {"action": "start", "theme": "Buses?", "topics": []}),
        (THEME, "B?" + ENTER + "yOne" + ENTER + "Tw" + ESC + CTRL_E + "s" + ENTER + "o" + ENTER + ENTER, {"action": "start", "theme": "B?", "topics": ["Ones", "Two"]}),
    ],
)  # fmt: skip
def test_what_was_typed_is_there_again_when_one_returns(
    typed: Callable[[str], None], question: Question, keys: str, expected: dict[str, Any]
) -> None:
    # Ctrl-E goes to the end of the line, or does nothing; it ends the waiting for what may follow Esc.
    typed(keys)
    assert answer(question) == expected


def test_the_end_of_an_empty_text_leaves_the_text_and_not_the_session(
    typed: Callable[[str], None],
) -> None:
    typed("p" + CTRL_D + "f")
    assert answer(TURN) == {"action": "finalize"}


@pytest.mark.parametrize(
    ("question", "keys"),
    [(AGENDA, CTRL_C), (AGENDA, CTRL_D), (THEME, CTRL_C), (THEME, CTRL_D), (TURN, "pHm" + CTRL_C), (AGENDA, "e" + CTRL_C)],
)  # fmt: skip
def test_breaking_off(typed: Callable[[str], None], question: Question, keys: str) -> None:
    typed(keys)
    with pytest.raises(KeyboardInterrupt):
        answer(question)


def test_pasted_escape_sequences_do_not_reach_the_answer(typed: Callable[[str], None]) -> None:
    typed("p\x1b[200~Hello\x1b[31m\x07 you\x1b[201~" + CTRL_D)
    assert answer(TURN) == {"action": "participate", "text": "Hello you"}


def written(question: Question, typed: str) -> str:
    """What the forms write to a terminal of 60 columns while a question is answered, without its colours."""
    screen = StringIO()
    size = Size(rows=24, columns=60)
    with create_pipe_input() as keys:
        output = Vt100_Output(screen, lambda: size, term="xterm", enable_cpr=False)
        with create_app_session(input=keys, output=output), suppress(KeyboardInterrupt):
            keys.send_text(typed)
            answer(question)
    text = re.sub(r"\x1b\[\d*C", " ", screen.getvalue())
    return re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", text)


def test_a_text_that_is_broken_off_is_left_to_be_copied() -> None:
    text = written(TURN, "pLine one" + ENTER + "line two" + CTRL_C)
    assert "This was typed, and not sent:\r\n\r\nLine one\r\nline two\r\n" in text
    assert "not sent" not in written(TURN, "p" + CTRL_C)


def test_a_line_says_how_it_is_sent_and_left() -> None:
    assert "Enter to send · Esc to go back" in written(AGENDA, "r" + ENTER)
    flat = " ".join(written(FAILURE, "m" + CTRL_C).split())
    assert "as before) Enter to send · Esc to go back" in flat  # nothing is cut off
    text = written(THEME, "B" + CTRL_C)
    assert "Enter to send" in text
    assert "Esc" not in text


def test_whoever_replaces_a_model_is_told_for_whom_and_what_there_is() -> None:
    both = [*FAILURES, {**FAILURES[0], "agent": "Bruno"}]
    question = hitl.provider_failure(both, may_exclude=True, step="statement")
    left, prompts = iter(["replace", "opnai", "xai", "grok", ""]), list[str]()

    def read(prompt: str) -> str:
        prompts.append(prompt)
        return next(left)

    console = plain_console(file := StringIO())
    ask(question, console=console, reader=Lines(console, read))
    first, second = prompts[1:3]
    assert first.startswith("Ada and Bruno will speak through which provider: openai, anthropic, ")
    assert first.endswith(" or offline? (empty: openai, as before): ")
    assert second == first
    assert "There is no provider “opnai”. Did you mean “openai”?" in file.getvalue()


def test_the_choice_shows_keys_and_meanings_and_marks_the_default() -> None:
    text = written(AGENDA, ENTER)
    assert "The assembly proposes this agenda." in text
    assert re.search(r"› *\[a\] *approve", text)
    assert re.search(r"\[e\] *edit *change, move, add or take off topics", text)
    assert re.search(r"\[r\] *reject", text)
    assert "reorder" not in text


def test_everything_needed_to_decide_is_drawn() -> None:
    seen = {
        question["type"]: drawn(*facts(question), width=60)
        for question in (AGENDA, TURN, STOP, NEXT, FAILURE)
    }
    assert re.search(r"1\. +Who pays for it +█{16} +6", seen["agenda_approval"])
    assert "borda count, 3 ballots, 1 abstained, tie broken by the\n" in seen["agenda_approval"]
    assert "Who pays for it · round 2" in seen["user_turn"]
    assert re.search(r"yes █+░+ 2\n +no +█+░+ 1", seen["periodic_stop"])
    assert "2 yes needed" in seen["periodic_stop"]
    assert re.search(r"end +█+░+ 1\n +go on █+░+ 2", seen["topic_continuation"])
    assert all(topic in seen["topic_continuation"] for topic in TOPICS)
    assert "Ada (openai/gpt-9): The key was rejected." in seen["provider_failure"]


def test_a_question_nobody_knows_yet_is_drawn_with_what_it_says() -> None:
    question = {
        "type": "room_needed",
        "message": "?",
        "options": {"extend": ""},
        "default": None,
        "seats": 3,
    }
    said = drawn(*facts(question))
    assert "Room needed" in said
    assert "seats: 3" in said


def test_a_wrong_answer_is_explained_first(typed: Callable[[str], None]) -> None:
    console = terminal(80)
    typed(ENTER)
    ask({**STOP, "error": "That is not possible."}, console=console, reader=Keyboard(), drawn=True)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "That is not possible." in written
    assert "Regular stop" not in written


@pytest.mark.parametrize(
    ("question", "lines", "expected"),
    [
        (AGENDA, [""], {"action": "approve"}),
        (AGENDA, ["what?", "re", "reorder", "3, 1", ], {"action": "reorder", "order": [3, 1]}),
        (AGENDA, ["reorder", "4 1", "2 1"], {"action": "reorder", "order": [2, 1]}),
        (AGENDA, ["e", "One", "Two", "", "yes"], {"action": "edit", "agenda": ["One", "Two"]}),
        (AGENDA, ["e", "Onr", "", "no", "One", "", "yes"], {"action": "edit", "agenda": ["One"]}),
        (AGENDA, ["e", "", "a"], {"action": "approve"}),
        (AGENDA, ["rej", "Dull"], {"action": "reject", "reason": "Dull"}),
        (TURN, ["p", "", "Line one", "line two", ""], {"action": "participate", "text": "Line one\nline two"}),
        (AGENDA, ["edit", "One", "one", "", "Two", "", "yes"], {"action": "edit", "agenda": ["Two"]}),
        (FAILURE, ["repl", "", "gpt-10", ""], {"action": "replace_model", "provider": "openai", "model": "gpt-10", "base_url": None}),
        (THEME, ["", "Buses?", "y", "One", ""], {"action": "start", "theme": "Buses?", "topics": ["One"]}),
    ],
)  # fmt: skip
def test_typed_lines_answer_questions(
    question: Question, lines: list[str], expected: dict[str, Any]
) -> None:
    console = plain_console(StringIO())
    left = iter(lines)
    given = ask(question, console=console, reader=Lines(console, lambda prompt: next(left)))
    assert check_answer(question, given)
    assert given == expected
    assert list(left) == []


END = object()


@pytest.mark.parametrize(
    ("question", "lines", "expected"),
    [
        (TURN, ["p", "I agree", END], {"action": "participate", "text": "I agree"}),
        (TURN, ["p", END, "f"], {"action": "finalize"}),
        (AGENDA, ["edit", END, "a"], {"action": "approve"}),
        (AGENDA, ["reorder", END, "a"], {"action": "approve"}),
        (AGENDA, ["reject", END, "a"], {"action": "approve"}),
        (THEME, ["B?", "y", "One", END, "Two", "", ], {"action": "start", "theme": "B?", "topics": ["Two"]}),
        (THEME, ["B?", "y", "One", END, "", ""], {"action": "start", "theme": "B?", "topics": ["One"]}),
        (THEME, ["B?", "y", END, "n"], {"action": "start", "theme": "B?", "topics": []}),
    ],
)  # fmt: skip
def test_the_end_of_the_input_ends_what_is_being_typed(
    question: Question, lines: list[Any], expected: dict[str, Any]
) -> None:
    left = iter(lines)

    def read(prompt: str) -> str:
        if (line := next(left)) is END:
            raise EOFError
        return str(line)

    console = plain_console(StringIO())
    assert ask(question, console=console, reader=Lines(console, read)) == expected
    assert list(left) == []


def test_the_end_of_the_input_breaks_off() -> None:
    def read(prompt: str) -> str:
        raise EOFError

    console = plain_console(StringIO())
    with pytest.raises(KeyboardInterrupt):
        ask(TURN, console=console, reader=Lines(console, read))


@pytest.mark.parametrize("plain", [True, False])
def test_without_a_keyboard_lines_are_read_and_the_view_makes_room(
    monkeypatch: pytest.MonkeyPatch, plain: bool
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("finalize\n"))
    file = StringIO()
    view = PlainView(plain_console(file)) if plain else LiveView(terminal(80, file=file))
    with view:
        assert answerer(view)(TURN) == {"action": "finalize"}
    assert "Who pays for it · round 2" in file.getvalue()
    assert "participate: say something" in file.getvalue()
