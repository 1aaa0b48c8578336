"""How the double for models fails: by the name of a model, or as it is told for one agent's tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["BY_MODEL", "BY_ORDER", "QUOTA", "Fault"]


@dataclass(frozen=True, slots=True)
class Fault:
    """`how` is a method of the handler; `status`, `code` and `headers` are those of a refusal.

    After `times` refusals of one request it is answered; None: never.
    """

    how: str
    status: int = 0
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int | None = None


def refusal(status: int, code: str, *, retry_after: int = 0, times: int | None = None) -> Fault:
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return Fault("refuse", status, code, headers, times)


BY_MODEL = {
    "refuses-key": refusal(401, "invalid_api_key"),
    "out-of-quota": refusal(429, "insufficient_quota"),
    "always-500": refusal(500, "server_error"),
    "busy-twice": refusal(429, "rate_limit_exceeded", retry_after=7, times=2),
    "busy-for-long": refusal(429, "rate_limit_exceeded", retry_after=100),
    "refuses-old-key": refusal(401, "invalid_api_key"),
}
"""A model whose name ends with `500-on-<task>` fails like `always-500`, but at that task only. `busy-twice` answers in the end,
and `refuses-old-key` where the key has no “old” in it."""

BY_ORDER = {
    "key refused": refusal(401, "invalid_api_key"),
    "quota used up": Fault("out_of_quota"),
    "busy twice": refusal(429, "rate_limit_exceeded", retry_after=7, times=2),
    "busy for minutes": refusal(429, "rate_limit_exceeded", retry_after=300),
    "busy for long": refusal(429, "rate_limit_exceeded"),
    "busy for 100 s": refusal(429, "rate_limit_exceeded", retry_after=100),
    "always 500": refusal(500, "server_error"),
    "connection refused": Fault("hang_up"),
    "cut off": Fault("cut_off"),
    "ends early": Fault("end_early"),
    "malformed": Fault("garble"),
    "too slow": Fault("be_silent"),
    "dribble": Fault("dribble"),
    "dribbled headers": Fault("dribble_headers"),
    "endless early hints": Fault("hint"),
    "endless": Fault("go_on"),
    "compressed": Fault("compress"),
    "5 MB": Fault("say"),
    "empty": Fault("say"),
    "refusal": Fault("say"),
    "content filter": Fault("say"),
    "off form": Fault("say"),
    "off form once": Fault("say"),
    "HTML page": Fault("show_page"),
    "redirect": Fault("redirect"),
}
"""Faults that the double shows when told to. Those that are said are answers; see `Server.answer`."""

QUOTA = {
    "openai": (429, "insufficient_quota", "You exceeded your current quota."),
    "anthropic": (
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API.",
    ),
    "google": (
        429,
        "resource_exhausted",
        "Quota exceeded: GenerateRequestsPerDayPerProjectPerModel-FreeTier",
    ),
    "grok": (
        403,
        "permission_denied",
        "Your team has used all available credits or reached its spending limit.",
    ),
    "ollama": (402, "payment_required", "You have used up your plan."),
    "openai_compatible": (402, "payment_required", "Insufficient credits."),
}
"""How each vendor says that the account is used up: status, code, words."""
