"""The human: answers to real interrupts, and a record of every question."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from langgraph.config import get_config

from langgraph_parity import coverage, rules
from langgraph_parity.rules import Finding, ParityError, ParityUsageError
from langgraph_parity.target import active, question_type

__all__ = ["NOBODY", "Answers", "Human", "Question", "mock_user_input", "patched_interrupt"]

__tracebackhide__ = True

NOBODY = object()
"""Stands for no answer."""


@dataclass
class Question:
    """A question as it was asked: its type, the interrupt's id, the payload, the answer, and the node that asked."""

    type: str
    id: str | None
    value: Any
    answer: Any = None
    node: str | None = None
    path: str = ""
    """The place of its task in the superstep: it tells questions apart that are asked side by side."""


class Human:
    """Somebody who answers questions of one `type` (or of every type) at most `times` times.

    `answer` is what is answered, or a function of the question's payload that returns it (None: no answer).
    Without a type, a fixed answer is given where the payload's `options` have it, or where there are no `options`; to
    other questions the payload's `default` is given, or else the target's `default_answer`.
    """

    def __init__(self, answer: Any, *, type: str | None = None, times: int | None = None) -> None:
        self.answer = answer
        self.type = type
        self.times = times
        self.questions: list[Question] = []
        """Every question that was asked meanwhile, by whomever it was answered."""
        self.unanswered: list[Question] = []
        self.used = 0

    def reply(self, question: Question, default: Callable[[Any], Any] | None = None) -> Any:
        """The answer, or NOBODY."""
        if self.type not in (None, question.type) or (
            self.times is not None and self.used >= self.times
        ):
            return NOBODY
        answer = self._choose(question.value, default)
        if answer is not NOBODY:
            self.used += 1
        return answer

    def _choose(self, value: Any, default: Callable[[Any], Any] | None) -> Any:
        if callable(self.answer):
            given = self.answer(value)
            return NOBODY if given is None else given
        options = value.get("options") if isinstance(value, Mapping) else None
        if self.type is None and options is not None and not _among(self.answer, options):
            return default_of(value, default)
        return self.answer

    def findings(self) -> Iterator[Finding]:
        """Answers that were not used, and questions that nobody answered."""
        missing = self.used == 0 if self.times is None else self.used < self.times
        if missing and not callable(self.answer):
            of = self.type or "any question"
            asked = ", ".join(sorted({q.type for q in self.questions})) or "nothing"
            used = f"used {self.used} of {self.times} times" if self.used else "never used"
            yield Finding("P304", of, f"{self.answer!r}, {used}; asked was: {asked}")
        for question in self.unanswered:
            yield Finding("P305", question.node or question.type, f"type {question.type}")


class Answers:
    """What `run(answers=...)` takes: type -> answer or list of answers, a function of the payload, a Human, or None."""

    def __init__(self, given: Any) -> None:
        self._humans: list[Human] = []
        self.lists: set[str] = set()
        self.decides = callable(given) and not isinstance(given, Human)
        """A function: what it gives no answer to is to stay without one."""
        if given is None:
            return
        if isinstance(given, Human):
            self._humans = [given]
        elif callable(given):
            self._humans = [Human(given)]
        elif isinstance(given, Mapping):
            for kind, answer in given.items():
                several = answer if isinstance(answer, list) else None
                self.lists |= {kind} if several is not None else set()
                for one in [answer] if several is None else several:
                    self._humans.append(Human(one, type=kind, times=None if several is None else 1))
        else:
            raise ParityUsageError(
                f"answers={given!r} cannot answer a question. Give a mapping of question type to answer (or list of "
                "answers), a function of the question, or a Human."
            )

    def reply(self, question: Question, default: Callable[[Any], Any] | None) -> Any:
        """The first answer there is, or NOBODY."""
        for human in self._humans:
            human.questions.append(question)
        for human in self._humans:
            if (answer := human.reply(question, default)) is not NOBODY:
                return answer
        return NOBODY

    def findings(self) -> Iterator[Finding]:
        """Answers that were not used."""
        for human in self._humans:
            yield from human.findings()


_humans: list[Human] = []


def ask(question: Question, answers: Answers | None, default: Callable[[Any], Any] | None) -> Any:
    """Ask, in this order: the answers of the run, the innermost `mock_user_input` and those around it, the default."""
    answer: Any = NOBODY
    if answers is not None:
        answer = answers.reply(question, default)
    for human in reversed(_humans):
        human.questions.append(question)
        if answer is NOBODY:
            answer = human.reply(question, default)
    if answer is NOBODY and default is not None and not (answers and answers.decides):
        answer = default_of(question.value, default)
    if answer is NOBODY:
        for human in _humans:
            human.unanswered.append(question)
        if answers is not None and question.type in answers.lists:
            raise Unanswered(question)
    question.answer = None if answer is NOBODY else answer
    coverage.asked(question.type, question.value, question.answer)
    return answer


class Unanswered(Exception):
    """The answers given for a type are used up."""


def default_of(value: Any, default: Callable[[Any], Any] | None) -> Any:
    """The target's default answer, else the payload's own `default`, else NOBODY."""
    given = default(value) if default is not None else None
    if given is None and isinstance(value, Mapping):
        given = value.get("default")
    return NOBODY if given is None else given


class mock_user_input:
    """Answer the interrupts of every run inside the block; may be nested, the innermost answers first.

    With `type` it answers questions of that type only. Without, `answer` is given wherever it is possible and each
    other question gets its default (see `Human`). `times` is how often it must be used; without it, at least once.
    Runs of the kit are answered through the entry point. For a test that drives the application itself, `patch` names
    the `interrupt` its nodes look up, and `accept` goes with it (see `patched_interrupt`).

    Raises:
        ParityError: at the end of the block, for unused answers (P304) and questions nobody answered (P305).
    """

    def __init__(
        self,
        answer: Any,
        *,
        type: str | None = None,
        times: int | None = None,
        patch: str | None = None,
        accept: Callable[[Any, Any], Any] | None = None,
    ) -> None:
        self.human = Human(answer, type=type, times=times)
        self._patch = patched_interrupt(patch, accept=accept) if patch else nullcontext()

    def __enter__(self) -> Human:
        self._patch.__enter__()
        _humans.append(self.human)
        return self.human

    def __exit__(self, kind: type[BaseException] | None, *exc: Any) -> None:
        _humans.remove(self.human)
        self._patch.__exit__(kind, *exc)
        findings = [f for f in self.human.findings() if f.rule not in rules.allowed]
        if findings and kind is None:
            raise ParityError(findings)


@contextmanager
def patched_interrupt(
    name: str, *, accept: Callable[[Any, Any], Any] | None = None
) -> Iterator[None]:
    """Answer inside the node: replace the `interrupt` found under the dotted `name` for the length of the block.

    A question that nobody answers is asked by the real interrupt, so the graph waits. `accept(question, answer)` is
    what the application's coordinator makes of an answer before a node gets it.
    """
    path, _, attribute = name.rpartition(".")
    try:
        module = importlib.import_module(path)
        original = getattr(module, attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ParityUsageError(
            f"patch={name!r} names nothing. Give the dotted name a node looks its interrupt up by: “module.interrupt”."
        ) from error

    def answered(value: Any, *args: Any, **kwargs: Any) -> Any:
        target = active[-1] if active else None
        node = (get_config().get("metadata") or {}).get("langgraph_node")
        kind = (target.question_type if target else question_type)(value)
        question = Question(node if kind == "question" and node else kind, None, value, node=node)
        answer = ask(question, None, target.default_answer if target else None)
        if answer is NOBODY:
            return original(value, *args, **kwargs)
        return accept(value, answer) if accept else answer

    setattr(module, attribute, answered)
    try:
        yield
    finally:
        setattr(module, attribute, original)


def _among(answer: Any, options: Any) -> bool:
    try:
        return answer in options
    except TypeError:  # an unhashable answer, and options in a dict or set
        return False
