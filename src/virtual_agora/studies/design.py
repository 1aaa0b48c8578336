"""The design of a study: questions × panels × rules × seeds, as a user writes it in a YAML file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import Field, PlainValidator, ValidationError, field_validator, model_validator

from virtual_agora.config.loader import absolute_prompts, load_config
from virtual_agora.config.mistakes import check_providers, describe, line_of
from virtual_agora.config.models import MAX_SEED, Config, Rules, SessionConfig, Strict
from virtual_agora.config.settings_file import Kind, read_settings
from virtual_agora.errors import ConfigurationError, UsageError
from virtual_agora.hitl import check_theme

__all__ = ["Budget", "Design", "Question", "load_design"]

T = TypeVar("T")

DESIGN = Kind(
    name="design",
    file="design.yml",
    key="questions",
    missing="Check the path.",
    too_large="A design names questions, panels, rules and seeds; it has room for thousands.",
    too_deep="A design has four levels: a key, its named entries, their settings, and a panel's agents.",
    empty="A design names questions, panels, rules and seeds.",
    no_settings="A design names questions, panels, rules and seeds.",
)

PANEL_MISSING = "Check the path: it is meant from the design's folder."

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
MOST_SEEDS = 1_000_000
"""More repetitions than anybody can hold; of so many the largest is still found at once."""

_SEEDS = (
    f"seeds are a whole number, how many, from 1 to {MOST_SEEDS:,}, "
    f"or a list of different whole numbers from 0 to {MAX_SEED}"
)


def _seeds(given: Any) -> Sequence[int]:
    if type(given) is int and 1 <= given <= MOST_SEEDS:
        return range(1, given + 1)
    if isinstance(given, list) and given and all(type(seed) is int for seed in given):
        seeds: list[int] = given
        if len(set(seeds)) == len(seeds) and min(seeds) >= 0 and max(seeds) <= MAX_SEED:
            return tuple(seeds)
    raise ValueError(_SEEDS)


Seeds = Annotated[Sequence[int], PlainValidator(_seeds)]
"""The seeds of the sessions; a number n stands for 1 to n."""


class Question(Strict):
    """What a session is about."""

    theme: str
    """The question, as it is put to the panel."""
    topics: tuple[str, ...] = ()
    """What to discuss; otherwise each panel proposes topics and votes on them."""
    expected: Literal["support", "oppose"] | None = None
    """The right side of the only topic, where there is one: whether what it puts forward is to be supported or opposed."""

    @model_validator(mode="after")
    def _can_be_put(self) -> Question:
        try:
            check_theme(self.theme, self.topics)
        except UsageError as error:
            raise ValueError(error.message.rstrip(".")) from None
        if self.expected is not None and len(self.topics) != 1:
            raise ValueError("“expected” needs exactly one topic that it is about")
        return self


class Budget(Strict):
    """How much a study may take."""

    max_calls: int | None = Field(default=None, ge=1)
    """No session is begun or gone on with once the study's sessions have made so many calls to models."""
    max_sessions: int = Field(default=100, ge=1)
    """The most sessions that are begun without asking."""


class Design(Strict):
    """A whole design. Only `name`, `questions` and `panels` are required."""

    name: str
    """What the study is called: its sessions' names begin with it, and so is its folder of results called."""
    questions: dict[str, Question] = Field(min_length=1)
    """What the sessions are about, by names of yours."""
    panels: dict[str, Config] = Field(min_length=1)
    """Who takes part, by names of yours: each a whole configuration, or the path of its file from the design's folder."""
    rules: dict[str, Rules] = Field(default={"default": Rules()}, min_length=1)
    """By which rules, by names of yours; what one leaves out is as the panel's own `session` has it."""
    seeds: Seeds = range(1, 2)
    """Repetitions: how many, or a list of the seeds themselves."""
    budget: Budget = Budget()
    """How much the study may take."""
    prompts: str | None = None
    """A folder of prompts, for every panel that names none of its own."""

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        return _check_name(name)

    @field_validator("questions", "panels", "rules")
    @classmethod
    def _have_names(cls, named: dict[str, T]) -> dict[str, T]:
        for name in named:
            _check_name(name)
        return named

    def rules_of(self, panel: str, rule: str) -> SessionConfig:
        """The rules of a panel's sessions. The seed is not among them: it is a factor of its own.

        Raises:
            ValueError: they contradict each other.
        """
        own = self.panels[panel].session.model_dump() | {"seed": None}
        return SessionConfig.model_validate(own | self.rules[rule].model_dump(exclude_unset=True))


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"“{name[:40]}” cannot be a name: it takes small letters, digits, “-” and “_”, a letter or digit first"
        )
    return name


def load_design(path: Path, check_provider: Callable[[str], object]) -> Design:
    """The design in `path`, with the panels' own files read, and all folders of prompts absolute.

    `check_provider` is given the name of each provider, and raises ConfigurationError for one that it does not know.

    Raises:
        ConfigurationError: the file, or a panel's, cannot be read or is wrong; two settings contradict each other.
    """
    root, data = read_settings(path, DESIGN)
    files = _panels_elsewhere(data, root, path, check_provider)
    try:
        design = Design.model_validate(_with_panels(data, files))
    except ValidationError as error:
        raise describe(error, root, str(path), Design) from None
    _check_here(design, files, check_provider, root, path)
    _check_rules(design, path)
    panels = {
        name: _with_prompts(panel, design.prompts, path) for name, panel in design.panels.items()
    }
    return design.model_copy(update={"panels": panels})


def _panels_elsewhere(
    data: Mapping[Hashable, Any],
    root: yaml.Node,
    path: Path,
    check_provider: Callable[[str], object],
) -> dict[Hashable, Config]:
    """The panels that have a file of their own. A mistake is told with the place in the design that names the file."""
    panels = data.get("panels")
    named = panels.items() if isinstance(panels, dict) else ()
    found = {}
    for name, file in named:
        if not isinstance(file, str) or not file:
            continue
        own = path.parent / os.path.expanduser(file)
        try:
            config = load_config(own, check_provider)
        except ConfigurationError as error:
            message = re.sub("^The ", "the ", error.message)
            raise ConfigurationError(
                f"{path}, line {line_of(root, ('panels', str(name)))}, panel “{name}”: {message}",
                hint=error.hint if os.path.lexists(own) else PANEL_MISSING,
            ) from None
        if config is not None:
            found[name] = config
    return found


def _with_panels(
    data: dict[Hashable, Any], files: Mapping[Hashable, Config]
) -> dict[Hashable, Any]:
    return data | {"panels": data["panels"] | files} if files else data


def _check_here(
    design: Design,
    files: Mapping[Hashable, Config],
    check_provider: Callable[[str], object],
    root: yaml.Node,
    path: Path,
) -> None:
    for name, panel in design.panels.items():
        if name not in files:
            check_providers(panel, check_provider, root, str(path), within=("panels", name))


def _check_rules(design: Design, path: Path) -> None:
    for panel in design.panels:
        for rule in design.rules:
            try:
                design.rules_of(panel, rule)
            except ValidationError as error:
                reason = error.errors()[0]["msg"].removeprefix("Value error, ")
                raise ConfigurationError(
                    f"{path}: the rules “{rule}” do not fit the panel “{panel}”: {reason}.",
                    hint="Give in the rules what the panel's own session has otherwise.",
                ) from None


def _with_prompts(panel: Config, prompts: str | None, path: Path) -> Config:
    if panel.prompts is None and prompts is not None:
        panel = panel.model_copy(update={"prompts": prompts})
    return absolute_prompts(panel, path)
