"""The record of effects: shared, and there after the process is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent

import pytest

from langgraph_parity.effects import Effects


@pytest.fixture
def effects(tmp_path):
    return Effects(tmp_path / "effects.jsonl")


def test_effects_are_counted_by_name_and_key(effects):
    effects.record("mail", "ada", subject="Hello")
    effects.record("mail", "bob")
    effects.record("invoice", 7)
    assert effects.count() == 3
    assert effects.count("mail") == 2
    assert effects.count("mail", "ada") == effects.count("invoice", 7) == 1
    assert effects.count("parcel") == 0
    assert effects.all("mail")[0].data == {"subject": "Hello"}
    effects.once_each("mail", "invoice")


def test_what_did_not_happen_once_is_named(effects):
    effects.once_each()
    effects.record("mail", "ada")
    effects.record("mail", "ada")
    with pytest.raises(
        AssertionError, match=r"mail 'ada' happened 2 times; invoice never happened\."
    ):
        effects.once_each("mail", "invoice")


def test_threads_do_not_spoil_each_others_lines(effects):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: effects.record("write", n, text="x" * 20_000), range(200)))
    assert sorted(int(effect.key) for effect in effects.all()) == list(range(200))
    effects.once_each("write")


PROCESS = """
import os, signal, sys
from langgraph_parity.effects import Effects
effects = Effects(sys.argv[1])
for number in range(100):
    effects.record("step", f"{sys.argv[2]} {number}", text="x" * 5000)
if sys.argv[2] == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_effects_outlive_the_process_that_had_them(effects, tmp_path):
    script = tmp_path / "process.py"
    script.write_text(dedent(PROCESS))
    started = [
        subprocess.Popen([sys.executable, script, effects.path, name])
        for name in ("dies", "ends", "ends too")
    ]
    assert [process.wait() for process in started] == [-signal.SIGKILL, 0, 0]
    again = Effects(effects.path)
    assert again.count("step") == 300
    again.once_each("step")
    assert os.getpid() not in {effect.process for effect in again.all()}
