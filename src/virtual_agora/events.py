"""What happens in a session, as frozen values: for the terminal, the log, a web page.

Events are told, never asked for: nothing in a session depends on who listens. They arrive in order, on the
thread that drives the stream. What is durable is in the checkpoint; a token that was seen is not durable
until the `StepFinished` that follows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "CallFailed",
    "CallFinished",
    "CallRetried",
    "CallStarted",
    "Event",
    "Listener",
    "QuestionAnswered",
    "QuestionAsked",
    "SessionFinished",
    "SessionStarted",
    "StepFinished",
    "StepStarted",
    "Stopping",
    "Token",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Base of every event."""


Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class SessionStarted(Event):
    """A run of the session begins; `resumed` when steps of it were already saved, `stamp` as `state.demo` has it.

    `begun` is when the session was created, ISO 8601 in UTC; it is the same in all its runs.
    """

    session_id: str
    theme: str
    resumed: bool
    stamp: str
    begun: str = ""


@dataclass(frozen=True, slots=True)
class CallStarted(Event):
    """An agent is being asked. `task` is the prompt's name, e.g. `statement`; `model` is `provider/model`.

    `charge` is that of a further prompt, e.g. `dissenter`, or empty. `node` is the step that asks.
    """

    call_id: str
    agent: str
    role: str
    model: str
    task: str
    topic: str
    round: int
    charge: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True)
class Token(Event):
    """A piece of an answer in free text, as it streams in."""

    call_id: str
    agent: str
    text: str


@dataclass(frozen=True, slots=True)
class CallRetried(Event):
    """An attempt failed and another follows after `wait` seconds; tokens of the call so far are void.

    `error` is the name of the exception (`virtual_agora.errors`): it tells a failure from an answer asked for again.
    """

    call_id: str
    agent: str
    attempt: int
    wait: float
    reason: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class CallFinished(Event):
    """An agent has answered. Tokens are counts, `seconds` wall time, `cost` US dollars (None: unknown price).

    `cached_tokens` are among the input tokens. `attempts` counts requests sent, `repairs` those of them that asked again
    because of what the answer was.
    """

    call_id: str
    agent: str
    task: str
    input_tokens: int
    output_tokens: int
    cost: float | None
    seconds: float
    cached_tokens: int = 0
    attempts: int = 1
    repairs: int = 0


@dataclass(frozen=True, slots=True)
class CallFailed(Event):
    """An agent could not answer, and no further attempt is made in this call.

    `error` is the name of the exception; the other fields are as those of `CallFinished`: a call that failed may cost.
    """

    call_id: str
    agent: str
    task: str
    reason: str
    error: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = 0.0
    seconds: float = 0.0
    cached_tokens: int = 0
    attempts: int = 0
    repairs: int = 0


@dataclass(frozen=True, slots=True)
class StepStarted(Event):
    """A step begins: for the first time, or from its top after a question or a break."""

    node: str


@dataclass(frozen=True, slots=True)
class StepFinished(Event):
    """A node's update is committed. `phase`, `topic` and `round` are the session's after it."""

    node: str
    update: Mapping[str, Any]
    phase: int
    topic: str
    round: int


@dataclass(frozen=True, slots=True)
class QuestionAsked(Event):
    """The session waits for a human. `payload` is the whole question."""

    question_id: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class QuestionAnswered(Event):
    """The human's checked answer goes to the session."""

    question_id: str
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stopping(Event):
    """The user has interrupted; the run ends when the calls in flight have."""


@dataclass(frozen=True, slots=True)
class SessionFinished(Event):
    """The protocol has come to its end; reports are in `reports`."""

    session_id: str
    reports: str
