"""What goes into a call to a model, and what comes out of it: plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

from pydantic import BaseModel

__all__ = [
    "NOTHING",
    "CallPolicy",
    "CallResult",
    "CallStopped",
    "Caller",
    "ModelRequest",
    "Took",
]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a model is asked. `task` is the prompt's name; `schema` the form of the answer, None for free text.

    `prompt` is one human message: what is shared with other calls first, persona and instruction last.
    `shared` are the places in it up to which other calls are likely to have the same, and `kept` those of them that are worth it; vendors
    that want to be told keep that much.
    `check` says in words for the model what is wrong with a free text, or nothing; it is then asked for once more.
    `topic`, `round` and `charge` are for events only.
    """

    task: str
    system: str
    prompt: str
    schema: type[BaseModel] | None = None
    topic: str = ""
    round: int = 0
    charge: str = ""
    shared: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    check: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """How much trouble is taken. Delays are in seconds.

    `attempts` counts every sending of one asking that fails in passing; `reasks` counts further askings after
    an answer that was not in the form asked for.
    """

    attempts: int = 3
    base_delay: float = 0.5
    max_delay: float = 30.0
    reasks: int = 2


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks whom: for events and messages. `node` is the step that asks, where one does."""

    call_id: str
    agent: str
    role: str
    provider: str
    model: str
    node: str = ""


class Took(TypedDict):
    """What a call took, whether it was answered or failed: plain data.

    `repairs` counts askings again because of what the answer was; `attempts` counts requests sent; tokens and
    `prompt_chars` are sums over them, as far as they are known. `cost` is in US dollars, None where the price
    is unknown. `seconds` is wall time.
    """

    repairs: int
    attempts: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    prompt_chars: int
    cost: float | None
    seconds: float


NOTHING = Took(
    repairs=0,
    attempts=0,
    input_tokens=0,
    output_tokens=0,
    cached_tokens=0,
    prompt_chars=0,
    cost=0.0,
    seconds=0.0,
)
"""What a call took that sent no request."""


class CallResult(Took):
    """An answer and what it took: plain data, kept in a checkpoint.

    `text` is free text, or the raw text of the structured answer in `data`. `at` is when it finished.
    """

    text: str
    data: dict[str, Any] | None
    read_from_text: bool
    model: str
    at: str


class CallStopped(Exception):
    """The run is to end, so the call's next attempt was not begun. No error: how it would have gone is open."""
