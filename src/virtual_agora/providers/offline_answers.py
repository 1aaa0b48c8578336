"""What the scripted panel answers in a given form: proposals, ballots, polls, positions, outlines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from virtual_agora.providers.offline_positions import position
from virtual_agora.providers.offline_prompt import Prompt
from virtual_agora.providers.offline_stock import Voice, common, kinds, number, pick
from virtual_agora.providers.offline_words import (
    kind_of,
    subject,
    telling_words,
)

__all__ = ["fill_in"]

SAME_TOPIC = 0.5
"""The share of telling words that two titles have in common when they mean the same."""

Topic = dict[str, str]


def fill_in(prompt: Prompt, voice: Voice, schema: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """An answer for a JSON schema: known by its fields, and never with fields it does not have."""
    fields = schema.get("properties", {})
    if "ranking" in fields:
        answer = _ranking(prompt, voice, _choices(fields["ranking"]) or prompt.options, seed)
    elif "conclude" in fields:
        answer = _poll(prompt, voice)
    elif "sections" in fields:
        answer = {"sections": common().outlines["topic" if prompt.topic else "session"]}
    elif "add" in fields or "remove" in fields:
        answer = _modification(prompt, voice, _choices(fields.get("remove", {})))
    elif "stance" in fields:
        answer = position(prompt, voice, seed)
    elif "topics" in fields and prompt.task == "collation":
        answer = {"topics": _merged(prompt)}
    elif "topics" in fields:
        answer = {"topics": _proposed(prompt, voice)}
    else:
        answer = {}
    fitted: dict[str, Any] = _fit(answer, schema)
    return fitted


def _proposed(prompt: Prompt, voice: Voice) -> list[Topic]:
    """A handful of topics, in the wording of others where those said it first."""
    names = list(voice.angle.proposes)
    if prompt.agenda:
        # At this stage the agenda is there only to say that it was rejected.
        names = [name for name in kinds() if name not in names] + names[:2]
    heard: dict[str, str] = {}
    for title, _ in sorted(_topics_in(prompt.proposals)):
        kind = kind_of(title, prompt.theme)
        if kind:
            heard.setdefault(kind, title)
    about = subject(prompt.theme)
    size = 3 + voice.offset % 2
    own = {
        name: pick(kinds()[name].titles, number(voice.offset, name)).format(subject=about)
        for name in names
    }
    return [
        {"title": heard.get(name, own[name]), "why": voice.angle.whys[name]}
        for name in names[:size]
    ]


def _merged(prompt: Prompt) -> list[Topic]:
    """Each distinct topic once, the most wanted first, in its most frequent wording."""
    about = telling_words(prompt.theme)
    groups: list[list[tuple[str, str]]] = []
    for topic in _topics_in(prompt.proposals):
        words = telling_words(topic[0], about)
        same = next((group for group in groups if _alike(words, group, about)), None)
        if same is None:
            groups.append([topic])
        else:
            same.append(topic)
    groups.sort(key=len, reverse=True)
    merged = []
    for group in groups:
        title = Counter(title for title, _ in group).most_common(1)[0][0]
        why = next((why for name, why in group if name == title and why), "")
        merged.append({"title": title, "why": why or common().addition})
    return merged or [
        {"title": kind.titles[0].format(subject=subject(prompt.theme)), "why": common().addition}
        for kind in list(kinds().values())[:3]
    ]


def _alike(words: frozenset[str], group: Sequence[tuple[str, str]], about: frozenset[str]) -> bool:
    others = (telling_words(title, about) for title, _ in group)
    return any(
        len(words & other) >= SAME_TOPIC * len(words | other) for other in others if words | other
    )


def _ranking(prompt: Prompt, voice: Voice, options: Sequence[str], seed: int) -> dict[str, Any]:
    if prompt.task == "tie_break":
        # The moderator has no opinion: what others rest on goes first.
        sequence: list[str] = list(kinds())
        reason = pick(common().tie_break, seed + prompt.topic_index)
        spread = 0.0
    else:
        sequence = list(voice.angle.prefers)
        reason = pick(voice.angle.ballot, voice.offset + prompt.topic_index)
        spread = 2.5

    def place(option: str) -> float:
        kind = kind_of(option, prompt.theme)
        chance = number(seed, voice.offset, option) % 1000 / 1000
        known = sequence.index(kind) if kind in sequence else len(sequence) * chance
        return known + spread * chance

    ranking = sorted(dict.fromkeys(options), key=lambda option: (place(option), option))
    if _slips(prompt, voice) and ranking:
        ranking[0] = voice.angle.slips_on_first_ballot
    return {"ranking": ranking, "reason": reason}


def _slips(prompt: Prompt, voice: Voice) -> bool:
    """Once in a session one member votes for something that is not on the ballot, and is asked again."""
    first_ballot = prompt.task == "ballot" and not prompt.conclusions
    speaks_up = voice.by_persona and bool(voice.angle.slips_on_first_ballot)
    return first_ballot and speaks_up and not prompt.asked_again


def _poll(prompt: Prompt, voice: Voice) -> dict[str, Any]:
    """Yes from the angle's own round on, or, asked about the session, from its own number of topics on."""
    angle, ends = voice.angle, prompt.task == "session_poll"
    enough = (
        prompt.topic_index >= angle.ends_after_topics
        if ends
        else prompt.round >= angle.concludes_from_round
    )
    reasons = (angle.end if ends else angle.conclude)["yes" if enough else "no"]
    at = voice.offset + prompt.topic_index + (0 if ends else prompt.round)
    return {"conclude": "yes" if enough else "no", "reason": pick(reasons, at)}


def _modification(prompt: Prompt, voice: Voice, remaining: Sequence[str]) -> dict[str, Any]:
    """One missing kind of topic is added by whoever cares most about it; a long rest is shortened."""
    taken = [*prompt.agenda, *remaining, *(title for title, _ in prompt.conclusions)]
    there = {kind_of(title, prompt.theme) for title in taken}
    missing = [name for name in voice.angle.proposes[:1] if name not in there]
    titles = [pick(kinds()[name].titles, voice.offset) for name in missing]
    add = [
        {"title": title.format(subject=subject(prompt.theme)), "why": common().addition}
        for title in titles
    ]
    least = sorted(remaining, key=lambda title: number(voice.offset, title))
    return {"add": add, "remove": least[:1] if len(remaining) > 3 else []}


def _topics_in(proposals: Sequence[str]) -> list[tuple[str, str]]:
    """Titles and reasons from lists of `- title: why`. Reasons here have no colon; a user's title may."""
    found = []
    for line in "\n".join(proposals).splitlines():
        entry = re.sub(r"^\s*(?:[-*•]|\d+[.)])\s+", "", line).strip()
        title, _, why = entry.rpartition(": ") if not entry.endswith(":") else (entry[:-1], "", "")
        if title or why:
            found.append((title or why, why if title else ""))
    return found


def _choices(schema: Mapping[str, Any]) -> list[str]:
    """The strings that a field, or the entries of a list, may take."""
    entry = schema.get("items", schema)
    options = entry.get("enum") or ([entry["const"]] if "const" in entry else [])
    return [option for option in options if isinstance(option, str)]


def _fit(value: Any, schema: Mapping[str, Any]) -> Any:
    """`value` cut to a schema's fields and lengths; required fields nobody foresaw get a filling."""
    if isinstance(value, dict):
        fields, required = schema.get("properties", {}), schema.get("required", [])
        return {
            name: _fit(value[name], field) if name in value else _filling(field)
            for name, field in fields.items()
            if name in value or name in required
        }
    if isinstance(value, list):
        longest = schema.get("maxItems", len(value))
        return [_fit(entry, schema.get("items", {})) for entry in value[:longest]]
    return value[: schema.get("maxLength", len(value))] if isinstance(value, str) else value


def _filling(schema: Mapping[str, Any]) -> Any:
    empty = {"array": [], "object": {}, "integer": 0, "number": 0, "boolean": False, "null": None}
    if schema.get("type") in empty:
        return empty[schema["type"]]
    return next(iter(_choices(schema)), common().filler)
