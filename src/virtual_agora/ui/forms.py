"""Asks the human: draws a question, reads the answer, and hands back what `hitl.check_answer` takes.

`ask` is an `Answerer`. Ctrl-C, or the end of the input, raises KeyboardInterrupt: the question stays open and the
session can be resumed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from rich.console import Console

from virtual_agora.amounts import said
from virtual_agora.cleaning import clean
from virtual_agora.errors import ConfigurationError, InvalidAnswerError
from virtual_agora.hitl import Answerer, Question, check_answer
from virtual_agora.providers.vendors import VENDORS, check_provider
from virtual_agora.ui import LiveView, PlainView, make_console
from virtual_agora.ui.lines import Lines
from virtual_agora.ui.questions import complaint, facts
from virtual_agora.ui.text import one_line

__all__ = ["Reader", "answerer", "ask"]

Answer = dict[str, Any]
Check = Callable[[str], str]


class Reader(Protocol):
    """How answers are read. Where a method may return None, the human went back to the choice."""

    def choose(self, message: str, options: Mapping[str, str], default: str | None) -> str:
        """One of the options' keys; Enter takes the default."""

    def line(
        self, label: str, *, default: str = "", check: Check | None = None, back: bool = True
    ) -> str | None:
        """One line; `check` gives a complaint about it, or nothing. Without `back` it is never None."""

    def text(self, label: str, *, check: Check) -> str | None:
        """Text of several lines."""

    def agenda(
        self, titles: Sequence[str], action: str, check: Callable[[Answer], str]
    ) -> Answer | None:
        """The answer that makes these titles the agenda wanted; `action` is `edit` or `reorder`."""


def ask(
    question: Question,
    *,
    console: Console | None = None,
    reader: Reader | None = None,
    drawn: bool = False,
) -> Answer:
    """Ask one question at the terminal; `drawn` when its facts are already there to see.

    Raises:
        KeyboardInterrupt: the human broke off.
    """
    console = console or make_console()
    if reader is None:
        reader = _reader(console)
    for part in complaint(question) if drawn else facts(question):
        console.print(part)
    if question["type"] == "theme_request":
        return _theme(question, reader)
    while True:
        # The first option loses nothing; `default` is for when nobody is there to choose.
        first = next(iter(question["options"]))
        action = reader.choose(question["message"], question["options"], first)
        answer = _complete(question, action, reader)
        if answer is not None:
            return answer


def _reader(console: Console) -> Reader:
    if not (console.is_terminal and sys.stdin.isatty()):
        return Lines(console)
    # Imported only here: a session whose questions nobody answers begins sooner without.
    from virtual_agora.ui.keyboard import Keyboard

    return Keyboard()


def answerer(view: LiveView | PlainView) -> Answerer:
    """An `Answerer` for a run that `view` listens to: it has the view make room for the form."""

    def answer(question: Question) -> Answer:
        with view.paused():
            return ask(question, console=view.console, drawn=view.asked(question))

    return answer


def _complete(question: Question, action: str, reader: Reader) -> Answer | None:
    """The whole answer for the chosen action; None: the human went back."""
    match action:
        case "edit" | "reorder":
            return reader.agenda(
                question["proposed_agenda"], action, lambda answer: _misfit(question, answer)
            )
        case "participate":
            return _with(
                action,
                "text",
                reader.text("What do you say?", check=_check(question, action, "text")),
            )
        case "reject":
            reason = reader.line(
                "Why? (may be left empty)", check=_check(question, action, "reason")
            )
            return _with(action, "reason", reason)
        case "replace_model":
            return _model(question, reader)
        case "extend":
            return _caps(question, reader)
        case _:
            return {"action": action}


def _theme(question: Question, reader: Reader) -> Answer:
    theme = reader.line(
        question["message"],
        default=question["theme"],
        check=_check(question, "start", "theme"),
        back=False,
    )
    theme = clean(theme or "")
    topics = list(question["topics"])
    ways = {
        "no": "the participants propose the agenda and vote on it",
        "yes": "you give the topics",
    }
    while (
        not topics
        and reader.choose("Do you want to define the topics yourself?", ways, "no") == "yes"
    ):
        topics = _topics(question, theme, reader)
    return {"action": "start", "theme": theme, "topics": topics}


def _topics(question: Question, theme: str, reader: Reader) -> list[str]:
    """The topics up to an empty line; none when the human went back behind the first."""
    topics: list[str] = []
    last = ""

    def check(text: str) -> str:
        more = [text] if text.strip() else []
        return _misfit(question, {"action": "start", "theme": theme, "topics": [*topics, *more]})

    while True:
        title = reader.line(f"Topic {len(topics) + 1} (empty: done)", default=last, check=check)
        last = ""
        if title is None and topics:
            last = topics.pop()
        elif title is None:
            return []
        elif not title.strip():
            return topics
        else:
            topics.append(clean(title.strip()))


def _model(question: Question, reader: Reader) -> Answer | None:
    failures = question["failures"]
    *others, last = [failure["agent"] for failure in failures] or ["They"]
    who = one_line(f"{', '.join(others)} and {last}" if others else last)
    failing = {failure["provider"] for failure in failures}
    as_before = failing.pop() if len(failing) == 1 else ""
    *names, offline = VENDORS
    known = f"which provider: {', '.join(names)} or {offline}?"
    kept = f" (empty: {as_before}, as before)" if as_before else ""
    filled: Answer = {"action": "replace_model"}
    for key, label, check in (
        ("provider", f"{who} will speak through {known}{kept}", _unknown(as_before)),
        ("model", "Model", _missing),
        ("base_url", "Base URL (empty: the provider's own)", None),
    ):
        value = reader.line(label, check=check)
        if value is None:
            return None
        filled[key] = clean(value).strip() or None
    filled["provider"] = filled["provider"] or as_before
    return filled


def _caps(question: Question, reader: Reader) -> Answer | None:
    """A new value for each cap that is reached; None: the human went back."""
    filled: Answer = {"action": "extend"}
    for cap in question["caps"]:
        kind = cap["kind"]
        what = "the cost, in US dollars" if kind == "cost" else kind
        value = reader.line(
            f"New cap on {what} (empty: {said(kind, cap['suggested'])})",
            check=_new_cap(question, filled, kind),
        )
        if value is None:
            return None
        filled[kind] = clean(value).strip() or None
    return filled


def _new_cap(question: Question, filled: Answer, kind: str) -> Check:
    return lambda text: _misfit(question, {**filled, kind: clean(text).strip() or None})


def _missing(text: str) -> str:
    return "" if text.strip() else "This must not be empty."


def _unknown(as_before: str) -> Check:
    def check(text: str) -> str:
        if not text.strip() and not as_before:
            return _missing(text)
        try:
            check_provider(clean(text) if text.strip() else as_before)
        except ConfigurationError as error:
            return str(error)
        return ""

    return check


def _with(action: str, key: str, value: str | None) -> Answer | None:
    return None if value is None else {"action": action, key: clean(value)}


def _check(question: Question, action: str, key: str) -> Check:
    return lambda text: _misfit(question, {"action": action, key: clean(text)})


def _misfit(question: Question, answer: Answer) -> str:
    try:
        check_answer(question, answer)
    except InvalidAnswerError as error:
        return error.message
    return ""
