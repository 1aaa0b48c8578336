"""What a vendor's exception means: worth another attempt, the user's to solve, or final.

The integrations raise their own exceptions, their SDK's, and now and then the bare HTTP library's. No SDK is
imported to tell them apart: LangChain's model errors say most, the HTTP status the rest, and for the remainder
it matters only whether it was raised in code that talks to a vendor. Anything else is a bug, and no provider's.
"""

from __future__ import annotations

import math
import re
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import FrameType
from typing import Any

from langchain_core import exceptions as langchain

from virtual_agora.cleaning import clean
from virtual_agora.errors import (
    PermanentProviderError,
    ProviderAccessError,
    ProviderError,
    TransientProviderError,
)
from virtual_agora.providers.bounds import CompressedError, OverSizeError, OverTimeError
from virtual_agora.providers.redaction import redact
from virtual_agora.providers.vendors import VENDORS, Vendor, check_provider

__all__ = ["translate"]

LONGEST_WAIT = 120.0
"""Seconds: a provider that wants a longer wait than this is not busy, it has been used up."""

MAX_DETAIL = 300

_QUOTA = re.compile(
    "insufficient_quota|billing_hard_limit|billing_not_active|credit balance is too low|"
    "used all available credits|PerDay",
    re.IGNORECASE,
)
_BAD_KEY = re.compile("api_key_invalid|api key not valid", re.IGNORECASE)
_RETRY_DELAY = re.compile(r"""retryDelay['"]\s*:\s*['"](\d+(?:\.\d+)?)s""")

_ACCESS = (langchain.ModelAuthenticationError, langchain.ModelPermissionDeniedError)

_VENDOR_CODE = {vendor.module for vendor in VENDORS.values() if vendor.extra} | {
    "langchain_core",
    "openai",
    "anthropic",
    "google",
    "ollama",
    "httpx",
    "httpcore",
    "httpx2",
    "httpcore2",
    "pydantic",
    "jiter",
}
"""Top-level packages of the code between a call and the wire."""


def translate(
    error: Exception, *, provider: str, model: str, now: datetime
) -> ProviderError | None:
    """The error of ours that `error` amounts to, or None where it is no provider's fault.

    `now` is used to read a Retry-After given as a date. Keys are taken out of every message. Where what came over
    the wire is such that it cannot even be read, that is the provider's fault, too.
    """
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, Warning):  # raised where warnings are errors: for the developer
        return None
    vendor = check_provider(provider)
    who = f"{vendor.label} ({model})"
    refers: dict[str, Any] = {"provider": provider, "model": model}
    try:
        return _amounts_to(error, vendor, who, refers, now)
    except Exception:
        if not _raised_by_vendor_code(error):
            return None
        named = type(error).__name__
        return TransientProviderError(
            f"{who} could not be understood: {named}.", retry_after=None, **refers
        )


def _amounts_to(
    error: Exception, vendor: Vendor, who: str, refers: dict[str, Any], now: datetime
) -> ProviderError | None:
    status = _status(error)
    words = _words(error)
    detail = _detail(error)

    if _is(error, "ContentFilterFinishReasonError"):
        return PermanentProviderError(f"{who} declined to answer.", **refers)
    if left := _left(error, who):
        return PermanentProviderError(left[0], hint=left[1], **refers)
    if status is not None and status < 400:
        return PermanentProviderError(
            f"{who} is not at this address: it redirects to another one.",
            hint="Give the agent's `base_url` the address that it redirects to, if you trust it.",
            **refers,
        )

    refused = status is not None or _is(error, "APIError")
    if status == 402 or (refused and _QUOTA.search(words)):
        return ProviderAccessError(
            f"{who} says that its quota is used up: {detail}",
            hint="Add credit to the account, or give the agent another model.",
            **refers,
        )
    if status in (401, 403) or isinstance(error, _ACCESS) or (refused and _BAD_KEY.search(words)):
        keys = " or ".join(vendor.keys)
        return ProviderAccessError(
            f"{who} refused the key: {detail}",
            hint=f"Check {keys} in the environment or in .env." if keys else "",
            **refers,
        )

    wait = _retry_after(error, words, now)
    if wait is not None and wait > LONGEST_WAIT:
        return ProviderAccessError(
            f"{who} takes no request for another {wait:.0f} seconds: {detail}",
            hint="Resume later, or give the agent another model.",
            **refers,
        )
    if reason := _transient_reason(error, status):
        return TransientProviderError(f"{who} {reason}.", retry_after=wait, **refers)
    if status is not None or isinstance(error, langchain.ModelError):
        return PermanentProviderError(
            f"{who} refused the request: {detail}",
            hint="Check the name of the model and its settings.",
            **refers,
        )
    if _raised_by_vendor_code(error):
        return TransientProviderError(
            f"{who} could not be understood: {type(error).__name__}: {detail}",
            retry_after=wait,
            **refers,
        )
    return None


def _left(error: Exception, who: str) -> tuple[str, str] | None:
    """What to say of an answer that was not read to its end, and what can be done. The next one would most likely be the same."""
    for cause in _chain(error):
        if isinstance(cause, OverTimeError):
            return (
                f"{who} did not come to the end of its answer within {cause.seconds:g} seconds.",
                "Raise this agent's `timeout` if its answers take that long.",
            )
        if isinstance(cause, OverSizeError):
            return (
                f"{who} did not come to the end of its answer.",
                "Give the agent another model.",
            )
        if isinstance(cause, CompressedError):
            return (
                f"{who} sent a compressed answer although it was asked for a plain one.",
                "Have the server, or the proxy before it, send answers as they are.",
            )
    return None


def _transient_reason(error: Exception, status: int | None) -> str:
    if isinstance(error, TimeoutError | langchain.ModelTimeoutError) or _is(
        error, "TimeoutException"
    ):
        return "did not answer in time"
    if status == 429 or isinstance(error, langchain.ModelRateLimitError):
        return "is limiting the rate of requests"
    if status is not None and (status >= 500 or status in (408, 409, 425)):
        return f"has trouble of its own (HTTP status {status})"
    if isinstance(error, langchain.ModelAPIError):
        return "has trouble of its own"
    if isinstance(error, ConnectionError | langchain.ModelConnectionError) or _is(
        error, "ConnectError"
    ):
        return "cannot be reached, or hung up"
    if _is(error, "TransportError"):
        return "broke off in the middle of its answer"
    # An error told within a stream has no status of its own: the request had been accepted.
    told = status is None and (_is(error, "APIError") or _is(error, "ResponseError"))
    return "reported an error in the middle of its answer" if told else ""


def _is(error: Exception, name: str) -> bool:
    """Whether `error` is of a class called `name`, or derived from one."""
    return any(base.__name__ == name for base in type(error).__mro__)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """`error` and what it was made from, also where the SDK hid that with `from None`.

    What merely happened to be handled when it was raised is not followed: that may be an older call's fault.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        hidden = error.__context__ if error.__suppress_context__ else None
        error = error.__cause__ or hidden


def _status(error: Exception) -> int | None:
    """The HTTP status of a redirect or a refusal. 200, which SDKs give errors told within a stream, is none."""
    for cause in _chain(error):
        for name in ("status_code", "code"):
            value = getattr(cause, name, None)
            if isinstance(value, int) and value >= 300:
                return value
    return None


def _words(error: Exception) -> str:
    return f"{error} {getattr(error, 'body', '')}"


def _detail(error: Exception) -> str:
    """The vendor's own words, short enough for a sentence and without keys."""
    said = next(filter(None, map(_message, _chain(error))), str(error))
    text = " ".join(clean(redact(said)).split())
    if len(text) > MAX_DETAIL:
        return f"{text[:MAX_DETAIL]}…"
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _message(error: BaseException) -> str:
    """What the body of the response has as its message, which every vendor nests a little differently."""
    body: Any = getattr(error, "body", None) or getattr(error, "details", None)
    while isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    return str(body.get("message") or "") if isinstance(body, dict) else ""


def _retry_after(error: Exception, words: str, now: datetime) -> float | None:
    """Seconds the provider asked to wait: in a header, or in the body as Google does."""
    for cause in _chain(error):
        headers = getattr(getattr(cause, "response", None), "headers", None) or {}
        if milliseconds := headers.get("retry-after-ms"):
            return _seconds(milliseconds, now, scale=0.001)
        if value := headers.get("retry-after"):
            return _seconds(value, now)
    found = _RETRY_DELAY.search(words)
    return _seconds(found[1], now) if found else None


def _seconds(value: str, now: datetime, *, scale: float = 1.0) -> float | None:
    """A wait given in seconds, or as the date of its end; None for what is no wait that could be kept."""
    try:
        seconds = float(value) * scale
    except ValueError:
        pass
    else:
        return seconds if 0 <= seconds < math.inf else None
    try:
        until = parsedate_to_datetime(value)
        return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())
    except (ValueError, OverflowError):
        return None


def _raised_by_vendor_code(error: Exception) -> bool:
    """Whether the innermost frame outside the standard library is a vendor's, and so not ours."""
    frames: list[FrameType] = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    packages = (
        str(frame.f_globals.get("__name__")).partition(".")[0] for frame in reversed(frames)
    )
    return next((p for p in packages if p not in sys.stdlib_module_names), "") in _VENDOR_CODE
