"""The CPU time of a session whose answers are a thousand tokens long, and of the vendor's SDK alone, in turn, in one process. Prints JSON.

    python -m benchmarks.spoken_session BASE_URL PAIRS

BASE_URL is that of a double (`tests/support/wire.py`) that answers at once.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from openai import OpenAI
from rich.console import Console
from tests.support.wire_words import THOUSAND

from benchmarks.sampling import Sampler
from virtual_agora.config.models import Config
from virtual_agora.events import CallFinished, Event
from virtual_agora.execution.session import Agora
from virtual_agora.hitl import default_answer
from virtual_agora.ui import LiveView

TOKENS = 1000
ALONE = 20
"""Calls that the SDK makes alone in each pair."""


class Heard:
    """Shows a session on a terminal that nobody looks at, and counts its answers."""

    def __init__(self, view: LiveView) -> None:
        self.texts = 0
        self.forms = 0
        self._view = view

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        self._view(event)
        if isinstance(event, CallFinished):
            texts = event.output_tokens // TOKENS
            self.texts += texts
            self.forms += event.attempts - texts


def config(base_url: str) -> Config:
    """Four agents, one topic, three rounds, and nothing asked for in a form that can be had without one."""
    model = {"provider": "openai_compatible", "model": THOUSAND, "base_url": base_url}
    roles = dict.fromkeys(("moderator", "summarizer", "report_writer"), model)
    rules = {"seed": 7, "min_rounds": 3, "max_rounds": 3, "positions": "off"}
    return Config.model_validate({**roles, "agents": [{**model, "count": 4}], "session": rules})


def hold(agora: Agora, given: Config, folder: Path) -> Heard:
    """Hold a session, shown on a terminal."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(file=nowhere, force_terminal=True, width=100, height=40)
        with LiveView(console) as view:
            heard = Heard(view)
            session = agora.create(
                given,
                theme="Should we bake our own bread?",
                topics=["Is it worth the hour?"],
                reports_dir=folder,
            )
            leg = agora.run_leg(session, default_answer, listener=heard)
    assert leg.status == "complete"
    return heard


def ask_alone(client: OpenAI) -> None:
    """One answer through the SDK, put together from its pieces as every use of it does."""
    stream = client.chat.completions.create(
        model=THOUSAND,
        messages=[
            {"role": "system", "content": "You take part in a deliberation."},
            {"role": "user", "content": "Should we bake our own bread?"},
        ],
        stream=True,
        stream_options={"include_usage": True},
    )
    pieces = [
        chunk.choices[0].delta.content
        for chunk in stream
        if chunk.choices and chunk.choices[0].delta.content
    ]
    assert len(pieces) == TOKENS


def main() -> None:
    """Hold a session that is not counted, then pairs, then one that is looked at."""
    base_url, pairs = sys.argv[1], int(sys.argv[2])
    given, client = config(base_url), OpenAI(base_url=base_url, api_key="not-needed", max_retries=0)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name, Agora(Path(name) / "data") as agora:
        hold(agora, given, Path(name))
        gc.freeze()  # as the command line does once everything is imported
        for _ in range(pairs):
            began = time.process_time()
            for _ in range(ALONE):
                ask_alone(client)
            between = time.process_time()
            heard = hold(agora, given, Path(name))
            ended = time.process_time()
            found.append(
                {
                    "alone": (between - began) / ALONE,
                    "session": (ended - between) / heard.texts,
                    "texts": heard.texts,
                    "forms": heard.forms,
                }
            )
        with Sampler() as sampler:
            heard = hold(agora, given, Path(name))
    profile = {group: seconds / heard.texts for group, seconds in sampler.seconds.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"pairs": found, "profile": profile, "peak_mb": peak}))


if __name__ == "__main__":
    main()
