"""What the scripted panel understands of a prompt: its tags, read tolerantly, since prompts can be overridden."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from langchain_core.messages import BaseMessage

__all__ = ["Prompt", "Statement", "read_prompt"]

_CONDENSED = re.compile(r"\b1 to ([0-9]{1,6})\b")
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Statement:
    """Something said in the live round, or at the end of a topic; `id` is empty where the prompt has none."""

    text: str
    by_user: bool
    id: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt's parts. Texts are as they stood between the tags; what was missing is empty.

    `summaries`, `conclusions` and `sections` hold round, topic or title, and text; `heading` is that of the
    section to write. A digest stands first among the summaries, with the last of its rounds. `condensed` is the last
    round that a new one is to stand for. `round` is the round under discussion, from 1.
    `charge` names what a turn is charged with besides its task.
    `asked_again` says that an earlier answer to the same prompt was returned as faulty.
    """

    task: str
    theme: str
    documents: tuple[str, ...]
    topic: str
    conclusions: tuple[tuple[str, str], ...]
    summaries: tuple[tuple[int, str], ...]
    live: tuple[Statement, ...]
    round: int
    proposals: tuple[str, ...]
    options: tuple[str, ...]
    agenda: tuple[str, ...]
    final_words: tuple[Statement, ...]
    dissent: str
    sections: tuple[tuple[str, str], ...]
    heading: str
    name: str
    persona: str
    asked_again: bool
    charge: str = ""
    condensed: int = 0

    @property
    def topic_index(self) -> int:
        """How many topics were concluded before this one."""
        return len(self.conclusions)


@dataclass(frozen=True, slots=True)
class _Element:
    attributes: dict[str, str]
    body: str


def read_prompt(
    messages: Sequence[BaseMessage], *, persona: str | None, fields: Collection[str] = ()
) -> Prompt:
    """Read the first human message, or whatever there is instead of one.

    `fields` are the names of the fields of the answer's schema, if it has one; they help to recognise a task
    that the prompt does not name. `persona` counts where the prompt has none.
    """
    first = next((at for at, message in enumerate(messages) if message.type == "human"), None)
    if first is None:
        text, asked_again = "\n".join(message.text for message in messages), False
    else:
        text, asked_again = messages[first].text, first + 1 < len(messages)
    theme, text = _cut_out(text, "theme")
    documents, text = _cut_out(text, "documents")
    rounds = _elements(text, "live_round")
    live = _statements(text, "statement")
    digests = [
        (_whole(digest.attributes.get("rounds", "").rpartition(" ")[2], 1), digest.body)
        for digest in _elements(text, "digest")
    ]
    after = digests[-1][0] if digests else 0
    summaries = (
        *digests,
        *(
            (_whole(summary.attributes.get("round"), after + at), summary.body)
            for at, summary in enumerate(_elements(text, "summary"), 1)
        ),
    )
    you = _last(text, "you")
    instruction = _last(text, "task")
    asked = instruction.attributes
    condensed = _CONDENSED.search(instruction.body)
    task = asked.get("name", "")
    if "</task>" in text and text.rpartition("</task>")[2].strip():
        asked_again = True
    task = task or _guess_task(text, fields)
    before = max((number for number, _ in summaries), default=0)
    speaking = task in ("statement", "round_summary")
    return Prompt(
        task=task,
        theme=theme,
        documents=tuple(
            element.attributes.get("name", "") for element in _elements(documents, "document")
        ),
        topic=_last(text, "topic").body,
        conclusions=tuple(
            (element.attributes.get("topic", ""), element.body)
            for element in _elements(text, "conclusion")
        ),
        summaries=summaries,
        live=live,
        round=max(
            1,
            _whole(rounds[-1].attributes.get("round") if rounds else None, before + speaking),
        ),
        proposals=tuple(element.body for element in _elements(text, "proposal")),
        options=_lines(_last(text, "options").body),
        agenda=_lines(_last(text, "agenda").body),
        final_words=_statements(text, "final_words"),
        dissent=_last(text, "dissent").body,
        sections=tuple(
            (element.attributes.get("title", ""), element.body)
            for element in _elements(text, "section")
        ),
        heading=_last(text, "assignment").attributes.get("heading", ""),
        name=you.attributes.get("name", ""),
        persona=you.body or persona or "",
        asked_again=asked_again,
        charge=asked.get("charge", ""),
        condensed=int(condensed[1]) if condensed else before,
    )


def _statements(text: str, tag: str) -> tuple[Statement, ...]:
    return tuple(
        Statement(
            element.body,
            element.attributes.get("from") == "user",
            element.attributes.get("id", ""),
        )
        for element in _elements(text, tag)
    )


def _guess_task(text: str, fields: Collection[str]) -> str:
    by_field = {
        "ranking": "ballot",
        "conclude": "poll",
        "sections": "report_outline",
        "add": "modification",
        "moved_by": "closing_position",
        "stance": "opening_position",
        "topics": "collation" if "<proposals>" in text else "proposal",
    }
    by_tag = {"<assignment": "report_section", "<dissent": "final_words"}
    named = [task for field, task in by_field.items() if field in fields]
    tagged = [task for tag, task in by_tag.items() if tag in text]
    return next(iter(named + tagged), "statement")


def _elements(text: str, tag: str) -> list[_Element]:
    """Every closed element of that name, in order; in time proportional to the text, whatever it holds."""
    opening = re.compile(rf"<{tag}(\s[^<>]*)?>")
    closing = f"</{tag}>"
    found = []
    start = opening.search(text)
    while start:
        end = text.find(closing, start.end())
        if end < 0:
            break
        attributes = dict(_ATTRIBUTE.findall(start[1] or ""))
        found.append(_Element(attributes, text[start.end() : end].strip()))
        start = opening.search(text, end)
    return found


def _last(text: str, tag: str) -> _Element:
    found = _elements(text, tag)
    return found[-1] if found else _Element({}, "")


def _cut_out(text: str, tag: str) -> tuple[str, str]:
    """The body of the first such element, and the text without it, so that nothing inside is read as ours."""
    start = text.find(f"<{tag}>")
    end = text.find(f"</{tag}>", start)
    if start < 0 or end < 0:
        return "", text
    body = text[start + len(tag) + 2 : end]
    return body, text[:start] + text[end:]


def _lines(text: str) -> tuple[str, ...]:
    lines = (re.sub(r"^\s*(?:[-*•]|\d+[.)])\s+", "", line).strip() for line in text.splitlines())
    return tuple(line for line in lines if line)


def _whole(value: str | None, default: int) -> int:
    return int(value) if value and re.fullmatch(r"[0-9]{1,6}", value) else default
