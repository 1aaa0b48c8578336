"""How a value is written into a history file: plain where it is plain JSON, else as the serialiser's bytes."""

from __future__ import annotations

import base64
import math
from typing import Any

from langgraph.types import Interrupt, Send

__all__ = ["from_json", "short", "to_json"]

PLAIN = (str, int, bool, type(None))
MARKS = {"$typed", "$interrupt", "$send"}


def to_json(value: Any, serde: Any) -> Any:
    """Plain data as it is; questions and sends with their parts; all else base64, with its `repr` to read."""
    if type(value) in PLAIN or (type(value) is float and math.isfinite(value)):
        return value
    if type(value) is list:
        return [to_json(one, serde) for one in value]
    if type(value) is dict and all(type(key) is str for key in value) and not MARKS & value.keys():
        return {key: to_json(one, serde) for key, one in value.items()}
    if type(value) is Interrupt and value == Interrupt(value.value, value.id):
        return {"$interrupt": value.id, "value": to_json(value.value, serde)}
    if type(value) is Send and value == Send(value.node, value.arg):
        return {"$send": value.node, "arg": to_json(value.arg, serde)}
    kind, data = serde.dumps_typed(value)
    return {"$typed": kind, "base64": base64.b64encode(data).decode(), "repr": short(value, 120)}


def from_json(kept: Any, serde: Any) -> Any:
    """The value again."""
    if isinstance(kept, list):
        return [from_json(one, serde) for one in kept]
    if not isinstance(kept, dict):
        return kept
    if "$typed" in kept:
        return serde.loads_typed((kept["$typed"], base64.b64decode(kept["base64"])))
    if "$interrupt" in kept:
        return Interrupt(from_json(kept["value"], serde), kept["$interrupt"])
    if "$send" in kept:
        return Send(kept["$send"], from_json(kept["arg"], serde))
    return {key: from_json(one, serde) for key, one in kept.items()}


def short(value: Any, length: int = 60) -> str:
    """The value in so many characters."""
    text = repr(value)
    return text if len(text) <= length else f"{text[: length - 1]}…"
