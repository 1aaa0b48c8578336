"""The subcommands `parity record` and `parity replay`."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from langgraph_parity.history import keep, read
from langgraph_parity.replay import replay
from langgraph_parity.rules import ParityUsageError
from langgraph_parity.running import Parity
from langgraph_parity.stored import stored_paths, tuples_of
from langgraph_parity.target import load_target

__all__ = ["add_to", "record_database"]


def add_to(commands: Any) -> None:
    """Add the subcommands."""
    made = commands.add_parser("record", help="keep the history of a session in a file")
    made.add_argument("--target", metavar="MODULE:ATTRIBUTE", help="run a session of this target")
    made.add_argument("--input", metavar="JSON", help="what the session begins with")
    made.add_argument("--answers", metavar="JSON", help="question type -> answer, or list of answers")  # fmt: skip
    made.add_argument("--database", metavar="FILE", help="read a thread of this SQLite database instead")  # fmt: skip
    made.add_argument("--thread", metavar="ID", help="the thread to read")
    made.add_argument("--out", metavar="FILE", required=True, help="the history")
    made.set_defaults(run=_record)
    again = commands.add_parser("replay", help="run new code against kept histories")
    again.add_argument("files", nargs="+", metavar="FILE")
    again.add_argument("--target", metavar="MODULE:ATTRIBUTE", required=True)
    again.add_argument("--volatile", metavar="GLOB", action="append", default=[], help="a value that may differ: field, node.field, field.part")  # fmt: skip
    again.set_defaults(run=_replay)


def record_database(database: str | Path, thread_id: str, path: str | Path) -> Path:
    """Keep a thread of a SQLite checkpoint database, which is only read.

    Raises:
        ParityUsageError: there is no such database or thread, or it is not one this LangGraph can read.
    """
    try:
        from langgraph.checkpoint.sqlite import SqliteSaver
    except ImportError:
        raise ParityUsageError(
            "--database needs the package langgraph-checkpoint-sqlite."
        ) from None
    if not Path(database).is_file():
        raise ParityUsageError(f"There is no database {database}.")
    try:
        address = f"{Path(database).absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, check_same_thread=False)) as connection:
            saver = SqliteSaver(connection)
            saver.is_setup = True  # setting up would write
            tuples = tuples_of(saver, thread_id)
            return keep(tuples, path, stored_paths(saver, thread_id))
    except ParityUsageError:
        raise
    except Exception as error:  # whatever another version has stored
        raise ParityUsageError(
            f"{database} is no checkpoint database that this LangGraph can read: {error}."
        ) from error


def _record(options: argparse.Namespace) -> int:
    if bool(options.target) == bool(options.database) or (
        bool(options.thread) != bool(options.database)
    ):
        raise ParityUsageError(
            "Say what to record: --target MODULE:ATTRIBUTE --input JSON, or --database FILE --thread ID."
        )
    if not Path(options.out).absolute().parent.is_dir():
        raise ParityUsageError(f"There is no folder for {options.out}.")
    if options.database:
        record_database(options.database, options.thread, options.out)
        print(_kept(options.out))
        return 0
    target = load_target(options.target, "--target")
    answers = _json("--answers", options.answers)
    if answers is not None and not isinstance(answers, dict):
        raise ParityUsageError("--answers is a JSON object: question type -> answer, or list of answers.")  # fmt: skip
    parity = Parity(target)
    run = parity.run(_json("--input", options.input), answers=answers)
    if run.ended == "failed":
        print(f"The session failed: {type(run.raised).__name__}: {run.raised}", file=sys.stderr)
    parity.record(run, options.out)
    print(f"{_kept(options.out)} It is {run.ended}.")
    return 1 if run.ended == "failed" else 0


def _replay(options: argparse.Namespace) -> int:
    target = load_target(options.target, "--target")
    findings = [
        one for file in options.files for one in replay(file, target, volatile=options.volatile)
    ]
    for finding in findings:
        print(finding)
    if not findings:
        several = "1 history" if len(options.files) == 1 else f"{len(options.files)} histories"
        print(f"{several} replayed, nothing has changed.")
    return 1 if findings else 0


def _kept(path: str) -> str:
    history = read(path)
    return f"{len(history.kept)} checkpoints of thread {history.thread_id} kept in {path}."


def _json(option: str, text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise ParityUsageError(f"{option} is not JSON: {error}.") from error
