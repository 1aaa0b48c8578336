"""Reads answers line by line, for terminals that can do nothing else."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from virtual_agora.ui import drawings as draw
from virtual_agora.ui.blocks import Prose

__all__ = ["Lines", "typed"]


def typed(prompt: str) -> str:
    """A line from the terminal, as `input` reads it; a signal ends the wait whenever it comes.

    `input` alone would not hear of one that comes after its prompt was written and before it waits.
    """
    if os.name == "nt" or not sys.stdin.isatty():  # which cannot be waited for
        return input(prompt)
    sys.stdout.write(prompt)
    sys.stdout.flush()
    with _signals_heard() as heard:
        while sys.stdin not in select.select([sys.stdin, heard], [], [])[0]:
            os.read(heard, 64)
    return input()


@contextmanager
def _signals_heard() -> Iterator[int]:
    """What can be read from as soon as a signal has come."""
    heard, wake = os.pipe()
    os.set_blocking(wake, False)
    before = signal.set_wakeup_fd(wake)
    try:
        yield heard
    finally:
        signal.set_wakeup_fd(before)
        os.close(heard)
        os.close(wake)


class Lines:
    """Answers typed as words and lines; see `forms.Reader`. An empty line ends a text of several lines.

    The end of the input (Ctrl-D) ends such a text too; where nothing is typed it goes back to the choice, and from
    the choice it breaks off.
    """

    def __init__(self, console: Console, read: Callable[[str], str] = typed) -> None:
        self._console = console
        self._read = read

    def choose(self, message: str, options: Mapping[str, str], default: str | None) -> str:
        """One of the options, by its name or the beginning of it."""
        self._console.print(Prose(message, style="bold"))
        for action, what in options.items():
            self._console.print(Prose(what, lead=f"{action}: ", indent=4))
        while True:
            typed = self._ask(f"Your choice{f' [{default}]' if default else ''}: ")
            if typed is None:
                raise KeyboardInterrupt
            typed = typed.strip().lower()
            fitting = [action for action in options if typed and action.startswith(typed)]
            if not typed and default:
                return default
            if typed in options or len(fitting) == 1:
                return typed if typed in options else fitting[0]
            self._say(f"Type one of: {', '.join(options)}.")

    def line(
        self,
        label: str,
        *,
        default: str = "",
        check: Callable[[str], str] | None = None,
        back: bool = True,
    ) -> str | None:
        """One line."""
        while True:
            typed = self._ask(f"{label}{f' [{default}]' if default else ''}: ")
            if typed is None and not back:
                raise KeyboardInterrupt
            if typed is None:
                return None
            typed = typed or default
            complaint = check(typed) if check else ""
            if not complaint:
                return typed
            self._say(complaint)

    def text(self, label: str, *, check: Callable[[str], str]) -> str | None:
        """Lines up to an empty one."""
        while True:
            self._say(f"{label} An empty line ends it.")
            lines = self._many()
            if lines is None:
                return None
            text = "\n".join(lines)
            complaint = check(text)
            if not complaint:
                return text
            self._say(complaint)

    def agenda(
        self, titles: Sequence[str], action: str, check: Callable[[dict[str, Any]], str]
    ) -> dict[str, Any] | None:
        """The numbers in their new order, or the topics anew."""
        while True:
            if action == "reorder":
                typed = self._ask(
                    f"The topics' numbers, 1 to {len(titles)}, in the order you want: "
                )
                if typed is None:
                    return None
                numbers = [
                    int(word) for word in typed.replace(",", " ").split() if word.isdecimal()
                ]
                answer: dict[str, Any] = {"action": action, "order": numbers}
            else:
                self._say("The topics, one a line. An empty line ends them; at once it goes back.")
                lines = self._many()
                if not lines:
                    return None
                answer = {"action": action, "agenda": lines}
            complaint = check(answer)
            if not complaint and (action == "reorder" or self._is_right(answer["agenda"])):
                return answer
            self._say(complaint)

    def _is_right(self, titles: Sequence[str]) -> bool:
        """Whether these are all the topics wanted: they replace those that were proposed."""
        self._console.print(draw.agenda(titles))
        ways = {"yes": "it replaces the one proposed", "no": "type the topics again"}
        return self.choose("Is that the agenda?", ways, None) == "yes"

    def _many(self) -> list[str] | None:
        lines: list[str] = []
        while (line := self._ask("> ")) and line.strip():
            lines.append(line.strip())
        return lines if lines or line is not None else None

    def _ask(self, prompt: str) -> str | None:
        """What was typed; None at the end of the input."""
        try:
            return self._read(prompt)
        except EOFError:
            return None

    def _say(self, text: str) -> None:
        self._console.print(Prose(text))
