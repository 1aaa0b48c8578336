"""What an agent knows when it is asked: one text, in an order that lets providers cache its beginning.

Stable things come first (theme, documents, topic, earlier topics, earlier rounds), then what changes (the live round,
the material of the task), then who the agent is and what it shall do. Everything that people or models wrote
stands between tags and cannot close them: it is material, never an instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from virtual_agora.agents.delimiters import attribute, harmless, visible
from virtual_agora.agents.earlier import LONGEST, told
from virtual_agora.agents.lengths import fitted, shortened
from virtual_agora.state.schema import Message, Position

__all__ = [
    "closed_topics",
    "fence",
    "listed",
    "live_round",
    "options",
    "own_position",
    "shared",
    "shared_context",
    "stance",
    "statements",
    "undiscussed",
]

_TAGS = [
    "theme",
    "documents",
    "document",
    "topic",
    "earlier_topics",
    "conclusion",
    "earlier_rounds",
    "digest",
    "summary",
    "live_round",
    "statement",
    "proposals",
    "proposal",
    "options",
    "dissent",
    "final_words",
    "positions",
    "section",
    "agenda",
    "assignment",
    "your_position",
    "you",
    "task",
]
CONCLUSIONS = 20_000
"""Characters of conclusions in a prompt: about twenty of the length asked for."""

_harmless = harmless(_TAGS)

_WHOLE = re.compile(r"</(?:documents|conclusion|digest|summary|statement)>\n")
"""Ends what later prompts have as well, with something else behind it."""


def fence(tag: str, text: str, **attributes: str | int) -> str:
    """`text` between tags, with any of our tags inside it made harmless, in every disguise that is recognised (`delimiters`)."""
    named = "".join(f' {name}="{_value(value)}"' for name, value in attributes.items())
    return f"<{tag}{named}>\n{_harmless(visible(text).strip())}\n</{tag}>"


def _value(value: str | int) -> str:
    return _harmless(attribute(value))


def listed(items: Iterable[str]) -> str:
    """One item a line: none can pass for several."""
    return "\n".join(f"- {' '.join(item.split())}" for item in items)


def shared_context(state: Mapping[str, Any], *, topic: str = "") -> str:
    """What every agent hears first: theme, documents and, on a topic, what came before the live round."""
    parts = [fence("theme", state["main_topic"])]
    if documents := state.get("context_documents"):
        parts.append(
            _group("documents", (fence("document", d["text"], name=d["name"]) for d in documents))
        )
    if topic:
        parts.append(fence("topic", topic))
    parts.append(closed_topics(state, except_for=topic))
    if topic:
        parts.append(_earlier_rounds(state, topic))
    return join(parts)


def _earlier_rounds(state: Mapping[str, Any], topic: str) -> str:
    """The digest of the oldest rounds, if they were condensed, then the summaries of the others."""
    digest, summaries = told(state, topic)
    rounds = [
        fence("summary", shortened(summary["text"], LONGEST), round=summary["round"])
        for summary in summaries
    ]
    if digest:
        text = shortened(digest["text"], LONGEST)
        rounds.insert(0, fence("digest", text, rounds=f"1 to {digest['condensed']}"))
    return _group("earlier_rounds", rounds)


def closed_topics(state: Mapping[str, Any], *, except_for: str = "") -> str:
    """The conclusions of the topics closed so far, in at most `CONCLUSIONS` characters."""
    closed = [s for s in state.get("topic_summaries", []) if s["topic"] != except_for]
    texts = fitted([summary["text"] for summary in closed], CONCLUSIONS)
    return _group(
        "earlier_topics",
        (
            fence("conclusion", text, topic=summary["topic"])
            for summary, text in zip(closed, texts, strict=True)
        ),
    )


def statements(
    messages: Iterable[Message], *, tag: str = "statement", attributed: bool = False
) -> list[str]:
    """What was said, verbatim, by its id; the user's own words are marked as theirs.

    `attributed` adds the speakers' names. Whether a turn was one of ordered dissent is never said.
    """

    def origin(message: Message) -> dict[str, str]:
        if message["kind"] == "user":
            return {"from": "user"}
        return {"speaker": message["speaker"]} if attributed else {}

    return [
        fence(tag, message["content"], id=message["id"], **origin(message)) for message in messages
    ]


def live_round(messages: Sequence[Message], number: int, *, attributed: bool = False) -> str:
    """The round in progress."""
    return _group("live_round", statements(messages, attributed=attributed), round=number)


def shared(text: str) -> tuple[int, ...]:
    """The places in `text`, with which a prompt begins, up to which those of other calls are likely to be the same."""
    return tuple(end.end() for end in _WHOLE.finditer(text))


def stance(position: Position) -> str:
    """`+2`, `+0`, `-3`, or `none`: as agents are told it."""
    return "none" if position["stance"] is None else f"{position['stance']:+d}"


def own_position(position: Position) -> str:
    """A participant's own position, for itself alone."""
    return fence(
        "your_position",
        "\n".join([position["position"], listed(position["reasons"])]),
        stance=stance(position),
        confidence=position["confidence"],
    )


def undiscussed(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a session only what was there before anybody spoke: theme and documents."""
    return {field: state[field] for field in ("main_topic", "context_documents") if field in state}


def options(titles: Iterable[str]) -> str:
    """The options of a vote, one a line."""
    return fence("options", listed(titles))


def join(parts: Iterable[str]) -> str:
    """The parts there are, a blank line between them."""
    return "\n\n".join(part for part in parts if part)


def _group(tag: str, parts: Iterable[str], **attributes: str | int) -> str:
    inside = "\n".join(parts)
    named = "".join(f' {name}="{_value(value)}"' for name, value in attributes.items())
    return f"<{tag}{named}>\n{inside}\n</{tag}>" if inside else ""
