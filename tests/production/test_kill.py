"""The first promise, from outside: `kill -9` in the middle, `resume`, and no finished call is made again.

The session runs as the installed command, the server in a process of its own; it alone counts. Here is a short form of the grid in
`reliability/kills.py`, and what that has not: questions asked in the middle of a step, and calls that are waited for.
"""

from __future__ import annotations

import json
from collections import Counter

import pytest
import yaml
from reliability.killing import Grid, Plan
from reliability.kills import picture, summary
from reliability.lives import Kill
from tests.support.processes import (
    THEME,
    begin,
    finish,
    hashes,
    kill,
    panel,
    saved,
    start,
    told,
    wait_for,
)
from tests.support.wire import Wire


@pytest.fixture
def wire(tmp_path):
    with Wire(tmp_path / "requests.jsonl", latency=0.1) as wire:
        yield wire


@pytest.fixture
def folder(tmp_path, wire):
    panel(tmp_path, wire, Ada="good", Bruno="good", Celia="good")
    return tmp_path


@pytest.mark.parametrize(
    ("models", "task", "results"),
    [
        # The first was refused, and the question about it answered in the step; the third is held.
        ({"Ada": "refuses-key", "Bruno": "good", "Celia": "held"}, "statement", 3),
        # One of three polled at once has answered.
        ({"Ada": "good", "Bruno": "held-forms", "Celia": "held-forms"}, "poll", 1),
    ],
)
def test_killed_in_the_middle_of_a_step_only_the_calls_in_flight_are_made_again(
    tmp_path, wire, models, task, results
):
    # Without positions nothing is held before the step that is meant.
    panel(tmp_path, wire, positions="off", **models)
    held = [model for model in models.values() if model.startswith("held")]
    process = begin(tmp_path)

    def as_far_as_it_goes(received):
        waiting = [line for line in received if line["task"] == task and line["model"] in held]
        return len(waiting) == len(held) and saved(tmp_path) == results

    wait_for(wire, as_far_as_it_goes)
    kill(process)
    asked, answered = hashes(wire.received()), hashes(wire.answered())
    refused = hashes(line for line in wire.received() if line["model"] == "refuses-key")
    wire.mend()
    assert "index.md" in finish(tmp_path)
    times = Counter(hashes(wire.received()))
    again = {digest for digest, count in times.items() if count > 1}
    assert again == set(asked) - set(answered) - set(refused)
    assert {times[digest] for digest in again} == {2}
    assert len(again) == len(held)
    questions = [line["payload"]["type"] for line in told(tmp_path, "QuestionAsked")]
    assert questions.count("provider_failure") == len(refused)


def test_one_signal_ends_a_long_wait_for_another_attempt(folder, wire):
    """Two proposals are under way while the third's provider wants a pause: they are kept, it is not waited for."""
    config = yaml.safe_load((folder / "config.yml").read_text())
    config["agents"][0]["model"] = "busy-for-long"
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    process = start(folder, "run", THEME, "--session", "s")
    log = folder / "data" / "logs" / "s.jsonl"

    def three_at_work(received):
        return len(received) >= 3 and log.exists() and '"CallRetried"' in log.read_text()

    wait_for(wire, three_at_work)
    process.terminate()
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert "virtual-agora resume s" in said
    before = wire.received()
    assert sorted(line["model"] for line in before) == ["busy-for-long", "good", "good"]
    wire.mend()
    assert "was skipped" not in finish(folder)
    times = Counter(line["sha256"] for line in wire.received())
    assert [times[line["sha256"]] for line in before if line["model"] == "good"] == [1, 1]
    assert [times[line["sha256"]] for line in before if line["model"] != "good"] == [2]
    assert set(times.values()) == {1, 2}
    state = json.loads((folder / "reports" / "session_s" / "session.json").read_text())
    assert state["notices"] == []


def test_killed_anywhere_and_resumed_it_is_the_session_that_nobody_disturbed(tmp_path):
    """Eight cells of the grid: before anything is saved, in every phase, at a question, while a file is written, twice."""
    with Grid(tmp_path, latency=0, lanes=1) as grid:
        grid.undisturbed()

        def save(step, when, more=0):
            return Kill("save", grid.steps.index(step) + 1 + more, when)

        plans = [
            Plan("save", (save("start-up", "before"),)),
            Plan("save", (save("start-up", "after"),)),
            Plan("save", (save("agenda_proposal", "before", 1),)),
            Plan("save", (save("discussion_round", "before"),)),
            Plan("save", (save("final_report_generation", "after", 1),)),
            Plan("file", (Kill("file", grid.files, "torn"),)),
            Plan("question", (Kill("question", 2, "form"),)),
            Plan("twice", (save("topic_report_generation", "before"), Kill("save", 3, "before"))),
        ]
        grid.hold(plans)
        found = summary(grid)
    assert found["deviations"] == [], picture(found)
    assert found["never_reached"] == 0
    assert found["kills"] == 9
    assert [cell.again for cell in grid.cells[:2]] == [0, 0]
    # Killed before it is saved, an answer that had come is asked for again: so much must have been repeated.
    assert all(grid.cells[number].again for number in (2, 3, 7))
    assert found["again"] == found["in_flight"]
