"""Death before and after every checkpoint write of a whole session.

Two participants propose topics, discuss one of them for a round in which the user speaks first, and the user ends the session
then: a small session that takes every step but `agenda_modification`. Counted are the model calls by their prompts, and the files left behind by
their contents.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest
from tests.conftest import TestClock
from tests.production.panels import without_times

from virtual_agora import providers
from virtual_agora.flow.graph_v13 import NODES
from virtual_agora.providers.offline import OfflineChatModel
from virtual_agora.testing import PANEL, make_target

SLICES = 3
"""The grid is cut into so many tests, so that several processes can share it."""

ANSWERS = {
    "topic_continuation": "end_session",
    "user_turn": {"action": "participate", "text": "And at night?"},
}


@pytest.fixture
def parity_target(tmp_path):
    config = PANEL.model_copy(update={"agents": PANEL.agents[:2]})
    return make_target(tmp_path / "reports", config=config, clock=TestClock)


@pytest.fixture
def calls(monkeypatch):
    """How often each prompt was sent to a model.

    An answer that cannot be used is asked for again within the call's task: both requests are one call.
    """
    asked = Counter()

    def count(messages):
        if not messages[-1].text.startswith("That answer cannot be used"):
            asked[messages[-1].text] += 1

    class Counted(OfflineChatModel):
        def _generate(self, messages, *args, **kwargs):
            count(messages)
            return super()._generate(messages, *args, **kwargs)

        def _stream(self, messages, *args, **kwargs):
            count(messages)
            return super()._stream(messages, *args, **kwargs)

    def create_provider(provider, model, *, persona, seed, **_):
        return Counted(persona=persona, seed=seed, latency=0)

    monkeypatch.setattr(providers, "create_provider", create_provider)
    return lambda: asked


@pytest.fixture
def files(tmp_path):
    """The reports, by their names in a session's folder and what is in them; read again only when they have changed."""
    read = {}

    def counts():
        for path in filter(Path.is_file, (tmp_path / "reports").rglob("*")):
            changed = path.stat().st_mtime_ns
            if read.get(path, (0, ""))[0] != changed:
                read[path] = (changed, _said(path, tmp_path / "reports"))
        return Counter(said for _, said in read.values())

    return counts


def _said(path, reports):
    folder, *names = path.relative_to(reports).parts
    text = without_times(path.read_text()).replace(folder.removeprefix("session_"), "s")
    return "/".join(names), hashlib.sha256(text.encode()).hexdigest()[:8]


@pytest.mark.parity_allow(
    "P603", "P604", reason="the limits are those of one session, not of so many"
)
@pytest.mark.parity_variant("assembly/start_of_round/borda")
@pytest.mark.parametrize("part", range(SLICES))
def test_death_at_every_write_costs_no_call_and_changes_nothing(parity, part, calls, files):
    def points(writes):
        return [
            (n, when) for n in range(part + 1, writes + 1, SLICES) for when in ("before", "after")
        ]

    grid = parity.crash_grid(answers=ANSWERS, calls=calls, effects=files, points=points)
    grid.check()
    assert grid.run.outcome == "done"
    assert set().union(*grid.run.supersteps) == set(NODES) - {"agenda_modification"}
    assert len(grid.cells) > 50
    assert {cell.mark for cell in grid.cells} == {"."}
