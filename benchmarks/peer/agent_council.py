"""agent-council: three members in three rounds, and a judge."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

DEPTH = 4
WHY = "three rounds, each heard as a whole by the next, then the judge"
RESUMES = ""


def load() -> Callable[[Path], None]:
    """The deliberation."""
    from agent_council import CouncilOrchestrator, JudgeConfig, MemberConfig, ProvidersConfig
    from agent_council.config import OpenRouterProviderConfig

    def hold(folder: Path) -> None:
        council = CouncilOrchestrator(
            members=[
                MemberConfig(
                    id=name,
                    name=name,
                    provider="openrouter",
                    model="test/good",
                    persona=f"You are {name}.",
                )
                for name in ("Ada", "Ben", "Cleo")
            ],
            judge=JudgeConfig(provider="openrouter", model="test/good"),
            rounds=3,
            provider_configs=ProvidersConfig(
                openrouter=OpenRouterProviderConfig(
                    api_key_env="OPENAI_API_KEY", base_url=os.environ["OPENAI_BASE_URL"]
                )
            ),
        )
        session, _ = asyncio.run(council.run("Should we bake our own bread?"))
        assert len(session.rounds) == 3

    return hold
