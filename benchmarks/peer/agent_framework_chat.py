"""agent-framework: three agents in a group chat that takes them in turn, two rounds, with checkpoints in files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

DEPTH = 6
WHY = "two rounds of three turns, each of which hears those before it"
RESUMES = "`run(checkpoint_id=…)` with the latest checkpoint in `FileCheckpointStorage`, which is written after every superstep; in a group chat that is after every call"


def load() -> Callable[[Path], None]:
    """The deliberation."""
    from agent_framework import Agent, FileCheckpointStorage
    from agent_framework.openai import OpenAIChatCompletionClient
    from agent_framework.orchestrations import GroupChatBuilder

    async def chat(folder: Path) -> None:
        storage = FileCheckpointStorage(folder / "checkpoints")
        client = OpenAIChatCompletionClient(model="good")
        names = ("Ada", "Ben", "Cleo")
        agents = [Agent(client, f"You are {name}.", name=name) for name in names]
        workflow = GroupChatBuilder(
            name="bread",
            participants=agents,
            selection_func=lambda state: names[state.current_round % 3],
            max_rounds=6,
            checkpoint_storage=storage,
        ).build()
        latest = await storage.get_latest(workflow_name="bread")
        if latest is None:
            await workflow.run("Should we bake our own bread?")
        else:
            await workflow.run(checkpoint_id=latest.checkpoint_id)

    return lambda folder: asyncio.run(chat(folder))
