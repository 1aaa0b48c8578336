"""What the agents are told: one Markdown file per task, each of which a user's own folder may replace.

A file holds the instruction; `$name` stands for a value filled in (see each packaged file for which it may use).
"""

from __future__ import annotations

from functools import cached_property
from importlib.resources import files
from pathlib import Path
from string import Template

from virtual_agora.errors import ConfigurationError

__all__ = ["PROMPTS", "Prompts"]

PROMPTS: dict[str, tuple[str, ...]] = {
    "system": (),
    "proposal": (),
    "refinement": (),
    "collation": (),
    "ballot": (),
    "tie_break": (),
    "opening_position": (),
    "statement": ("round",),
    "dissenter": (),
    "round_summary": ("round",),
    "digest": ("condensed", "words"),
    "round_position": ("round",),
    "poll": (),
    "session_poll": (),
    "final_words": (),
    "closing_position": (),
    "control_position": (),
    "single_model": (),
    "single_model_system": (),
    "report_outline": ("subject",),
    "report_section": ("subject",),
    "topic_summary": (),
    "modification": (),
}
"""Every prompt, and the values it may name."""


class Prompts:
    """The packaged prompts, overridden file by file by those in `folder`.

    Raises:
        ConfigurationError: the folder is missing, holds a file that is no prompt, or one that cannot be filled in.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def fill(self, task: str, **values: str | int) -> str:
        """The text of a prompt with its values filled in."""
        return self._templates[task].substitute(values).strip()

    def check(self) -> None:
        """Read everything once, so that a mistake shows before the session begins."""
        for task, names in PROMPTS.items():
            template = self._templates[task]
            if not template.is_valid():
                raise self._mistake(task, "has a lone $ (write $$ for a dollar sign)")
            if unknown := sorted(set(template.get_identifiers()) - set(names)):
                allowed = ", ".join(f"${name}" for name in names) or "none"
                raise self._mistake(task, f"names ${unknown[0]}; the values it may use: {allowed}")

    @cached_property
    def _templates(self) -> dict[str, Template]:
        return {task: Template(self._read(task)) for task in self._tasks()}

    def _tasks(self) -> dict[str, tuple[str, ...]]:
        if self._folder is not None:
            if not self._folder.is_dir():
                raise ConfigurationError(
                    f"The prompts folder {self._folder} does not exist.",
                    hint="Create it again; for a new session, the key “prompts” can also be taken out of "
                    "the configuration.",
                )
            stray = sorted(
                path.stem for path in self._folder.glob("*.md") if path.stem not in PROMPTS
            )
            if stray:
                raise ConfigurationError(
                    f"{self._folder / stray[0]}.md replaces no prompt.",
                    hint=f"The prompts are: {', '.join(PROMPTS)}.",
                )
        return PROMPTS

    def _read(self, task: str) -> str:
        own = self._folder / f"{task}.md" if self._folder else None
        if own is not None and own.is_file():
            try:
                return own.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise self._mistake(task, f"cannot be read ({error})") from error
        return (files(__package__) / f"{task}.md").read_text(encoding="utf-8")

    def _mistake(self, task: str, what: str) -> ConfigurationError:
        place = f"{self._folder / task}.md" if self._folder else f"{task}.md"
        return ConfigurationError(
            f"The prompt {place} {what}.", hint="Mend the file, or remove it."
        )
