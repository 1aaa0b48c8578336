"""llm-parliament: three members read, debate, and the speaker sums up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

DEPTH = 3
WHY = "first reading, debate, division"
RESUMES = ""


def load() -> Callable[[Path], None]:
    """The deliberation."""
    import openai  # noqa: F401 - the provider would, at its first call
    from parliament import Member, Parliament
    from parliament.providers import create_provider

    def hold(folder: Path) -> None:
        names = ("Ada", "Ben", "Cleo")
        parliament = Parliament(
            members=[Member(name=name, provider_name="openai", model="good") for name in names],
            providers={name: create_provider("openai", "good") for name in names},
        )
        hansard = asyncio.run(parliament.ask("Should we bake our own bread?"))
        assert len(hansard.debate) == 3

    return hold
