"""Sessions under a key: what can be read without it, and that everything else works as without one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import psycopg
import pytest

from virtual_agora.config.environment import load_env
from virtual_agora.execution.session import Agora
from virtual_agora.state.databases import VARIABLE
from virtual_agora.state.serializer import ENCRYPTION_KEY

KEY, OTHER = "a1" * 32, "b2" * 32
MARK = "Shall wrens be planted?"
TOPIC = "Is the wren ours?"
CONTENT = ("wren", "conomist", "participant-1")
"""Words that are said in such a session, or are of its panel."""

COMMON = ("--data-dir", "data")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(ENCRYPTION_KEY, KEY)
    yield tmp_path
    load_env(tmp_path / "none")  # takes back what a file has set


def begin(name):
    return ["run", MARK, "--topic", TOPIC, "--provider", "offline", "--session", name, *COMMON]


def kept(folder, database=None):
    """Everything in the data folder, and every value in the database."""
    found = {
        path.name: path.read_bytes() for path in (folder / "data").rglob("*") if path.is_file()
    }
    tables = ("checkpoints", "writes")
    if database:
        tables = ("checkpoints", "checkpoint_writes", "checkpoint_blobs")
        connection = psycopg.connect(database)
    else:
        connection = sqlite3.connect(folder / "data" / "sessions.sqlite3")
    with contextlib.closing(connection):
        for table in tables:
            rows = connection.execute(f"SELECT * FROM {table}").fetchall()
            found[table] = repr(rows).encode()
    return found


def test_killed_resumed_and_forked_nothing_of_a_session_can_be_read_without_its_key(
    folder, say, monkeypatch, database
):
    if database:
        monkeypatch.setenv(VARIABLE, database)
    process = subprocess.Popen(
        [sys.executable, "-m", "virtual_agora.main", *begin("s"), "--yes"],
        env={**os.environ, "VIRTUAL_AGORA_OFFLINE_LATENCY": "0.1"},
        stdout=subprocess.DEVNULL,
    )
    log = folder / "data" / "logs" / "s.jsonl"
    deadline = time.monotonic() + 60
    while not log.exists() or "CallFinished" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    # While nothing has closed the database, what was written last is in its write-ahead log.
    found = kept(folder, database)
    assert say("resume", "s", "--yes", *COMMON)[0] == 0
    assert say("fork", "s", "--at", "9", "--name", "f", *COMMON)[0] == 0
    assert say("resume", "f", "--yes", *COMMON)[0] == 0
    found |= {f"{name} later": content for name, content in kept(folder, database).items()}
    written = {"checkpoint_blobs later"} if database else {"sessions.sqlite3-wal", "writes later"}
    assert {"s.jsonl", "f.jsonl later", "checkpoints later"} | written <= set(found)
    for name, content in found.items():
        for word in CONTENT:
            assert word.encode() not in content, (name, word)
        assert KEY.encode() not in content
        assert bytes.fromhex(KEY) not in content
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"SessionStarted", "CallFinished", "StepFinished", "SessionFinished"} <= {
        line["event"] for line in lines
    }
    # With the key everything is there; the reports are for reading.
    code, shown, _ = say("show", "f", "--json", *COMMON)
    assert (code, MARK in shown) == (0, True)
    assert MARK in (folder / "reports" / "session_f" / "index.md").read_text()
    for key, sentence in ((None, "is not set"), (OTHER, "is another one")):
        monkeypatch.delenv(ENCRYPTION_KEY)
        if key:
            monkeypatch.setenv(ENCRYPTION_KEY, key)
        for words in (
            ["resume", "s", "--yes"],
            ["show", "s"],
            ["show", "s", "--steps"],
            ["fork", "s", "--at", "3"],
            ["report", "s"],
        ):
            code, out, err = say(*words, *COMMON)
            assert (code, sentence in err) == (4, True), (words, err)
            assert "Set it" in err
        code, out, _ = say("sessions", *COMMON)
        assert (code, out.count("encrypted: its key is not here")) == (0, 2)
        monkeypatch.setenv(ENCRYPTION_KEY, KEY)


def test_with_and_without_a_key_sessions_live_in_one_database(folder, say, monkeypatch):
    monkeypatch.delenv(ENCRYPTION_KEY)
    assert say(*begin("plain"))[0] == 3
    (folder / ".env").write_text(f"{ENCRYPTION_KEY}={KEY}\n")
    assert say(*begin("secret"))[0] == 3
    code, out, _ = say("sessions", *COMMON)
    assert (code, "encrypted" in out, out.count("wrens")) == (0, False, 2)
    assert say("show", "plain", *COMMON)[0] == 0
    (folder / ".env").unlink()
    code, out, _ = say("sessions", *COMMON)
    assert (code, out.count("encrypted"), out.count("wrens")) == (0, 1, 1)
    assert say("resume", "plain", "--yes", *COMMON)[0] == 0
    with Agora(folder / "data") as agora:
        assert {info.session_id: info.status for info in agora.list_sessions()} == {
            "secret": "encrypted",
            "plain": "complete",
        }


def test_a_session_that_was_begun_without_a_key_is_gone_on_with_under_one(folder, say, monkeypatch):
    monkeypatch.delenv(ENCRYPTION_KEY)
    assert say(*begin("s"))[0] == 3
    monkeypatch.setenv(ENCRYPTION_KEY, KEY)
    assert say("resume", "s", "--yes", *COMMON)[0] == 0
    monkeypatch.delenv(ENCRYPTION_KEY)
    assert "is encrypted" in say("show", "s", *COMMON)[2]


def test_doctor_says_whether_sessions_are_encrypted(folder, say, monkeypatch):
    assert f"the key is in {ENCRYPTION_KEY}" in say("doctor", *COMMON)[1]
    monkeypatch.setenv(ENCRYPTION_KEY, "short")
    code, out, _ = say("doctor", *COMMON)
    assert code == 2
    assert "takes 64 hexadecimal digits" in out
    assert "secrets.token_hex(32)" in out
    code, _, err = say(*begin("s"))
    assert (code, "takes 64 hexadecimal digits" in err) == (2, True)
    monkeypatch.delenv(ENCRYPTION_KEY)
    assert "kept unencrypted" in say("doctor", *COMMON)[1]


def test_doctor_warns_of_folders_that_everybody_may_write_to(folder, say):
    (folder / "shared").mkdir()
    (folder / "shared").chmod(0o777)
    assert "Everybody may write to" in say("doctor", "--reports-dir", "shared", *COMMON)[1]
    (folder / "shared").chmod(0o1777)
    assert "Everybody may write to" not in say("doctor", "--reports-dir", "shared", *COMMON)[1]


@pytest.mark.parametrize(("key", "says"), [(None, "is not set"), (OTHER, "is another one")])
def test_the_doctor_warns_of_a_key_that_does_not_fit(folder, say, monkeypatch, key, says):
    assert say(*begin("s"))[0] == 3
    doctor = ("doctor", *COMMON)
    assert (
        f"ok      encryption: Sessions are encrypted; the key is in {ENCRYPTION_KEY}."
        in say(*doctor)[1]
    )
    monkeypatch.delenv(ENCRYPTION_KEY)
    if key:
        monkeypatch.setenv(ENCRYPTION_KEY, key)
    code, out, _ = say(*doctor)
    assert code == 0
    line = next(line for line in out.splitlines() if "encryption:" in line)
    assert line.startswith("warning encryption: The latest session, “s”, cannot be read.")
    assert says in line


def test_without_the_key_a_name_is_still_taken_and_a_comparison_says_which_cannot_be_read(
    folder, say, monkeypatch
):
    assert say(*begin("enc"))[0] == 3
    monkeypatch.delenv(ENCRYPTION_KEY)
    code, _, err = say(*begin("enc"))
    assert (code, "There is already a session “enc”." in err) == (2, True)
    assert say(*begin("plain"))[0] == 3
    code, _, err = say("diff", "plain", "enc", *COMMON)
    assert (code, "Session “enc”: The session is encrypted" in err) == (4, True)
