"""What a vendor is told of a prompt that will come again.

Most vendors keep the beginnings of prompts by themselves. Anthropic keeps what is marked, up to whole blocks of content, and finds
again what it kept up to 20 blocks before a mark (its documentation, “Prompt caching”).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from langchain_core.messages import HumanMessage

from virtual_agora.providers.requests import ModelRequest

__all__ = ["asking"]

_MARK = {"type": "ephemeral"}


def asking(request: ModelRequest, *, marked: bool) -> HumanMessage:
    """The request's prompt; `marked`: in blocks that other prompts have as well, with a mark where it is to be kept."""
    if not marked or not request.shared:
        return HumanMessage(request.prompt)
    blocks: list[dict[str, Any]] = []
    for start, end in pairwise((0, *request.shared, len(request.prompt))):
        mark = {"cache_control": _MARK} if end in request.kept else {}
        blocks.append({"type": "text", "text": request.prompt[start:end], **mark})
    return HumanMessage(content=blocks)  # type: ignore[arg-type]
