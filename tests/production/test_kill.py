"""The first promise, from outside: `kill -9` in the middle, `resume`, and no finished call is made again.

The session runs as the installed command, the server in a process of its own; it alone counts.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import yaml
from tests.support.wire import Wire

THEME = "Should we bake our own bread?"
COMMAND = [sys.executable, "-m", "virtual_agora.main"]


@pytest.fixture
def wire(tmp_path):
    with Wire(tmp_path / "requests.jsonl", latency=0.3) as wire:
        yield wire


@pytest.fixture
def folder(tmp_path, wire):
    agent = {"provider": "openai_compatible", "model": "good", "base_url": wire.base_url}
    config = {
        "agents": [{**agent, "name": name} for name in ("Ada", "Bruno", "Celia")],
        "session": {"min_rounds": 2, "checkpoint_interval": 2, "seed": 3},
    }
    (tmp_path / "config.yml").write_text(yaml.safe_dump(config))
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


def statements(received):
    return [line for line in received if line["task"] == "statement"]


def kill(process):
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    process.stdout.close()


def finish(folder):
    process = start(folder, "resume", "s")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said


def test_killed_in_the_middle_of_a_round_no_finished_call_is_made_again(folder, wire):
    process = begin(folder)
    wait_for(wire, lambda received: len(statements(received)) == 5)  # the second of round two
    time.sleep(0.05)
    kill(process)
    in_flight = statements(wire.received())[-1]["sha256"]
    assert "index.md" in finish(folder)
    times = Counter(line["sha256"] for line in wire.received())
    assert {digest for digest, count in times.items() if count > 1} == {in_flight}
    assert times[in_flight] == 2


def test_killed_while_several_answer_at_once_only_those_in_flight_are_asked_again(folder, wire):
    process = begin(folder)
    wait_for(wire, lambda received: any(line["task"] == "poll" for line in received))
    time.sleep(0.1)
    kill(process)
    polls = {line["sha256"] for line in wire.received() if line["task"] == "poll"}
    finish(folder)
    times = Counter(line["sha256"] for line in wire.received())
    assert {digest for digest, count in times.items() if count > 1} <= polls


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
    for path in sorted((reports / "session_whole").rglob("*.md")):
        twin = reports / "session_s" / path.relative_to(reports / "session_whole")
        expected = path.read_text().replace("session_whole", "session_s").replace("`whole`", "`s`")
        assert _without_times(twin.read_text()) == _without_times(expected)


def test_one_interrupt_ends_a_long_wait_for_another_attempt(folder, wire):
    """Two proposals are under way while the third's provider wants a pause: they are kept, it is not waited for."""
    config = yaml.safe_load((folder / "config.yml").read_text())
    config["agents"][0]["model"] = "busy-for-long"
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    process = start(folder, "run", THEME, "--session", "s")
    log = folder / "data" / "logs" / "s.jsonl"
    wait_for(wire, lambda _: log.exists() and '"CallRetried"' in log.read_text())
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


def _without_times(text):
    """A report without the one thing that may differ: when."""
    import re

    return re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?\S*", "TIME", text)
