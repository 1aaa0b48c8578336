"""Reads answers from a keyboard: single keys, lines that can be edited, a list that can be rearranged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.application import Application, get_app_session
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import ConditionalContainer, HSplit, Layout
from prompt_toolkit.styles import Style
from prompt_toolkit.validation import ValidationError, Validator
from prompt_toolkit.widgets import Label, RadioList
from rich.cells import cell_len

from virtual_agora.cleaning import clean
from virtual_agora.ui.agenda_editor import AgendaEditor
from virtual_agora.ui.keys import break_off, leave, wait_for_escape
from virtual_agora.ui.text import one_line, wrap

__all__ = ["Keyboard"]

_LINE_HINT = "Enter to send · Esc to go back"
_ONLY_HINT = "Enter to send"
_TEXT_HINT = "Alt+Enter or Ctrl-D sends · Enter: a new line · Esc: back"
_STYLE = Style.from_dict(
    {
        "chosen": "reverse",
        "hint": "dim",
        "bottom-toolbar": "noreverse dim",
    }
)


class Keyboard:
    """Answers typed at a terminal; see `forms.Reader`. Make one for each question.

    Esc goes back to the choice, and so does Ctrl-D where nothing is typed; what was typed is there again when one
    returns. What was drawn is erased; a text that Ctrl-C breaks off is left there to be copied.
    """

    def __init__(self) -> None:
        self._drafts: dict[str, str] = {}
        self._editor: AgendaEditor | None = None

    def choose(self, message: str, options: Mapping[str, str], default: str | None) -> str:
        """One of the options: by its key, or with the arrows and Enter."""
        options = _offered(options)
        keys = _letters(options)
        rows = _rows(options, keys)
        choices = RadioList(
            rows,
            default=default,
            select_on_focus=True,
            open_character="",
            select_character="›",
            close_character="",
            show_cursor=False,
            show_scrollbar=False,
            default_style="",
            selected_style="",
            checked_style="class:chosen",
        )
        bindings = KeyBindings()
        for action, letter in keys.items():
            bindings.add(letter, eager=True)(lambda event, action=action: leave(event, action))
        bindings.add("enter", eager=True)(lambda event: leave(event, choices.current_value))
        for key in ("c-c", "c-d", "<sigint>"):
            bindings.add(key)(break_off)
        title = Label([("bold", one_line(message))], dont_extend_height=True)
        meaning = Label(lambda: f"\n{options[choices.current_value]}")
        cut = any(label[-1][1].endswith("…") for _, label in rows)
        shown = ConditionalContainer(meaning, cut)
        app: Application[str] = Application(
            Layout(HSplit([Label(""), title, choices, shown]), focused_element=choices),
            key_bindings=bindings,
            style=_STYLE,
            erase_when_done=True,
        )
        return app.run()

    def line(
        self,
        label: str,
        *,
        default: str = "",
        check: Callable[[str], str] | None = None,
        back: bool = True,
    ) -> str | None:
        """One line, that can be edited."""
        return self._prompt(label, default=default, check=check, back=back)

    def text(self, label: str, *, check: Callable[[str], str]) -> str | None:
        """Text of several lines."""
        return self._prompt(label, check=check, multiline=True)

    def agenda(
        self, titles: Sequence[str], action: str, check: Callable[[dict[str, Any]], str]
    ) -> dict[str, Any] | None:
        """The titles in an editor, whichever `action` opened it."""
        self._editor = self._editor or AgendaEditor(titles, check)
        return self._editor.run()

    def _prompt(
        self,
        label: str,
        *,
        default: str = "",
        check: Callable[[str], str] | None = None,
        multiline: bool = False,
        back: bool = True,
    ) -> str | None:
        went_back = object()
        bindings = KeyBindings()

        @bindings.add("escape", filter=Condition(lambda: back))
        def _back(event: KeyPressEvent) -> None:
            self._drafts[label] = event.current_buffer.text
            leave(event, went_back)

        @bindings.add("c-d")
        def _send_or_leave(event: KeyPressEvent) -> None:
            if not event.current_buffer.text:
                _back(event) if back else break_off(event)
            elif multiline:
                event.current_buffer.validate_and_handle()

        hint = "" if multiline else _LINE_HINT if back else _ONLY_HINT
        session: PromptSession[Any] = PromptSession(
            _heading(one_line(label), hint),
            multiline=multiline,
            key_bindings=bindings,
            bottom_toolbar=_TEXT_HINT if multiline else None,
            style=_STYLE,
            validator=_Checked(check) if check else None,
            validate_while_typing=False,
            prompt_continuation="",
            erase_when_done=True,
        )
        wait_for_escape(session.app)
        try:
            typed = session.prompt(default=self._drafts.get(label) or default)
        except KeyboardInterrupt:
            if draft := clean(session.default_buffer.text).strip():
                print_formatted_text(f"\nThis was typed, and not sent:\n\n{draft}\n")
            raise
        if typed is went_back:
            return None
        self._drafts[label] = typed
        return str(typed)


def _heading(label: str, hint: str) -> StyleAndTextTuples:
    """What stands above the field, broken into lines: the terminal would cut them off."""
    width = get_app_session().output.get_size().columns - 1
    lines = [line.rstrip() for line in wrap(label, width)]
    gap = "  " if cell_len(f"{lines[-1]}  {hint}") <= width else "\n"
    title = "\n".join(lines)
    return [("bold", f"\n{title}"), ("class:hint", f"{gap}{hint}" if hint else ""), ("", "\n")]


class _Checked(Validator):
    def __init__(self, check: Callable[[str], str]) -> None:
        self._check = check

    def validate(self, document: Document) -> None:
        if complaint := self._check(document.text):
            raise ValidationError(len(document.text), complaint)


def _letters(actions: Mapping[str, str]) -> dict[str, str]:
    """A letter for each action: of the beginning of one of its words, if it is free."""
    letters: dict[str, str] = {}
    for action in actions:
        wanted = [word[0] for word in action.split("_") if word] + [
            c for c in action if c.isalpha()
        ]
        letters[action] = next(letter for letter in wanted if letter not in letters.values())
    return letters


def _rows(
    options: Mapping[str, str], keys: Mapping[str, str]
) -> list[tuple[str, StyleAndTextTuples]]:
    width = max(map(len, options))
    room = get_app_session().output.get_size().columns - width - len("› [x]   ") - 1
    rows: list[tuple[str, StyleAndTextTuples]] = []
    for action, what in options.items():
        name = f"{action.replace('_', ' '):{width}}  "
        rows.append(
            (
                action,
                [("bold", f"[{keys[action]}] "), ("", name), ("", one_line(what, max(room, 10)))],
            )
        )
    return rows


def _offered(options: Mapping[str, str]) -> dict[str, str]:
    """One editor does what `edit` and `reorder` do."""
    offered = dict(options)
    if "edit" in offered and "reorder" in offered:
        del offered["reorder"]
        offered["edit"] = "change, move, add or take off topics"
    return offered
