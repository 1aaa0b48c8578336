"""What can fail where: a case is one fault in one execution of one node."""

from __future__ import annotations

import fnmatch
import random
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage
from langgraph.constants import END, START

from langgraph_parity.edge import Execution
from langgraph_parity.rules import ParityUsageError, positive
from langgraph_parity.target import Target, blueprint

__all__ = ["Case", "Strike", "cases"]

__tracebackhide__ = True

NAMES = ("exception", "timeout", "call", "malformed", "refusal")
BROKEN = '{"unfinished": '


@dataclass(frozen=True)
class Case:
    """In the `call`-th execution of `node`, `fault` happens.

    At the node: `exception` (RuntimeError), `timeout` (TimeoutError), or any exception, class or instance. At the first
    `@task` or model call inside it: `call` (ConnectionError). At the first model call: `malformed` and `refusal`.
    """

    node: str
    fault: Any
    call: int = 1

    @property
    def name(self) -> str:
        """The fault in a word."""
        if isinstance(self.fault, str):
            return self.fault
        return (self.fault if isinstance(self.fault, type) else type(self.fault)).__name__

    def __str__(self) -> str:
        """`outline-timeout-1`: as in the test's id."""
        return f"{self.node}-{self.name}-{self.call}"

    def error(self) -> BaseException | None:
        """What is raised; None for a wrong answer."""
        said = f"injected into {self.node}"
        if isinstance(self.fault, BaseException):
            return self.fault
        if isinstance(self.fault, type):
            return _made(self.fault, said)
        kinds = {"exception": RuntimeError, "timeout": TimeoutError, "call": ConnectionError}
        return kinds[self.fault](said) if self.fault in kinds else None


def cases(
    target: Target | None,
    nodes: str | Sequence[str] = "*",
    errors: Sequence[Any] = ("exception", "timeout"),
    calls: Sequence[int] = (1,),
    limit: int | None = None,
    seed: int | None = None,
    variant: str | None = None,
) -> list[Case]:
    """Every node × fault × call number; at most `limit` of them, drawn by `seed`. `nodes` may have wildcards.

    Raises:
        ParityUsageError: that is none, or a name fits no node of the target in this variant.
    """
    names = _listed("nodes", [nodes] if isinstance(nodes, str) else nodes)
    if target is not None:
        known = [n for n in blueprint(target, variant).nodes if n not in (START, END)]
        fitting = {pattern: set(fnmatch.filter(known, pattern)) for pattern in names}
        if nobody := [pattern for pattern in names if not fitting[pattern]]:
            raise ParityUsageError(
                f"no node is called {', '.join(nobody)}. {target.name} has {', '.join(known)}."
            )
        names = [name for name in known if name in set().union(*fitting.values())]
    for fault in _listed("errors", errors):
        raising = isinstance(fault, BaseException) or (isinstance(fault, type) and issubclass(fault, BaseException))  # fmt: skip
        if fault not in NAMES and not raising:
            raise ParityUsageError(
                f"{fault!r} is no fault. There are {', '.join(NAMES)}, and exceptions."
            )
    for call in _listed("calls", calls):
        positive("calls", call)
    positive("limit", 1 if limit is None else limit)
    made = [Case(node, fault, call) for node in names for fault in errors for call in calls]
    if limit is not None and len(made) > limit:
        made = [made[i] for i in sorted(random.Random(seed).sample(range(len(made)), limit))]
    return made


def _listed(name: str, several: Any) -> list[Any]:
    if isinstance(several, str) or not isinstance(several, Collection) or not several:
        raise ParityUsageError(f"{name}={several!r} is no list with something in it. Give {name}=[…].")  # fmt: skip
    return list(several)


def _made(kind: type[BaseException], said: str) -> BaseException:
    try:
        return kind(said)
    except TypeError as error:
        raise ParityUsageError(
            f"{kind.__name__} cannot be made from a text alone. Give an instance of it."
        ) from error


@dataclass
class Strike:
    """A case, while a run is on (see `edge.watched`): it strikes once."""

    case: Case | None
    struck: bool = False
    ran: int = 0
    """How often the node of the case was executed."""
    error: BaseException | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begins(self, execution: Execution) -> None:
        """Fail in the place of the node or call, if this is the one."""
        case = self.case
        if case is None or execution.node != case.node:
            return
        if execution.kind == "node":
            self.ran += 1
        inside = execution.kind == "call"
        if case.fault in ("malformed", "refusal") or (inside != (case.fault == "call")):
            return
        if execution.kind in ("node", "call") and self._strikes(execution):
            self._raise()

    def answers(self, execution: Execution) -> bool:
        """Is this the model call that fails?"""
        case = self.case
        return (
            case is not None
            and not self.struck
            and case.fault in ("call", "malformed", "refusal")
            and (execution.node, execution.number) == (case.node, case.call)
        )

    def answer(self, execution: Execution, options: dict[str, Any]) -> AIMessage | None:
        """The wrong answer, if this is the call that gets it."""
        if self.case is None or not self.answers(execution) or not self._strikes(execution):
            return None
        ended = {"finish_reason": "stop"}
        if self.case.fault == "call":
            self._raise()
        if self.case.fault == "refusal":
            refused = {"refusal": "I can't help with that."}
            return AIMessage("", additional_kwargs=refused, response_metadata=ended)
        if tools := options.get("tools"):
            tool = tools[0].get("function", tools[0]).get("name")
            broken: Any = {"name": tool, "args": BROKEN, "id": "call_broken", "error": None, "type": "invalid_tool_call"}  # fmt: skip
            return AIMessage("", invalid_tool_calls=[broken], response_metadata=ended)
        return AIMessage(BROKEN, response_metadata=ended)

    def _strikes(self, execution: Execution) -> bool:
        with self._lock:
            if self.struck or self.case is None or execution.number != self.case.call:
                return False
            self.struck = True
            return True

    def _raise(self) -> None:
        assert self.case is not None
        self.error = self.case.error()
        assert self.error is not None
        raise self.error
