"""Calls, tokens and money: what a budget caps, in words and read from words."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["KINDS", "read", "said", "share", "suggested"]

KINDS = ("calls", "tokens", "cost")
"""What can be capped: calls to models, tokens sent and received, and US dollars."""

MOST = 10**12
"""More than any session takes of anything."""

DIGITS = 4
"""Decimal places of a US dollar that are told apart."""


def said(kind: str, value: float) -> str:
    """`60 calls`, `12,000 tokens`, `$2.50`; of money, fractions of a cent where there are any."""
    if kind != "cost":
        return f"{value:,.0f} {kind[:-1] if value == 1 else kind}"
    if 0 < value < 10**-DIGITS:
        return f"under ${10**-DIGITS}"
    return f"${value:,.2f}" if value >= 1 or round(value, 2) == value else f"${value:.{DIGITS}f}"


def share(kind: str, used: float, limit: float) -> str:
    """`50 of 60 calls`, `$2.10 of $2.50`."""
    if kind == "cost":
        return f"{said(kind, used)} of {said(kind, limit)}"
    return f"{used:,.0f} of {said(kind, limit)}"


def suggested(kind: str, limit: float, used: float) -> float:
    """A new cap, half as much again as what is used or was allowed, whichever is more."""
    wanted = max(limit, used) * 1.5
    return math.ceil(wanted) if kind != "cost" else math.ceil(wanted * 100) / 100


def read(kind: str, given: Any, used: float) -> float:
    """A new cap as somebody wrote it, a number or its text; it must leave room above what is `used`.

    Raises:
        ValueError: it is no such number; the message is one sentence.
    """
    what = "the cost" if kind == "cost" else kind
    text = str(given).strip()
    try:
        value = float(text.removeprefix("$").strip())
    except ValueError:
        value = math.nan
    if isinstance(given, bool) or not math.isfinite(value):
        raise ValueError(f"“{text[:40]}” is not a number, which the new cap on {what} must be.")
    if kind != "cost" and value != int(value):
        raise ValueError(f"The new cap on {what} must be a whole number, not {text[:40]}.")
    if value <= used:
        verb = "is" if kind == "cost" or used == 1 else "are"
        raise ValueError(
            f"The new cap on {what} must be above {said(kind, used)}, which {verb} used already."
        )
    if value > MOST:
        raise ValueError(f"The new cap on {what} is larger than {said(kind, MOST)}.")
    return value if kind == "cost" else int(value)
