from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from virtual_agora.hitl import agenda_approval, check_answer
from virtual_agora.ui.agenda_editor import AgendaEditor, Draft

TITLES = ["One", "Two", "Three"]
UP, DOWN, ENTER, ESC, ACCEPT = "\x1b[A", "\x1b[B", "\r", "\x1b", "\x13"
F2, ALT_UP, SHIFT_DOWN, CLEAR = "\x1bOQ", "\x1b\x1b[A", "\x1b[1;2B", "\x15"


def edit(
    keys: str, check: Callable[[dict[str, Any]], str] = lambda answer: ""
) -> dict[str, Any] | None:
    with create_pipe_input() as typed, create_app_session(input=typed, output=DummyOutput()):
        typed.send_text(keys)
        answer = AgendaEditor(TITLES, check).run()
    if answer is not None:
        check_answer(agenda_approval(TITLES, {}, 0), answer)
    return answer


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (ACCEPT, {"action": "approve"}),
        (DOWN * 3 + ENTER, {"action": "approve"}),
        ("J" + F2, {"action": "reorder", "order": [2, 1, 3]}),
        (DOWN + DOWN + "KK" + ACCEPT, {"action": "reorder", "order": [3, 1, 2]}),
        (DOWN + ALT_UP + ACCEPT, {"action": "reorder", "order": [2, 1, 3]}),
        (SHIFT_DOWN + SHIFT_DOWN + ACCEPT, {"action": "reorder", "order": [2, 3, 1]}),
        ("JK" + ACCEPT, {"action": "approve"}),
        (DOWN + "d" + ACCEPT, {"action": "reorder", "order": [1, 3]}),
        (DOWN + "du" + ACCEPT, {"action": "approve"}),
        ("e first" + ENTER + ACCEPT, {"action": "edit", "agenda": ["One first", "Two", "Three"]}),
        (
            DOWN + ENTER + CLEAR + "2" + ENTER + ACCEPT,
            {"action": "edit", "agenda": ["One", "2", "Three"]},
        ),
        (
            "aNew d and J" + ENTER + "J" + ACCEPT,
            {"action": "edit", "agenda": ["One", "Two", "New d and J", "Three"]},
        ),
        ("jjjddd" + UP + "d" + ACCEPT, {"action": "reorder", "order": [1, 2]}),
    ],
)
def test_keys_make_an_answer(keys: str, answer: dict[str, Any]) -> None:
    assert edit(keys) == answer


def test_escape_leaves_a_topic_as_it_was_and_then_goes_back() -> None:
    assert edit("e changed" + ESC + ACCEPT) == {"action": "approve"}
    assert edit("J" + ESC) is None
    assert edit("J\x04") is None  # Ctrl-D loses no more than Esc


def test_nothing_is_accepted_that_does_not_fit() -> None:
    asked: list[dict[str, Any]] = []

    def check(answer: dict[str, Any]) -> str:
        asked.append(answer)
        return "Not this." if len(asked) == 1 else ""

    assert edit("J" + ACCEPT + "J" + ACCEPT, check) == {"action": "reorder", "order": [2, 3, 1]}
    assert asked[0] == {"action": "reorder", "order": [2, 1, 3]}


def test_an_empty_agenda_is_refused() -> None:
    assert edit("ddd" + ACCEPT + "u" + ACCEPT) == {"action": "reorder", "order": [3]}


@pytest.mark.parametrize("keys", ["\x03", "J\x03"])
def test_breaking_off(keys: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        edit(keys)


def test_the_cursor_stays_on_the_list_whatever_happens() -> None:
    draft = Draft(["Only"])
    draft.shift(-1)
    draft.delete()
    draft.delete()
    draft.rewrite("Nothing is in hand")
    draft.go(5)
    draft.add("")
    assert (draft.items, draft.cursor) == ([], 0)
    draft.add("New")
    assert draft.in_hand is not None
    for _ in range(5):
        draft.undo()
    assert draft.answer() == {"action": "approve"}
