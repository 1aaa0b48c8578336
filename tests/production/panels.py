"""Panels whose models speak through the server of `tests/support/wire.py`."""

from __future__ import annotations

import re
from typing import Any

from tests.support.wire import Wire

from virtual_agora.config.models import Config


def wire_config(wire: Wire, *models: str, role: str = "good", **rules: Any) -> Config:
    """Participants P1, P2, … with these models; moderator, summarizer and report writer share `role`."""

    def agent(model: str, **more: Any) -> dict[str, Any]:
        return {"provider": "openai_compatible", "base_url": wire.base_url, "model": model, **more}

    return Config.model_validate(
        {
            "agents": [agent(model, name=f"P{n}") for n, model in enumerate(models, start=1)],
            "moderator": agent(role),
            "summarizer": agent(role),
            "report_writer": agent(role),
            "session": rules,
        }
    )


def without_times(text: str) -> str:
    """A report without the one thing in it that may differ between two sessions that are the same: when."""
    # The page draws the times, and says how long it took.
    text = re.sub(r"<h3>When it was said</h3>.*?</section>", "", text, flags=re.DOTALL)
    text = re.sub(r" From the first statement to the last: [^<]*", "", text)
    return re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?\S*", "TIME", text)
