"""Drives a flow's stream and carries the human's answers to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained

from virtual_agora.errors import InvalidAnswerError
from virtual_agora.events import QuestionAnswered, QuestionAsked
from virtual_agora.flow.graph_v13 import VirtualAgoraV13Flow
from virtual_agora.flow.interrupts import GraphInterrupt
from virtual_agora.hitl import Answerer, Question, check_answer
from virtual_agora.providers.redaction import redacted

__all__ = ["StreamCoordinator"]

MAX_WRONG_ANSWERS = 20
"""After so many wrong answers to one question it is no person who answers."""


class StreamCoordinator:
    """Runs a session until its end or until nobody answers. No I/O: `answer` is where the human is.

    A question that nobody answers (no `answer`, or it gives None) ends the run with `GraphInterrupt`; so does the
    answer `stop`. The session then waits with its question, and costs nothing while it does.
    """

    def __init__(self, flow: VirtualAgoraV13Flow, answer: Answerer | None = None) -> None:
        self.flow = flow
        self._answer = answer

    def coordinate_stream_execution(self, config: RunnableConfig) -> Iterator[dict[str, Any]]:
        """Yield `{node: update}` for every committed step of the thread of `config`.

        Raises:
            GraphInterrupt: the session waits, and nobody answered.
            GraphDrained: the run was asked to end.
            InvalidAnswerError: `answer` gave wrong answers only.
            NodeExecutionError: a step failed; everything before it is saved.
        """
        resume: dict[str, Any] | None = None
        while True:
            try:
                yield from self.flow.stream(config, resume=resume)
                return
            except GraphInterrupt as pause:
                if self.flow.control.drain_requested:
                    # The question is saved; an answer given to a run that ends would not be.
                    raise GraphDrained(self.flow.control.drain_reason or "stopping") from None
                resume = {pause.id: self._answer_to(pause)}

    def _answer_to(self, pause: GraphInterrupt) -> dict[str, Any]:
        question: Question = pause.value
        self.flow.listener(QuestionAsked(pause.id, question))
        for _ in range(MAX_WRONG_ANSWERS):
            given = None if self._answer is None else self._answer(question)
            if given is None:
                raise pause
            try:
                answer: dict[str, Any] = redacted(check_answer(question, given))
            except InvalidAnswerError as error:
                question = {**pause.value, "error": error.message}
                continue
            if answer["action"] == "stop":
                raise pause
            self.flow.listener(QuestionAnswered(pause.id, answer))
            return answer
        raise InvalidAnswerError(
            f"{MAX_WRONG_ANSWERS} answers in a row did not fit the question “{pause.value['type']}”: "
            f"{question['error']}",
            hint="The question still waits; resume and answer it.",
        )
