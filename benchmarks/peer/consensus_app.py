"""consensus-app: three participants and a moderator who sums up each turn, for one round, in SQLite."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

DEPTH = 7
WHY = "three turns, after each of which the moderator sums up for the next, and the conclusion"
RESUMES = "`load_discussion` of the one in the database, and its turns gone on with"
TURNS = 3


def load() -> Callable[[Path], None]:
    """The deliberation."""
    from consensus.app import ConsensusApp
    from consensus.db import Database

    def price(database: str) -> None:
        """It fetches prices from the network, again at every call where it has none for the model."""
        db = Database(database)
        row = ("test/good", 0.0, 0.0, time.time(), "text", 100_000, "")
        columns = "model_id, prompt_cost, completion_cost, last_updated, input_modalities, context_length, supported_parameters"
        db.conn.execute(f"INSERT INTO model_pricing ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        db.conn.commit()

    def begin(app: ConsensusApp) -> None:
        provider = app.db.add_provider("double", os.environ["OPENAI_BASE_URL"], "OPENAI_API_KEY")
        for name in ("Moderator", "Ada", "Ben", "Cleo"):
            entity = app.db.add_entity(
                name=name,
                entity_type="ai",
                avatar_color="#3b82f6",
                provider_id=provider,
                model="good",
            )
            app.add_to_discussion(entity, is_moderator=name == "Moderator")
        app.set_topic("Should we bake our own bread?")
        assert "error" not in app.start_discussion(moderator_participates=False)

    async def discuss(folder: Path) -> None:
        database = folder / "consensus.db"
        if not database.exists():
            price(str(database))
        app = ConsensusApp(db_path=str(database))
        found = app.db.get_discussions()
        if found:
            app.load_discussion(found[0]["id"])
        else:
            begin(app)
        while app.discussion.turn_number <= TURNS:
            for done in (await app.generate_ai_turn(), await app.complete_turn()):
                assert "error" not in done, done
        assert "error" not in await app.conclude_discussion()
        await app.shutdown()

    return lambda folder: asyncio.run(discuss(folder))
