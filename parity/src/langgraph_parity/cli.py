"""The command `parity`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from langgraph_parity import commands as commands_of_histories
from langgraph_parity import lint
from langgraph_parity.report import read
from langgraph_parity.rules import RULES, ParityUsageError

__all__ = ["main"]

Command = Callable[[argparse.Namespace], int]


def show_rules(options: argparse.Namespace) -> int:
    """Print the table of rules: id and title, what is wrong, how to mend it."""
    width = max(60, min(shutil.get_terminal_size().columns, 110))
    for rule in RULES.values():
        print(f"{rule.id} {rule.title}")
        for text in (f"{rule.wrong}.", f"→ {rule.mend}."):
            print(textwrap.fill(text, width, initial_indent="     ", subsequent_indent="     "))
    return 0


def combine(options: argparse.Namespace) -> int:
    """Combine reports of several runs; 1 if edges are missing that must not be."""
    report = read(options.parts)
    for path in (options.out, options.html):
        if path:
            report.write(path)
    print("\n".join(report.lines(all=True)))
    least = options.fail_under_edges
    sentence = None if least is None else report.too_few("edges", least)
    if sentence:
        print(sentence)
    return 1 if sentence else 0


def parser() -> argparse.ArgumentParser:
    """The command line; each subcommand sets `run`."""
    made = argparse.ArgumentParser(
        prog="parity", description="Production parity of a LangGraph application."
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    rules = commands.add_parser("rules", help="list the rules")
    rules.set_defaults(run=show_rules)
    linting = commands.add_parser("lint", help="find what keeps tests off the path of production")
    lint.add_arguments(linting)
    linting.set_defaults(run=lint.main)
    commands_of_histories.add_to(commands)
    parts = commands.add_parser("combine", help="combine the coverage of several runs")
    parts.add_argument("parts", nargs="+", type=Path, metavar="PART", help="a report.json")
    parts.add_argument("--out", type=Path, metavar="PATH", help="write it as JSON")
    parts.add_argument("--html", type=Path, metavar="PATH", help="write it as HTML")
    parts.add_argument("--fail-under-edges", type=float, metavar="N", help="1 if fewer than N %% of the edges were taken")  # fmt: skip
    parts.set_defaults(run=combine)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; 0 is good, 1 means findings, or a reader that left before the end, 2 bad usage."""
    options = parser().parse_args(arguments)
    run: Command = options.run
    try:
        code = run(options)
        sys.stdout.flush()
    except ParityUsageError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:
        # What is still to be written goes nowhere, or Python would complain of it when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
