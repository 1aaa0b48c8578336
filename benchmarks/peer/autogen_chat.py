"""AutoGen: three assistants in a round-robin group chat, two rounds."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

DEPTH = 6
WHY = "two rounds of three turns, each of which hears those before it"
RESUMES = "`load_state` of what `save_state` returned, which is to be called when the team does not run: so after the chat, not within it"


def load() -> Callable[[Path], None]:
    """The deliberation."""
    from autogen_agentchat.agents import AssistantAgent
    from autogen_agentchat.teams import RoundRobinGroupChat
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    info = {
        "vision": False,
        "function_calling": False,
        "json_output": False,
        "structured_output": False,
        "family": "unknown",
    }

    async def chat(saved: Path) -> None:
        client = OpenAIChatCompletionClient(
            model="good", base_url=os.environ["OPENAI_BASE_URL"], model_info=info
        )
        agents = [
            AssistantAgent(name, model_client=client, system_message=f"You are {name}.")
            for name in ("Ada", "Ben", "Cleo")
        ]
        team = RoundRobinGroupChat(agents, max_turns=6)
        if saved.exists():
            await team.load_state(json.loads(saved.read_text()))
        result = await team.run(task="Should we bake our own bread?")
        saved.write_text(json.dumps(await team.save_state()))
        await client.close()
        assert len(result.messages) == 7

    return lambda folder: asyncio.run(chat(folder / "state.json"))
