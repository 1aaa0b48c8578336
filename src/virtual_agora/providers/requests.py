"""What goes into a call to a model, and what comes out of it: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from pydantic import BaseModel

__all__ = ["CallPolicy", "CallResult", "Caller", "ModelRequest"]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a model is asked. `task` is the prompt's name; `schema` the form of the answer, None for free text.

    `prompt` is one human message: what is shared with other calls first, persona and instruction last.
    `topic` and `round` are for events only.
    """

    task: str
    system: str
    prompt: str
    schema: type[BaseModel] | None = None
    topic: str = ""
    round: int = 0


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
    """Who asks whom: for events and messages."""

    call_id: str
    agent: str
    role: str
    provider: str
    model: str


class CallResult(TypedDict):
    """An answer and what it took: plain data, kept in a checkpoint.

    `text` is free text, or the raw text of the structured answer in `data`. `repairs` counts askings again
    because of the form; `attempts` counts requests sent; tokens and `prompt_chars` are sums over them, as far
    as they are known. `cost` is in US dollars, None where the price is unknown. `seconds` is wall time, `at`
    when it finished.
    """

    text: str
    data: dict[str, Any] | None
    repairs: int
    read_from_text: bool
    model: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    prompt_chars: int
    cost: float | None
    seconds: float
    at: str
    attempts: int
