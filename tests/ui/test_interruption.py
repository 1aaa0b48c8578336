"""Ctrl-C, SIGTERM and a terminal that goes away: what ends when, with what exit code, and what is kept."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
from collections import Counter

import pytest

from tests.support.processes import begin, finish, hashes, panel, saved, start, told, wait_for
from tests.support.terminal import COMMAND, Terminal
from tests.support.wire import Wire
from virtual_agora.ui.interruption import LIMITS

OFFLINE = """
agents: [{provider: offline, model: scripted, count: 2}]
session: {min_rounds: 1, max_rounds: 1, checkpoint_interval: 1}
"""


@pytest.fixture
def wire(tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire:
        yield wire


@pytest.fixture
def held(tmp_path, wire):
    """A session in which Ada has spoken, and Bruno's answer does not come until the server is mended."""
    panel(tmp_path, wire, positions="off", Ada="good", Bruno="held")
    return tmp_path


def waits_for_bruno(folder):
    return lambda received: received and received[-1]["model"] == "held" and saved(folder) == 1


def test_what_sigterm_finds_in_flight_is_waited_for_and_kept(held, wire):
    process = begin(held)
    wait_for(wire, waits_for_bruno(held))
    process.terminate()
    while "Stopping when the calls in flight are answered" not in (
        line := process.stdout.readline()
    ):
        assert process.poll() is None
    assert "Ctrl-C" not in line  # nobody is there to press it
    wire.mend()
    said, _ = process.communicate(timeout=LIMITS["SIGTERM"])
    assert process.returncode == 130
    assert "To go on: virtual-agora resume s --data-dir data" in said
    assert len(told(held, "CallStarted")) == len(told(held, "CallFinished")) == 2
    finish(held)
    assert {*Counter(hashes(wire.received())).values()} == {1}


@pytest.mark.parametrize("second", [None, signal.SIGTERM])
def test_what_does_not_come_is_waited_for_no_longer_than_the_limit_and_no_longer_than_is_wished(
    held, wire, second
):
    process = begin(held)
    wait_for(wire, waits_for_bruno(held))
    process.send_signal(signal.SIGINT if second else signal.SIGTERM)
    while "Stopping when" not in process.stdout.readline():
        assert process.poll() is None
    if second:
        process.send_signal(second)
    said, _ = process.communicate(timeout=10 if second else LIMITS["SIGTERM"] + 10)
    assert process.returncode == 130
    assert "To go on: virtual-agora resume s --data-dir data" in said
    assert saved(held) == 1
    assert hashes(wire.answered()) == hashes(wire.received())[:1]


def test_a_terminal_that_goes_away_ends_the_run_saved(held, wire):
    terminal = Terminal(
        held, *["run", "Bread?", "--topic", "Rye?", "--yes", "--session", "s", "--data-dir", "data"]
    )
    wait_for(wire, waits_for_bruno(held))
    terminal.hang_up()
    wait_for(wire, lambda _: not os.path.exists(f"/proc/{terminal.pid}/fd/1") or gone(terminal.pid))
    wire.mend()
    assert terminal.end() == 130
    assert len(told(held, "CallFinished")) == 2


def gone(pid):
    """Whether the process has given its terminal up."""
    return os.readlink(f"/proc/{pid}/fd/1") == os.devnull


@pytest.mark.parametrize(
    ("end", "words"), [("SIGTERM", ()), ("SIGTERM", ("--plain",)), ("hang up", ())]
)
def test_a_question_is_left_at_once_and_still_waits(say, tmp_path, monkeypatch, end, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yml").write_text(OFFLINE)
    terminal = Terminal(tmp_path, "run", "Bread?", "--session", "s", "--data-dir", "data", *words)
    before = termios.tcgetattr(terminal.fd)
    terminal.until("Your choice" if words else "\x1b[?2004h")
    if end == "SIGTERM":
        os.kill(terminal.pid, signal.SIGTERM)
        terminal.until("virtual-agora resume s")
        assert termios.tcgetattr(terminal.fd) == before
        assert terminal.screen.rfind("\x1b[?25h") >= terminal.screen.rfind("\x1b[?25l")
    else:
        terminal.hang_up()
    assert terminal.end(10) == 130
    assert '"standing": "waiting"' in say("show", "s", "--json", "--data-dir", "data")[1]


def test_before_a_session_has_begun_a_signal_leaves_nothing_behind(tmp_path):
    os.mkfifo(
        tmp_path / "config.yml"
    )  # read before anything else, which takes until somebody writes
    process = start(tmp_path, "run", "Bread?")
    with (tmp_path / "config.yml").open("w"):
        process.terminate()
        said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "Interrupted.\n")
    assert not (tmp_path / "data").exists()


def test_nohup_keeps_a_run_from_hearing_that_the_terminal_is_gone(held, wire):
    command = [
        *COMMAND,
        *["run", "Bread?", "--topic", "Rye?", "--yes", "--session", "s", "--data-dir", "data"],
    ]
    process = subprocess.Popen(["nohup", *command], cwd=held, stdout=subprocess.DEVNULL)
    wait_for(wire, waits_for_bruno(held))
    process.send_signal(signal.SIGHUP)
    wire.mend()
    assert process.wait(60) == 0


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("module", ["virtual_agora.config.models", "virtual_agora.commands"])
def test_a_signal_while_the_command_is_still_being_read_is_no_bug(tmp_path, name, module):
    """The signal comes when a module is looked for: a number is checked with the first, and the second carries out."""
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # also where it is ignored, as behind `&`
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        "            sys.meta_path.remove(self)\n"
        f"            signal.raise_signal(signal.{name})\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv[1:] = ['run', 'Why?', '--seed', '1', '--yes', '--plain']\n"
        "from virtual_agora.main import cli\n"
        "cli()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "Interrupted.\n")


ASKS = """
import signal
from virtual_agora.ui.lines import typed
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in range(100):
    try:
        typed(f"Question {number}? ")
    except KeyboardInterrupt:
        print(f"Left {number}.", flush=True)
"""


def test_a_signal_that_comes_as_soon_as_a_line_is_asked_for_is_heard():
    pid, screen = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", ASKS])
    seen = ""
    for number in range(100):
        for text, then in ((f"Question {number}? ", signal.SIGINT), (f"Left {number}.", 0)):
            while text not in seen:
                assert select.select([screen], [], [], 20)[0], seen[-200:]
                seen += os.read(screen, 4096).decode()
            os.kill(pid, then)
    os.close(screen)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in (0, -signal.SIGHUP)
