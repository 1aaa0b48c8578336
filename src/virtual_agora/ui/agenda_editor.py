"""An editor for the agenda: topics can be moved, changed, added and taken off with the keyboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import ConditionalContainer, Dimension, HSplit, Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.styles import Style
from prompt_toolkit.widgets import Label, TextArea

from virtual_agora.ui.keys import break_off, leave, wait_for_escape
from virtual_agora.ui.text import one_line

__all__ = ["AgendaEditor", "Draft"]

Answer = dict[str, Any]

_HINTS = """\
↑ ↓ choose · K J or Alt+↑ ↓ move · e edit · a add
d delete · u undo · F2 or Ctrl-S accept · Esc back"""
_EDIT_HINTS = "Enter keeps it · Esc leaves it as it was"
_STYLE = Style.from_dict({"row": "reverse", "hint": "dim", "complaint": "ansired bold"})


@dataclass(frozen=True, slots=True)
class Item:
    """A topic; `origin` is its number in the agenda as it was proposed, None once its text is another."""

    title: str
    origin: int | None = None


class Draft:
    """An agenda being changed. `cursor` is the index of the topic in hand; behind the last one it means “done”."""

    def __init__(self, titles: Sequence[str]) -> None:
        self._titles = list(titles)
        self.items = [Item(one_line(title), number) for number, title in enumerate(titles, 1)]
        self.cursor = 0
        self._past: list[tuple[list[Item], int]] = []

    @property
    def in_hand(self) -> Item | None:
        """The topic under the cursor."""
        return self.items[self.cursor] if self.cursor < len(self.items) else None

    def go(self, steps: int) -> None:
        """Move the cursor."""
        self.cursor = min(max(self.cursor + steps, 0), len(self.items))

    def shift(self, steps: int) -> None:
        """Move the topic in hand, and the cursor with it."""
        target = self.cursor + steps
        if self.in_hand is not None and 0 <= target < len(self.items):
            self._remember()
            self.items.insert(target, self.items.pop(self.cursor))
            self.cursor = target

    def rewrite(self, title: str) -> None:
        """Give the topic in hand another text."""
        if self.in_hand is not None and title and title != self.in_hand.title:
            self._remember()
            self.items[self.cursor] = Item(title)

    def add(self, title: str) -> None:
        """Put a new topic behind the one in hand."""
        if title:
            self._remember()
            self.cursor = min(self.cursor + 1, len(self.items))
            self.items.insert(self.cursor, Item(title))

    def delete(self) -> None:
        """Take the topic in hand off."""
        if self.in_hand is not None:
            self._remember()
            del self.items[self.cursor]
            self.cursor = max(min(self.cursor, len(self.items) - 1), 0)

    def undo(self) -> None:
        """Take the latest change back."""
        if self._past:
            self.items, self.cursor = self._past.pop()

    def answer(self) -> Answer:
        """The answer to `agenda_approval` that says this."""
        order = [item.origin for item in self.items]
        if order == list(range(1, len(self._titles) + 1)):
            return {"action": "approve"}
        if None not in order:
            return {"action": "reorder", "order": order}
        return {"action": "edit", "agenda": [self._title(item) for item in self.items]}

    def _title(self, item: Item) -> str:
        return item.title if item.origin is None else self._titles[item.origin - 1]

    def _remember(self) -> None:
        self._past.append((list(self.items), self.cursor))


class AgendaEditor:
    """The draft on the screen. `check` gives a complaint about an answer, or nothing."""

    def __init__(self, titles: Sequence[str], check: Callable[[Answer], str]) -> None:
        self._draft = Draft(titles)
        self._check = check
        self._complaint = ""
        self._adding = False
        self._field = TextArea(multiline=False, prompt="Topic: ", accept_handler=self._keep)
        self._list = Window(
            FormattedTextControl(self._rows, focusable=True, show_cursor=False),
            wrap_lines=True,
            dont_extend_height=True,
        )
        self._layout = Layout(
            HSplit(
                [
                    Label(""),
                    self._list,
                    ConditionalContainer(self._field, Condition(self._editing)),
                    Window(
                        FormattedTextControl(self._hints),
                        wrap_lines=True,
                        height=Dimension(min=1, max=4),
                    ),
                ]
            ),
            focused_element=self._list,
        )

    def run(self) -> Answer | None:
        """Let the human change the agenda: the answer, or None when they went back. Run again, it goes on."""
        app: Application[Answer | None] = Application(
            layout=self._layout, key_bindings=self._keys(), style=_STYLE, erase_when_done=True
        )
        wait_for_escape(app)
        return app.run()

    def _editing(self) -> bool:
        return self._layout.has_focus(self._field)

    def _rows(self) -> StyleAndTextTuples:
        rows: StyleAndTextTuples = []
        for index, item in enumerate(self._draft.items):
            rows += self._row(
                index, f"{index + 1:>3}. {item.title}{'' if item.origin else '  (new)'}"
            )
        rows += self._row(len(self._draft.items), "  [ Done ]")
        return rows[:-1]

    def _row(self, index: int, text: str) -> StyleAndTextTuples:
        here = index == self._draft.cursor
        mark: StyleAndTextTuples = [("[SetCursorPosition]", "")] if here else []
        return [*mark, ("class:row" if here else "", f"{'›' if here else ' '}{text} "), ("", "\n")]

    def _hints(self) -> StyleAndTextTuples:
        if self._complaint:
            return [("class:complaint", self._complaint)]
        return [("class:hint", _EDIT_HINTS if self._editing() else _HINTS)]

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        editing = Condition(self._editing)
        draft = self._draft
        for names, act in (
            (["up", "k"], lambda: draft.go(-1)),
            (["down", "j"], lambda: draft.go(1)),
            (["K", "s-up", ("escape", "up")], lambda: draft.shift(-1)),
            (["J", "s-down", ("escape", "down")], lambda: draft.shift(1)),
            (["d", "delete"], draft.delete),
            (["u"], draft.undo),
            (["e"], self._edit),
            (["a"], self._add),
        ):
            for name in names:
                sequence = name if isinstance(name, tuple) else (name,)
                keys.add(*sequence, filter=~editing)(self._acting(act))

        @keys.add("enter", filter=~editing)
        def _enter(event: KeyPressEvent) -> None:
            if draft.in_hand is None:
                self._accept(event)
            else:
                self._edit()

        @keys.add("f2", filter=~editing)
        @keys.add("c-s", filter=~editing)
        def _done(event: KeyPressEvent) -> None:
            self._accept(event)

        @keys.add("c-d", filter=~editing)
        @keys.add("escape")
        def _back(event: KeyPressEvent) -> None:
            if self._editing():
                event.app.layout.focus(self._list)
            else:
                leave(event, None)

        for key in ("c-c", "<sigint>"):
            keys.add(key)(break_off)
        return keys

    def _acting(self, act: Callable[[], None]) -> Callable[[KeyPressEvent], None]:
        def handle(event: KeyPressEvent) -> None:
            self._complaint = ""
            act()

        return handle

    def _edit(self) -> None:
        if self._draft.in_hand is not None:
            self._open(self._draft.in_hand.title, adding=False)

    def _add(self) -> None:
        self._open("", adding=True)

    def _open(self, title: str, *, adding: bool) -> None:
        self._adding = adding
        self._field.text = title
        self._field.buffer.cursor_position = len(title)
        self._layout.focus(self._field)

    def _keep(self, buffer: Buffer) -> bool:
        title = one_line(buffer.text)
        if self._adding:
            self._draft.add(title)
        else:
            self._draft.rewrite(title)
        self._layout.focus(self._list)
        return False

    def _accept(self, event: KeyPressEvent) -> None:
        answer = self._draft.answer()
        self._complaint = (
            self._check(answer) if self._draft.items else "An agenda has at least one topic."
        )
        if not self._complaint:
            leave(event, answer)
