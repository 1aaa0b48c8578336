"""The command `parity`."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence

from langgraph_parity import commands as commands_of_histories
from langgraph_parity import lint
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
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; 0 is good, 1 means findings, 2 bad usage."""
    options = parser().parse_args(arguments)
    run: Command = options.run
    try:
        return run(options)
    except ParityUsageError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
