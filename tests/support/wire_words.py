"""Answers of the double for models that are out of the ordinary: too long, with the key in them, or an attack."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any
from urllib.parse import quote

from reliability.attacks import texts

__all__ = ["BUSY_PARROT", "HOSTILE", "THOUSAND", "WORDY", "as_said", "fingerprint", "in_pieces"]

WORDY = "wordy"
"""Models whose names begin so write several times as much as they are asked for."""

THOUSAND = "thousand"
"""Its free texts are a thousand tokens long, and streamed in a thousand pieces."""

BUSY_PARROT = "parrot-busy"
IN_PIECES = "parrot-in-pieces"
PARROTS = {"parrot", IN_PIECES, BUSY_PARROT}
"""These repeat the key that they were sent, in every form: in texts and forms, `parrot-in-pieces` three letters at a
time, `parrot-busy` in a refusal and its headers too, the first time that it is to speak or to vote."""

HOSTILE = "hostile"
"""Every text and title it gives is an attack (`reliability.attacks`)."""


def fingerprint(text: str) -> str:
    """What tells an answer from all others."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def as_said(model: str, text: str, digest: str, key: str) -> str:
    """An answer as this model puts it."""
    if model in PARROTS:
        return _parroted(text, key)
    if model == HOSTILE:
        return _attacking(text, digest)
    return text


def in_pieces(model: str, text: str) -> list[str] | None:
    """An answer as it is streamed, where a model does so in a way of its own."""
    if model == IN_PIECES:
        return re.findall(r"(?s).{1,3}", text)
    return [text] if model.startswith(WORDY) else None


def _parroted(text: str, key: str) -> str:
    """An answer with the key in it, as it is, URL-encoded and in Base64; in a form, in every text of it."""
    forms = (key, quote(key, safe=""), base64.b64encode(key.encode()).decode())
    said = f"Mine is {' or '.join(forms)}, of course."
    try:
        answer = json.loads(text)
    except ValueError:
        return f"{said} {text}"
    return json.dumps(
        {**answer, **({"reason": said} if "reason" in answer else {"position": said})}
    )


def _attacking(text: str, digest: str) -> str:
    """An answer whose words are attacks; in a form, every title is another one."""
    said = "\n\n".join(texts("prompt", "speaker", "terminal", "report"))
    titles = texts("table", "name", "prompt", "terminal")
    place = int(digest[:4], 16)

    def attacked(value: Any, key: str) -> Any:
        nonlocal place
        if isinstance(value, dict):
            return {name: attacked(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [attacked(item, key) for item in value]
        if key == "title":
            place += 1
            return f"{titles[place % len(titles)]} {place}"
        return said[:900] if key in ("why", "reason", "reasons", "position", "brief") else value

    try:
        return json.dumps(attacked(json.loads(text), ""))
    except ValueError:
        return f"{said} {digest[:6]}"
