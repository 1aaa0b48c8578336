"""A terminal in miniature: it knows the sequences the live view writes, and no others."""

from __future__ import annotations

import re

_PARTS = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Emulator:
    """`history` holds the lines that scrolled away, `screen` those to be seen, as text."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.history: list[str] = []
        self.screen = [""]
        self.cursor_hidden = False
        self.colours: set[str] = set()
        self._row = self._column = 0

    @property
    def everything(self) -> list[str]:
        """The whole scroll-back, as a reader finds it."""
        return [line.rstrip() for line in (*self.history, *self.screen)]

    def feed(self, output: str) -> None:
        at = 0
        for match in _PARTS.finditer(output):
            assert match.start() == at, f"unknown sequence: {output[at : at + 20]!r}"
            at = match.end()
            argument, command, control, text = match.groups()
            if text:
                for character in text:
                    self._put(character)
            elif control == "\r":
                self._column = 0
            elif control == "\n":
                self._column = 0
                self._down()
            else:
                self._command(argument, command)
        assert at == len(output), f"unknown sequence: {output[at : at + 20]!r}"

    def _put(self, character: str) -> None:
        if self._column == self.width:
            self._column = 0
            self._down()
        line = self.screen[self._row].ljust(self._column)
        self.screen[self._row] = line[: self._column] + character + line[self._column + 1 :]
        self._column += 1

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self.screen):
            self.screen.append("")
        if len(self.screen) > self.height:
            self.history.append(self.screen.pop(0))
            self._row -= 1

    def _command(self, argument: str, command: str) -> None:
        if command == "A":
            assert int(argument) <= self._row, "moved up beyond the top of the screen"
            self._row -= int(argument)
        elif command == "J":
            self.screen = [*self.screen[: self._row], self.screen[self._row][: self._column]]
        elif command == "m":
            self.colours.add(argument)
        else:
            assert (argument, command) in {
                ("?25", "h"),
                ("?25", "l"),
                ("?2026", "h"),
                ("?2026", "l"),
            }
            if argument == "?25":
                self.cursor_hidden = command == "l"
