"""Panels whose models speak through the server of `tests/support/wire.py`."""

from __future__ import annotations

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
