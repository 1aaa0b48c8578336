"""The stock of phrases of the scripted panel, read from `offline_script/`, and who speaks in which angle."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

__all__ = [
    "STAGES",
    "Angle",
    "Common",
    "Kind",
    "Stage",
    "Voice",
    "angles",
    "common",
    "kinds",
    "number",
    "pick",
    "word_list",
]

T = TypeVar("T")
Stage = Literal["opening", "rebuttal", "refinement"]
Lines = Annotated[list[str], Field(min_length=1)]
ANGLES = ("engineer", "economist", "neighbour", "sceptic")
STAGES: tuple[Stage, ...] = ("opening", "rebuttal", "refinement")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LastWords(_Entry):
    """Final words of someone who voted no, and of someone who did not."""

    dissent: Lines
    closing: Lines


class Stand(_Entry):
    """Where somebody stands at first: a stance from −3 to 3 and a confidence in percent.

    Both change by `moved` in the discussion, and by `reconsidered` when thinking alone. The lines say where it
    stands `before` the discussion, `after` it, and after thinking `alone`.
    """

    stance: int
    confidence: int
    moved: tuple[int, int]
    reconsidered: tuple[int, int]
    before: Lines
    after: Lines
    alone: Lines


class Angle(_Entry):
    """One way of looking at things. `known_by` are beginnings of words in a persona."""

    known_by: Lines
    proposes: Lines
    prefers: Lines
    concludes_from_round: int
    ends_after_topics: int
    slips_on_first_ballot: str = ""
    stand: Stand
    opening: Lines
    rebuttal: Lines
    refinement: Lines
    examples: Lines
    closing: dict[Stage, Lines]
    takes: dict[str, Lines]
    whys: dict[str, str]
    conclude: dict[Literal["yes", "no"], Lines]
    end: dict[Literal["yes", "no"], Lines]
    ballot: Lines
    last_words: LastWords

    def cores(self, stage: Stage) -> Sequence[str]:
        """The main arguments for a stage of the discussion."""
        return {
            "opening": self.opening,
            "rebuttal": self.rebuttal,
            "refinement": self.refinement,
        }[stage]


class Kind(_Entry):
    """A kind of topic that any theme can be opened up by."""

    titles: Lines
    known_by: Lines


class Frame(_Entry):
    """A report section's paragraph before, and the one after, what it quotes."""

    before: str
    after: str


class SummaryLines(_Entry):
    """What the summary of a round and a digest of rounds are made of; `openers` go stage by stage."""

    openers: Lines
    digest: str
    views: Lines
    from_user: str
    agreed: Lines
    open: Lines


class Common(_Entry):
    """What does not depend on an angle."""

    leads: Lines
    carries: Lines
    papers: Lines
    reactions: dict[Stage, Lines]
    recalls: dict[Literal["rebuttal", "refinement"], Lines]
    answers_to_user: Lines
    late_rounds: Lines
    summary: SummaryLines
    topic_summary: Lines
    topic_summary_without_quotes: str
    outlines: dict[Literal["topic", "session"], list[dict[str, str]]]
    section_kinds: dict[str, Lines]
    sections: dict[str, list[Frame]]
    without_quotes: str
    tie_break: Lines
    addition: str
    single_model: str
    filler: str
    matter_at_hand: str
    unnamed_topic: str


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker: an angle, and an `offset` that makes two speakers of one angle choose different phrases.

    `by_persona` is False where nothing in the persona named an angle and one was drawn.
    """

    angle: Angle
    offset: int
    by_persona: bool

    @classmethod
    def of(cls, persona: str, name: str, seed: int) -> Voice:
        """The voice for a persona, which may be empty."""
        words = re.findall(r"[a-z]+", persona.casefold())
        hits = {
            key: sum(word.startswith(tuple(angle.known_by)) for word in words)
            for key, angle in angles().items()
        }
        best = max(hits, key=lambda key: hits[key])
        by_persona = hits[best] > 0
        # Members that differ in their number only, as those of a `count`, get different angles.
        numbered = re.search(r"\d{1,4}$", name)
        drawn = int(numbered[0]) - 1 if numbered else number("angle", name, persona)
        chosen = best if by_persona else pick(ANGLES, drawn)
        return cls(angles()[chosen], number(seed, name, persona), by_persona)


def number(*parts: object) -> int:
    """A number that depends on nothing but `parts`, the same in every process."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:6], "big")


def pick(stock: Sequence[T], index: int) -> T:
    """The entry at `index`, counted round and round."""
    return stock[index % len(stock)]


@cache
def angles() -> Mapping[str, Angle]:
    """The angles by name."""
    return {name: Angle.model_validate(_read(name)) for name in ANGLES}


@cache
def kinds() -> Mapping[str, Kind]:
    """The kinds of topic by name, those first on which others rest."""
    return TypeAdapter(dict[str, Kind]).validate_python(_read("topics"))


@cache
def common() -> Common:
    """Everything said without an angle."""
    return Common.model_validate(_read("common"))


@cache
def word_list(name: str) -> frozenset[str]:
    """A list from `words.yaml`; empty where there is none of that name."""
    return frozenset(str(_read("words").get(name, "")).split())


@cache
def _read(name: str) -> Any:
    text = (files(__package__) / "offline_script" / f"{name}.yaml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text, Loader=loader)
