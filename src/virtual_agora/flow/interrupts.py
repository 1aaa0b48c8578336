"""The pause for a human, as `flow.stream` raises it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langgraph.errors import GraphInterrupt as LangGraphInterrupt
from langgraph.types import Interrupt

__all__ = ["GraphInterrupt"]


class GraphInterrupt(LangGraphInterrupt):
    """The graph waits for a human. No error: everything before it is committed.

    `value` is the question and `id` its name for `flow.stream(config, resume={id: answer})`; both are of the first
    question waiting. `interrupts` has all of them.
    """

    def __init__(self, interrupts: Sequence[Interrupt]) -> None:
        super().__init__(interrupts)
        self.interrupts = tuple(interrupts)

    @property
    def value(self) -> Any:
        """The first question's payload; see `virtual_agora.hitl`."""
        return self.interrupts[0].value

    @property
    def id(self) -> str:
        """The first question's id."""
        return self.interrupts[0].id
