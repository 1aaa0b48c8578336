"""llm-council-core: three models answer, rank each other, and a chairman sums up."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

DEPTH = 3
WHY = "answers, peer review, the chairman's synthesis"
RESUMES = ""


def load() -> Callable[[Path], None]:
    """The deliberation. The package reads its configuration when it is imported."""
    models = ["test/ada", "test/ben", "test/cleo"]
    config = {
        "council": {
            "gateways": {
                "default": "openrouter",
                "providers": {
                    "openrouter": {
                        "enabled": True,
                        "base_url": f"{os.environ['OPENAI_BASE_URL']}/chat/completions",
                    }
                },
            }
        }
    }
    Path("llm_council.yaml").write_text(json.dumps(config))  # YAML, too
    os.environ["OPENROUTER_API_KEY"] = os.environ["OPENAI_API_KEY"]
    os.environ["LLM_COUNCIL_MODELS"] = ",".join(models)
    os.environ["LLM_COUNCIL_CHAIRMAN"] = models[0]
    from llm_council import run_full_council

    def hold(folder: Path) -> None:
        answers, rankings, _, _ = asyncio.run(run_full_council("Should we bake our own bread?"))
        assert len(answers) == len(rankings) == 3

    return hold
