"""Where the members of the scripted panel stand, what moves them, and what does not."""

from __future__ import annotations

from random import Random
from typing import Any

from virtual_agora.citations import cited
from virtual_agora.providers.offline_prompt import Prompt
from virtual_agora.providers.offline_stock import Voice, common, number, pick

__all__ = ["position"]

REASONS = 3


def position(prompt: Prompt, voice: Voice, seed: int) -> dict[str, Any]:
    """A position on the topic; somebody whom the discussion moves names turns of it that did."""
    if prompt.task == "single_model":
        return _single_model(prompt, seed)
    stand = voice.angle.stand
    # In its first round a discussion is too young to move anybody.
    moved = prompt.task == "closing_position" or (
        prompt.task == "round_position" and prompt.round > 1
    )
    change, lines = (0, 0), stand.before
    if prompt.task == "control_position":
        change, lines = stand.reconsidered, stand.alone
    elif moved:
        change, lines = stand.moved, stand.after
    at = voice.offset + prompt.topic_index
    reasons = list(voice.angle.whys.values())
    return {
        "stance": stand.stance + change[0],
        "confidence": stand.confidence + at % 10 + change[1],
        "position": pick(lines, at),
        "reasons": [pick(reasons, at + place) for place in range(REASONS)],
        "moved_by": _turns(prompt, voice) if moved and change[0] else [],
    }


def _turns(prompt: Prompt, voice: Voice) -> list[str]:
    """A turn or two of those the prompt names."""
    summed_up = [id_ for _, text in prompt.summaries for id_ in cited(text)]
    ids = [*summed_up, *(statement.id for statement in prompt.live if statement.id)]
    chance = Random(number("moved by", voice.offset, prompt.topic, prompt.round))
    return chance.sample(ids, min(len(ids), 1 + voice.offset % 2))


def _single_model(prompt: Prompt, seed: int) -> dict[str, Any]:
    """What one model without a persona says: something for both sides, and quite sure of it."""
    return {
        "stance": number(seed, prompt.topic) % 2,
        "confidence": 80,
        "position": common().single_model,
        "reasons": [common().addition],
    }
