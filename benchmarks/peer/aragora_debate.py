"""aragora-debate: three agents propose, criticise and vote, twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

DEPTH = 6
WHY = "two rounds of proposals, critiques and votes, each of which its documentation has all agents do at once"
RESUMES = ""


def load() -> Callable[[Path], None]:
    """The deliberation."""
    import openai  # noqa: F401 - the agent would, when it is made
    from aragora_debate import Arena, DebateConfig, create_agent

    def hold(folder: Path) -> None:
        agents = [
            create_agent("openai", name=name, model="good") for name in ("Ada", "Ben", "Cleo")
        ]
        arena = Arena(
            question="Should we bake our own bread?",
            agents=agents,
            config=DebateConfig(rounds=2, early_stopping=False),
        )
        result = asyncio.run(arena.run())
        assert len(result.proposals) == 3

    return hold
