"""`parity record` and `parity replay`, as commands."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

import toy
from langgraph_parity import Parity
from langgraph_parity.cli import main

SHOP = """
import toy

target = toy.target()
changed = toy.target({"look_up": lambda state: {"votes": {state["topic"]: 2}}})
broken = toy.target({"look_up": lambda state: 1 / 0})
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parity_shop.py").write_text(SHOP)
    monkeypatch.chdir(tmp_path)


def record(*more: str, name: str = "target") -> int:
    given = ["--input", '{"topic": "x"}', "--out", "kept.json"]
    return main(["record", "--target", f"parity_shop:{name}", *given, *more])


def test_a_session_is_recorded_and_replayed(capsys: Any) -> None:
    assert record("--answers", '{"approval": ["reject", "approve"]}') == 0
    assert "It is done." in capsys.readouterr().out
    assert json.loads(Path("kept.json").read_text())["target"] == "toy"
    assert main(["replay", "kept.json", "--target", "parity_shop:target"]) == 0
    assert "nothing has changed" in capsys.readouterr().out
    assert main(["replay", "kept.json", "--target", "parity_shop:changed"]) == 1
    assert "P702 output-changed  kept.json step 2 look_up" in capsys.readouterr().out
    volatile = ["--volatile", "look_up.votes"]
    assert main(["replay", "kept.json", "--target", "parity_shop:changed", *volatile]) == 0


def test_a_session_that_fails_is_recorded_and_told(capsys: Any) -> None:
    assert record(name="broken") == 1
    said = capsys.readouterr()
    assert "ZeroDivisionError" in said.err
    assert "It is failed." in said.out
    assert main(["replay", "kept.json", "--target", "parity_shop:target"]) == 0


def test_a_thread_of_a_database(capsys: Any) -> None:
    connection = sqlite3.connect("x.sqlite3", check_same_thread=False)
    Parity(toy.target(), SqliteSaver(connection)).run({"topic": "x"}, thread_id="t")
    connection.close()
    assert main(["record", "--database", "x.sqlite3", "--thread", "t", "--out", "kept.json"]) == 0
    assert "of thread t kept in kept.json" in capsys.readouterr().out
    assert main(["replay", "kept.json", "--target", "parity_shop:target"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["record", "--out", "k.json"], "Say what to record"),
        (["record", "--database", "x", "--out", "k.json"], "Say what to record"),
        (["record", "--database", "x", "--thread", "t", "--out", "k.json"], "There is no database"),
        (["record", "--target", "parity_shop:target", "--out", "no/k.json"], "no folder"),
        (
            ["record", "--target", "parity_shop:target", "--input", "{", "--out", "k.json"],
            "not JSON",
        ),
        (
            ["record", "--target", "parity_shop:target", "--answers", "[]", "--out", "k.json"],
            "JSON object",
        ),
        (["record", "--target", "parity_shop:nobody", "--out", "k.json"], "names no target"),
        (["record", "--target", "parity_shop:toy", "--out", "k.json"], "not a Target"),
        (["replay", "no.json", "--target", "parity_shop:target"], "cannot be read"),
    ],
)
def test_bad_usage_is_one_sentence(arguments: list[str], said: str, capsys: Any) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_a_reader_that_leaves_is_no_error_worth_a_traceback():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "langgraph_parity.cli", "rules"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")
