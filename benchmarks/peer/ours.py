"""Virtual Agora: three agents discuss one topic for two rounds, with reports, on SQLite with every commit on disk."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

DEPTH = 13
WHY = (
    "two rounds of three turns and a summary, a poll in which all conclude, and an outline and its sections for the topic and "
    "at the end"
)
RESUMES = "`run_leg` of the same session"
SESSION = "bread"


def load() -> Callable[[Path], None]:
    """The deliberation."""
    import langchain_openai  # noqa: F401 - the provider would, at its first call

    from virtual_agora.config.models import Config
    from virtual_agora.execution.session import Agora
    from virtual_agora.hitl import default_answer

    agent = {
        "provider": "openai_compatible",
        "base_url": os.environ["OPENAI_BASE_URL"],
        "model": "good",
    }
    os.environ["OPENAI_COMPATIBLE_API_KEY"] = os.environ["OPENAI_API_KEY"]
    config = Config.model_validate(
        {
            "agents": [{**agent, "name": name} for name in ("Ada", "Ben", "Cleo")],
            "moderator": agent,
            "summarizer": agent,
            "report_writer": agent,
            "session": {"seed": 7, "min_rounds": 2, "max_rounds": 2, "positions": "off"},
        }
    )
    gc.freeze()  # as the command line does

    def hold(folder: Path) -> None:
        with Agora(folder / "data") as agora:
            if not agora.list_sessions():
                agora.create(
                    config,
                    theme="Should we bake our own bread?",
                    topics=["Is it worth the hour?"],
                    reports_dir=folder / "reports",
                    session_id=SESSION,
                )
            assert agora.run_leg(SESSION, default_answer).status == "complete"

    return hold
