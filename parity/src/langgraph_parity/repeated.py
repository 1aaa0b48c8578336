"""Effects that happen before a question, and again when the step that asked is resumed."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from langgraph.config import get_config

__all__ = ["Repeated", "running_task"]

__tracebackhide__ = True

Effect = tuple[str, Any]


def running_task() -> tuple[str, str]:
    """The node of the root graph that this code runs in, and the id of its task; empty outside of nodes."""
    try:
        namespace = str(get_config()["configurable"].get("checkpoint_ns", ""))
    except RuntimeError:
        return "", ""
    node, _, task = namespace.split("|")[0].partition(":")
    return node, task


class Repeated:
    """Listens to effects and questions; `found` are the effects that came again, with the node of each."""

    def __init__(self) -> None:
        self.found: dict[Effect, str] = {}
        self._done: defaultdict[str, set[Effect]] = defaultdict(set)
        self._before: defaultdict[str, set[Effect]] = defaultdict(set)

    def happened(self, name: str, key: Any) -> None:
        """An effect was recorded."""
        node, task = running_task()
        effect = (name, None if key is None else str(key))
        if effect in self._before[task] and task:
            self.found[effect] = node
        self._done[task].add(effect)

    def asked(self, task: str) -> None:
        """The task raised an interrupt: when it is resumed, it starts again from its top."""
        self._before[task] |= self._done[task]
