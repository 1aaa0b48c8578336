"""The first promise, from outside: `kill -9` in the middle, `resume`, and no finished call is made again.

The session runs as the installed command, the server in a process of its own; it alone counts. Where a test
kills at a certain call, the server holds that call's answer back, and the database says what is saved by then.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter

import pytest
import yaml
from tests.production.panels import without_times
from tests.support.wire import Wire

from virtual_agora.state.sqlite import DATABASE

THEME = "Should we bake our own bread?"
SEED = 3
COMMAND = [sys.executable, "-m", "virtual_agora.main"]


@pytest.fixture
def wire(tmp_path):
    with Wire(tmp_path / "requests.jsonl", latency=0.1) as wire:
        yield wire


def panel(folder, wire, *, positions="before_and_after", **models):
    """Ada, Bruno and Celia, in the order in which they speak in the first round, and their models."""
    agent = {"provider": "openai_compatible", "base_url": wire.base_url}
    config = {
        "agents": [{**agent, "name": name, "model": model} for name, model in models.items()],
        "moderator": {**agent, "model": "good"},
        "summarizer": {**agent, "model": "good"},
        "report_writer": {**agent, "model": "good"},
        "session": {
            "min_rounds": 2,
            "checkpoint_interval": 2,
            "seed": SEED,
            "positions": positions,
        },
    }
    (folder / "config.yml").write_text(yaml.safe_dump(config))


@pytest.fixture
def folder(tmp_path, wire):
    panel(tmp_path, wire, Ada="good", Bruno="good", Celia="good")
    return tmp_path


def start(folder, *words):
    return subprocess.Popen(
        [*COMMAND, *words, "--data-dir", "data", "--yes"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def begin(folder):
    return start(folder, "run", THEME, "--topic", "Is it worth the hour?", "--session", "s")


def wait_for(wire, condition):
    deadline = time.monotonic() + 60
    while not condition(wire.received()):
        assert time.monotonic() < deadline, "the session never came so far"
        time.sleep(0.01)


def saved(folder):
    """How many tasks of the step under way have their results in the database."""
    with sqlite3.connect(folder / "data" / DATABASE) as connection:
        query = (
            "SELECT count(*) FROM writes WHERE channel = '__return__' "
            "AND checkpoint_id = (SELECT max(checkpoint_id) FROM checkpoints)"
        )
        (count,) = connection.execute(query).fetchone()
    connection.close()
    return count


def told(folder, event):
    """The lines in the session's log about such events."""
    log = (folder / "data" / "logs" / "s.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, log) if line["event"] == event]


def hashes(lines):
    return [line["sha256"] for line in lines]


def kill(process):
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    process.stdout.close()


def finish(folder):
    process = start(folder, "resume", "s")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said


@pytest.mark.parametrize(
    ("models", "task", "results"),
    [
        # The third speaker of a round is held; two have spoken.
        ({"Ada": "good", "Bruno": "good", "Celia": "held"}, "statement", 2),
        # The first was refused, and the question about it answered in the step; the third is held.
        ({"Ada": "refuses-key", "Bruno": "good", "Celia": "held"}, "statement", 3),
        # One of three polled at once has answered.
        ({"Ada": "good", "Bruno": "held-forms", "Celia": "held-forms"}, "poll", 1),
        # One of three has said where it stands.
        ({"Ada": "good", "Bruno": "held-forms", "Celia": "held-forms"}, "opening_position", 1),
    ],
)
def test_killed_in_the_middle_of_a_step_only_the_calls_in_flight_are_made_again(
    tmp_path, wire, models, task, results
):
    # Without positions nothing is held before the step that is meant.
    positions = "before_and_after" if task == "opening_position" else "off"
    panel(tmp_path, wire, positions=positions, **models)
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


def test_killed_again_and_again_it_still_ends_as_if_nothing_had_happened(folder, wire):
    whole = start(folder, "run", THEME, "--topic", "Is it worth the hour?", "--session", "whole")
    whole.communicate(timeout=120)
    asked = Counter(line["sha256"] for line in wire.received())
    process = begin(folder)
    for count in (2, 4, 6):
        before = len(wire.received())
        wait_for(wire, lambda received, b=before, c=count: len(received) >= b + c)
        kill(process)
        process = start(folder, "resume", "s")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    # The same questions were asked: whatever was kept is what an undisturbed session holds.
    assert set(Counter(line["sha256"] for line in wire.received())) == set(asked)
    reports = folder / "reports"
    # What is counted is what the server counts for each question that was answered, once.
    tokens = {line["sha256"]: line["tokens"] for line in wire.answered()}
    used = json.loads((reports / "session_s" / "session.json").read_text())["usage"].values()
    assert sum(u["calls"] for u in used) == len(tokens) == len(asked)
    assert sum(u["input_tokens"] + u["output_tokens"] for u in used) == sum(tokens.values())
    for path in sorted((reports / "session_whole").rglob("*.md")):
        twin = reports / "session_s" / path.relative_to(reports / "session_whole")
        expected = path.read_text().replace("session_whole", "session_s").replace("`whole`", "`s`")
        assert without_times(twin.read_text()) == without_times(expected)


def test_one_interrupt_ends_a_long_wait_for_another_attempt(folder, wire):
    """Two proposals are under way while the third's provider wants a pause: they are kept, it is not waited for."""
    config = yaml.safe_load((folder / "config.yml").read_text())
    config["agents"][0]["model"] = "busy-for-long"
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    process = start(folder, "run", THEME, "--session", "s")
    log = folder / "data" / "logs" / "s.jsonl"

    def three_at_work(received):
        return len(received) >= 3 and log.exists() and '"CallRetried"' in log.read_text()

    wait_for(wire, three_at_work)
    process.send_signal(signal.SIGINT)
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


def test_a_session_killed_before_its_first_call_can_be_resumed(folder, wire):
    process = begin(folder)
    wait_for(wire, lambda received: (folder / "data" / "logs" / "s.jsonl").exists())
    kill(process)
    finish(folder)
    listed = subprocess.run(
        [*COMMAND, "show", "s", "--json", "--data-dir", "data"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(listed.stdout)["session_id"] == "s"
