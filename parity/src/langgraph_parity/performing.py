"""Several runs performed as one: a crash grid, a fault and what comes after it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from langgraph_parity.leg import Leg
from langgraph_parity.runs import Run

__all__ = ["Performer", "Steps", "aperform", "perform"]

__tracebackhide__ = True

Result = TypeVar("Result")
Steps = Generator[Leg, Run, Result]
"""Yields legs to be run, gets each one's run, and returns a result: the same for both kinds of application."""

Performer = Callable[[Any, Any, Any, str, int | None], Steps[Run]]
"""`performer(parity, input, answers, thread_id, limit)`."""


def perform(steps: Steps[Result]) -> Result:
    """Run the legs."""
    try:
        leg = next(steps)
        while True:
            leg = steps.send(leg.parity._drive(leg))
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        steps.close()


async def aperform(steps: Steps[Result]) -> Result:
    """Run the legs of an asynchronous application."""
    try:
        leg = next(steps)
        while True:
            leg = steps.send(await leg.parity._adrive(leg))
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        steps.close()
