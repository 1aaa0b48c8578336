"""The sessions of a design: each a cell of the grid of its factors. Counting them builds none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

from virtual_agora.config.models import Config
from virtual_agora.errors import ConfigurationError
from virtual_agora.estimates.calls import Calls, calls_of
from virtual_agora.execution.session import check_session_name
from virtual_agora.studies.design import Design, Question

__all__ = ["FACTORS", "Cell", "Grid"]

FACTORS = ("question", "panel", "rule", "seed")
"""What the sessions of a study differ in."""

LONGEST = 64
"""Characters in the name of a session."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One session of a study: the names of its factors, and what they stand for."""

    session_id: str
    question: str
    panel: str
    rule: str
    seed: int
    asked: Question
    config: Config


class Grid:
    """All sessions of a design. A session is named `STUDY.QUESTION.PANEL.RULE.sSEED`.

    Raises:
        ConfigurationError: such a name would be too long.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        self._configs: dict[tuple[str, str], Config] = {}
        self._check_lengths()

    @property
    def size(self) -> int:
        """How many sessions there are."""
        design = self.design
        named = (design.questions, design.panels, design.rules)
        return prod(len(levels) for levels in named) * len(design.seeds)

    def __iter__(self) -> Iterator[Cell]:
        """Every session. The seed changes last, so that what is held until a budget is used up is a whole replicate."""
        design = self.design
        for seed, question, panel, rule in product(
            *(design.seeds, design.questions, design.panels, design.rules)
        ):
            yield self._cell(question, panel, rule, seed)

    def find(self, session_id: str) -> Cell | None:
        """The cell whose session has this name; None if the design has none."""
        match session_id.split("."):
            case [self.design.name, question, panel, rule, last] if (
                question in self.design.questions
                and panel in self.design.panels
                and rule in self.design.rules
                and last[1:].isdecimal()
                and last == f"s{int(last[1:])}"
                and int(last[1:]) in self.design.seeds
            ):
                return self._cell(question, panel, rule, int(last[1:]))
        return None

    def calls(self) -> Calls:
        """How many calls to models all sessions make together, at least and at most."""
        design, total = self.design, Calls(0, 0)
        topics = Counter(len(question.topics) for question in design.questions.values())
        for panel, rule in product(design.panels, design.rules):
            config = self._config(panel, rule)
            for number, times in topics.items():
                total += calls_of(config, number) * (times * len(design.seeds))
        return total

    def _cell(self, question: str, panel: str, rule: str, seed: int) -> Cell:
        return Cell(
            session_id=f"{self.design.name}.{question}.{panel}.{rule}.s{seed}",
            question=question,
            panel=panel,
            rule=rule,
            seed=seed,
            asked=self.design.questions[question],
            config=self._config(panel, rule),
        )

    def _config(self, panel: str, rule: str) -> Config:
        found = self._configs.get((panel, rule))
        if found is None:
            session = self.design.rules_of(panel, rule)
            found = self.design.panels[panel].model_copy(update={"session": session})
            self._configs[panel, rule] = found
        return found

    def _check_lengths(self) -> None:
        design = self.design
        longest = [max(names, key=len) for names in (design.questions, design.panels, design.rules)]
        name = ".".join([design.name, *longest, f"s{max(design.seeds)}"])
        if len(name) > LONGEST:
            raise ConfigurationError(
                f"A session would be called “{name}”, which has {len(name)} characters; {LONGEST} are the most.",
                hint="Shorten the study's name, or those of its questions, panels and rules.",
            )
        check_session_name(name)
