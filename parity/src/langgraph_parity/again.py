"""The human of a run that is done again: gives the answers that were given the first time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from langgraph_parity import human
from langgraph_parity.human import NOBODY, Answers, Human, Question
from langgraph_parity.plain import plain
from langgraph_parity.rules import Finding
from langgraph_parity.runs import Run

__all__ = ["Again", "nobody_else", "prepared"]

__tracebackhide__ = True

Reply = Callable[[Question, Callable[[Any], Any] | None], Any]


class Again(Human):
    """Answers as in `first`, also when a question is asked again because its answer was lost.

    A question that was not asked then is answered by `others(question, default)`.
    """

    def __init__(self, first: Run, others: Reply | None = None) -> None:
        super().__init__(None)
        self._script = [(q.type, _fingerprint(q.value), q.path, q.answer) for q in first.questions]
        self._given: dict[tuple[str, str], Any] = {}
        self._others = others

    def reply(self, question: Question, default: Callable[[Any], Any] | None = None) -> Any:
        """The answer, or NOBODY."""
        payload = _fingerprint(question.value)
        key = (question.id or "", payload)
        if key not in self._given:
            self._given[key] = self._next(question, payload, default)
        return self._given[key]

    def _next(self, question: Question, payload: str, default: Any) -> Any:
        same = [one for one in self._script if one[0] == question.type]
        if same:
            # After a crash, questions of the same payload may be asked in another order.
            chosen = max(same, key=lambda one: (one[1] == payload, one[2] == question.path))
            self._script.remove(chosen)
            return NOBODY if chosen[3] is None else chosen[3]
        return NOBODY if self._others is None else self._others(question, default)

    def findings(self) -> Iterator[Finding]:
        """None: what was not used has been told already."""
        return iter(())


def prepared(answers: Any, humans: list[Human]) -> Reply:
    """The answers a test has prepared for questions that only a fault provokes."""
    own = Answers(answers)

    def reply(question: Question, default: Callable[[Any], Any] | None) -> Any:
        answer = own.reply(question, default)
        for one in reversed(humans):
            one.questions.append(question)
            if answer is NOBODY:
                answer = one.reply(question, default)
        return answer

    return reply


@contextmanager
def nobody_else() -> Iterator[list[Human]]:
    """Nobody of `mock_user_input` is asked, nor sees the questions; yields who would have been."""
    before = human._humans[:]
    human._humans.clear()
    try:
        yield before
    finally:
        human._humans[:] = before


def _fingerprint(value: Any) -> str:
    return repr(plain(value, ""))
