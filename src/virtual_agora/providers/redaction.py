"""Keys taken out of whatever is shown or kept: a server may repeat the key it was sent, anywhere in what it answers.

A key is known as it is, URL-encoded, and in Base64 by itself, each of them also with any letter escaped as JSON may have it. One that a server has changed in
another way is not known for one. Passwords of databases are told to no model, and may be words that people use: they are taken out only of what is said beside
a session, in errors and logs.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from virtual_agora.providers.vendors import seen_keys

__all__ = ["RedactedStream", "redact", "redacted", "remember"]

Forms = tuple[tuple[str, str], ...]
"""Every form of every key, with its variable."""

SHORTEST = 4
"""Characters of a password that is found within words too; a shorter one would be found everywhere."""


_passwords: dict[str, str] = {}


def remember(passwords: Iterable[str], name: str) -> None:
    """Let `redact` write `name` for these passwords where it is asked to."""
    _passwords.update((password, name) for password in passwords)


def redact(text: str, *, passwords: bool = False) -> str:
    """`text` without any known key: neither those of the environment nor any that was there before.

    With `passwords` it is without those of databases too; one of fewer than `SHORTEST` characters counts where it is a word
    of its own.
    """
    return _redacted(text, _known(), passwords)


def _known() -> Forms:
    return _forms(tuple(seen_keys().items()))


def _redacted(text: str, known: Forms, passwords: bool) -> str:
    text = _without(text, known)
    if "\\" in text:
        for form, variable in known:
            text = _escaped(form).sub(f"[{variable}]", text)
    return _without_passwords(text) if passwords else text


def redacted(value: Any, *, passwords: bool = False) -> Any:
    """Plain data with every text in it redacted; what is no text, and the names of fields, stay."""
    known = _known()  # looked up once for all the texts in it

    def within(value: Any) -> Any:
        match value:
            case str():
                return _redacted(value, known, passwords)
            case dict():
                return {name: within(item) for name, item in value.items()}
            case list() | tuple():
                return [within(item) for item in value]
        return value

    return within(value)


class RedactedStream:
    """`redact` for a text that comes in pieces, over which a key may be split; the keys are those known at its beginning."""

    def __init__(self) -> None:
        self._known = _known()
        self._held = ""

    def feed(self, piece: str) -> str:
        """The next piece of the redacted text; what may be the beginning of a key is held back until it is not."""
        text = _without(self._held + piece, self._known)
        cut = min((_beginning(text, form) for form, _ in self._known), default=len(text))
        self._held = text[cut:]
        return text[:cut]

    def close(self) -> str:
        """What was still held back."""
        rest, self._held = self._held, ""
        return rest


def _without_passwords(text: str) -> str:
    known = dict(_forms(tuple(_passwords.items())))
    found = [
        form if len(word) >= SHORTEST else rf"(?<!\w){form}(?!\w)"
        for word, form in ((word, re.escape(word)) for word in known)
    ]
    return re.sub("|".join(found), lambda m: f"[{known[m[0]]}]", text) if found else text


def _without(text: str, known: Forms) -> str:
    for form, variable in known:
        text = text.replace(form, f"[{variable}]")
    return text


@lru_cache(maxsize=64)
def _escaped(form: str) -> re.Pattern[str]:
    """`form` in JSON, where every letter may be written in more than one way."""
    return re.compile("".join(map(_letter, form)))


def _letter(letter: str) -> str:
    ways = [rf"\\u(?i:{ord(letter):04x})", re.escape(letter)]
    if letter in '/"\\':
        ways.insert(0, re.escape(f"\\{letter}"))
    return f"(?:{'|'.join(ways)})"


def _beginning(text: str, form: str) -> int:
    """Where at the end of `text` a beginning of `form` stands; the length of `text` if there is none."""
    at = text.find(form[0], max(0, len(text) - len(form) + 1))
    while at >= 0 and not form.startswith(text[at:]):
        at = text.find(form[0], at + 1)
    return at if at >= 0 else len(text)


@lru_cache(maxsize=8)
def _forms(keys: tuple[tuple[str, str], ...]) -> Forms:
    """The forms of these keys; the longest first, as one may be the beginning of another."""
    forms = {}
    for key, variable in keys:
        raw = key.encode("utf-8", "surrogateescape")
        encoded = {base64.b64encode(raw), base64.urlsafe_b64encode(raw)}
        for form in (key, quote(raw, safe=""), *(one.decode().rstrip("=") for one in encoded)):
            forms[form] = variable
    return tuple(sorted(forms.items(), key=lambda pair: len(pair[0]), reverse=True))
