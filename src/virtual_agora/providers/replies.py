"""What a model said, read alike from every integration: the text, how it ended, what it took."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata

from virtual_agora.cleaning import whole
from virtual_agora.providers.redaction import redact

__all__ = ["Reply", "cut_off", "read_reply"]

Ending = Literal["complete", "length", "refused", "broken", "missing"]

_LENGTH = {"length", "max_tokens", "max_output_tokens", "incomplete"}
_REFUSED = {
    "content_filter",
    "refusal",
    "safety",
    "recitation",
    "blocklist",
    "prohibited_content",
    "spii",
}
_BROKEN = {"error", "failed", "cancelled"}


@dataclass(frozen=True, slots=True)
class Reply:
    """`ending` is `missing` where the model never said that it had finished; `reason` is the vendor's word."""

    text: str
    ending: Ending
    reason: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    written_to_cache: int


def read_reply(parts: Sequence[AIMessage]) -> Reply:
    """One reply from the pieces of a stream, or from a single whole message; a key that the server repeats is not in it."""
    reason = next((reason for part in reversed(parts) if (reason := _reason(part))), "")
    usage = [part.usage_metadata for part in parts if part.usage_metadata]
    return Reply(
        text=redact(whole("".join(_text(part) for part in parts))),
        ending=_ending(reason),
        reason=reason,
        input_tokens=_total(used["input_tokens"] for used in usage),
        output_tokens=_total(used["output_tokens"] for used in usage),
        cached_tokens=_total(
            used.get("input_token_details", {}).get("cache_read") or 0 for used in usage
        ),
        written_to_cache=_total(map(_written, usage)),
    )


def _written(used: UsageMetadata) -> int:
    """Tokens that were put into the vendor's cache; some name them by how long they are kept."""
    details: Mapping[str, Any] = used.get("input_token_details", {})
    kinds = ("cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    return max(details.get(kind) or 0 for kind in kinds)


def _total(counts: Iterable[int]) -> int:
    """The sum of what a server counted; one that counts below nothing is not believed."""
    return max(0, sum(counts))


def cut_off(error: Exception) -> AIMessage | None:
    """The answer inside the exception that OpenAI's SDK makes of one that grew too long, else None."""
    if type(error).__name__ != "LengthFinishReasonError":
        return None
    completion: Any = getattr(error, "completion", None)
    used = completion.usage
    return AIMessage(
        completion.choices[0].message.content or "",
        response_metadata={"finish_reason": "length"},
        usage_metadata=used
        and UsageMetadata(
            input_tokens=used.prompt_tokens,
            output_tokens=used.completion_tokens,
            total_tokens=used.total_tokens,
        ),
    )


def _text(part: AIMessage) -> str:
    if text := str(part.text):
        return text
    if part.tool_calls:
        return json.dumps(part.tool_calls[0]["args"], ensure_ascii=False)
    return (part.invalid_tool_calls[0]["args"] or "") if part.invalid_tool_calls else ""


def _reason(part: AIMessage) -> str:
    if part.additional_kwargs.get("refusal"):
        return "refusal"
    told = part.response_metadata
    if (told.get("prompt_feedback") or {}).get("block_reason"):
        return "prohibited_content"
    if unfinished := (told.get("incomplete_details") or {}).get("reason"):
        return str(unfinished).lower()
    for key in ("finish_reason", "stop_reason", "done_reason", "status"):
        if told.get(key):
            return str(told[key]).lower()
    # LangChain closes every stream with an empty last chunk of its own, which says nothing about the model.
    last = isinstance(part, AIMessageChunk) and part.chunk_position == "last"
    return "stop" if last and (part.text or part.usage_metadata) else ""


def _ending(reason: str) -> Ending:
    if not reason:
        return "missing"
    if reason in _LENGTH:
        return "length"
    if reason in _REFUSED:
        return "refused"
    return "broken" if reason in _BROKEN else "complete"
