"""Reads answers line by line, for terminals that can do nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console

from virtual_agora.ui.blocks import Prose

__all__ = ["Lines"]


class Lines:
    """Answers typed as words and lines; see `forms.Reader`. An empty line ends a text of several lines."""

    def __init__(self, console: Console, read: Callable[[str], str] = input) -> None:
        self._console = console
        self._read = read

    def choose(self, message: str, options: Mapping[str, str], default: str | None) -> str:
        """One of the options, by its name or the beginning of it."""
        self._console.print(Prose(message, style="bold"))
        for action, what in options.items():
            self._console.print(Prose(what, lead=f"{action}: ", indent=4))
        while True:
            typed = self._ask(f"Your choice{f' [{default}]' if default else ''}: ").strip().lower()
            fitting = [action for action in options if typed and action.startswith(typed)]
            if not typed and default:
                return default
            if typed in options or len(fitting) == 1:
                return typed if typed in options else fitting[0]
            self._say(f"Type one of: {', '.join(options)}.")

    def line(
        self, label: str, *, default: str = "", check: Callable[[str], str] | None = None
    ) -> str | None:
        """One line."""
        while True:
            typed = self._ask(f"{label}{f' [{default}]' if default else ''}: ") or default
            complaint = check(typed) if check else ""
            if not complaint:
                return typed
            self._say(complaint)

    def text(self, label: str, *, check: Callable[[str], str]) -> str | None:
        """Lines up to an empty one."""
        while True:
            self._say(f"{label} An empty line ends it.")
            text = "\n".join(self._many())
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
                numbers = [
                    int(word) for word in typed.replace(",", " ").split() if word.isdecimal()
                ]
                answer: dict[str, Any] = {"action": action, "order": numbers}
            else:
                self._say("The topics, one a line. An empty line ends them.")
                answer = {"action": action, "agenda": self._many()}
            complaint = check(answer)
            if not complaint:
                return answer
            self._say(complaint)

    def _many(self) -> list[str]:
        lines = []
        while line := self._ask("> ").strip():
            lines.append(line)
        return lines

    def _ask(self, prompt: str) -> str:
        try:
            return self._read(prompt)
        except EOFError:
            raise KeyboardInterrupt from None

    def _say(self, text: str) -> None:
        self._console.print(Prose(text))
