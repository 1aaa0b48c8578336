"""The forms of structured answers. A form that can be read from plain text where that is safe has `from_text`.

Safe means: the whole answer, or whole lines of it, say the thing and nothing else. No vote is ever
guessed from words that happen to occur in a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator

from virtual_agora.cleaning import clean

__all__ = [
    "BallotAnswer",
    "Collation",
    "ModificationAnswer",
    "MovedPositionAnswer",
    "Outline",
    "PollAnswer",
    "PositionAnswer",
    "Proposals",
    "Topic",
    "ballot_form",
    "modification_form",
]

_ITEM = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+(.+?)\s*$")


def _title(value: str, shortest: int) -> str:
    """A title on one line, without what nobody can see."""
    title = " ".join(clean(value).split())
    if len(title) < shortest:
        raise ValueError(f"at least {shortest} characters of it should be visible")
    return title


class _Form(BaseModel):
    """Every field is asked for, and no other: what strict structured output demands. Others are ignored."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})


class Topic(_Form):
    """A topic for the agenda: a short title, and why it deserves the assembly's time."""

    title: str = Field(min_length=3, max_length=200)
    why: str = Field(max_length=2000)

    @field_validator("title", mode="after")
    @classmethod
    def _one_line(cls, value: str) -> str:
        return _title(value, 3)


class _Topics(_Form):
    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """Read a numbered or bulleted list, one topic a line."""
        items = [match[1].strip("*_ ") for match in map(_ITEM.match, text.splitlines()) if match]
        topics = [{"title": title, "why": ""} for title in items if 3 <= len(title) <= 200]
        return cls.model_validate({"topics": topics[:5]}) if topics else None


class Proposals(_Topics):
    """Three to five topics for the agenda."""

    topics: list[Topic] = Field(min_length=1, max_length=5)


class Collation(_Topics):
    """All proposals as one list without duplicates."""

    topics: list[Topic] = Field(min_length=1, max_length=20)


class PollAnswer(_Form):
    """A yes or a no, and the reason for it."""

    conclude: Literal["yes", "no"]
    reason: str = Field(max_length=2000)

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """Read an answer that is nothing but a yes or a no."""
        word = text.strip().strip(".!\"'*").casefold()
        return (
            cls(conclude="yes" if word == "yes" else "no", reason="")
            if word in ("yes", "no")
            else None
        )


class PositionAnswer(_Form):
    """Where somebody stands on a topic. Not read from plain text: a stance would have to be guessed."""

    stance: Annotated[int, Field(ge=-3, le=3)] | None
    confidence: int = Field(ge=0, le=100)
    position: str = Field(min_length=1, max_length=1000)
    reasons: list[Annotated[str, Field(max_length=1000)]] = Field(max_length=4)


class MovedPositionAnswer(PositionAnswer):
    """Where somebody stands after a discussion, and the ids of the turns that changed or shaped it."""

    moved_by: list[str] = Field(max_length=20)


class Section(_Form):
    """A section of a report: its heading, and what it is to cover."""

    title: str = Field(min_length=2, max_length=200)
    brief: str = Field(max_length=2000)

    @field_validator("title", mode="after")
    @classmethod
    def _one_line(cls, value: str) -> str:
        return _title(value, 2)


class Outline(_Form):
    """The sections of a report, in order."""

    sections: list[Section] = Field(min_length=2, max_length=5)

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """Read a numbered or bulleted list, one heading a line."""
        items = [match[1].strip("*_ ") for match in map(_ITEM.match, text.splitlines()) if match]
        sections = [{"title": title, "brief": ""} for title in items if 2 <= len(title) <= 200]
        return cls.model_validate({"sections": sections[:5]}) if len(sections) >= 2 else None


class BallotAnswer(_Form):
    """A ranking of all options, best first. `ballot_form` narrows the options to those of one ballot."""

    ranking: list[Any]
    reason: str = Field(max_length=2000)


class ModificationAnswer(_Form):
    """What to add to the agenda, and what to take off it."""

    add: list[Topic] = Field(max_length=3)
    remove: list[Any]


def ballot_form(options: Sequence[str]) -> type[BallotAnswer]:
    """The form of a ballot on `options`: only they can be named, and each must be, once."""
    option = _one_of(options)
    size = len(options)

    def check(cls: type[BallotAnswer], ranking: list[str]) -> list[str]:
        if len(set(ranking)) != size or len(ranking) != size:
            raise ValueError(f"rank every one of the {size} options exactly once")
        return ranking

    def from_text(cls: type[BallotAnswer], text: str) -> BallotAnswer | None:
        titles = {title.casefold(): title for title in options}
        lines = [match[1] if (match := _ITEM.match(line)) else line for line in text.splitlines()]
        ranking = [
            titles[key] for line in lines if (key := line.strip(' *_"“”.').casefold()) in titles
        ]
        return (
            cls.model_validate({"ranking": ranking, "reason": ""})
            if sorted(ranking) == sorted(options)
            else None
        )

    form = create_model(
        "Ballot",
        __base__=BallotAnswer,
        __doc__="A ranking of all options, best first.",
        __validators__={"check": field_validator("ranking")(check)},
        ranking=(Annotated[list[option], Field(min_length=size, max_length=size)], ...),  # type: ignore[valid-type]
    )
    form.from_text = classmethod(from_text)  # type: ignore[attr-defined]
    return form


def modification_form(remaining: Sequence[str]) -> type[ModificationAnswer]:
    """The form of a change to the agenda: only topics still on it can be removed."""
    option = _one_of(remaining) if remaining else str
    return create_model(
        "Modification",
        __base__=ModificationAnswer,
        __doc__="What to add to the agenda, and what to take off it; both may be empty.",
        remove=(Annotated[list[option], Field(max_length=len(remaining))], ...),  # type: ignore[valid-type, arg-type]
    )


def _one_of(options: Sequence[str]) -> Any:
    """A string type that can hold these options only; an enum in the JSON schema."""
    return Literal[tuple(options)]
