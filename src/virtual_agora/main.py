"""The command line. What a command does is in `commands`; here are its words and its last lines."""

from __future__ import annotations

import argparse
import gc
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from traceback import format_exception
from types import TracebackType

from virtual_agora.errors import Exit, NodeExecutionError, VirtualAgoraError

__all__ = ["cli", "main", "parser"]

MOST_AT_A_TIME = 64
"""Sessions of a study; each has a thread, and further ones for its calls."""


def parser() -> argparse.ArgumentParser:
    """The words of the command line."""
    top = argparse.ArgumentParser(
        prog="virtual-agora",
        description="A panel of language-model agents deliberates on your question, under your control.",
        epilog="Without configuration and keys a scripted panel speaks, so that you can see how it works.",
    )
    top.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="begin a deliberation")
    run.add_argument(
        "theme", nargs="?", metavar="THEME", help="the question; asked for when left out"
    )
    run.add_argument("--config", type=Path, metavar="FILE", help="configuration (./config.yml)")
    run.add_argument(
        "--provider",
        metavar="NAME",
        help="put the whole panel on one provider, e.g. offline or ollama",
    )
    run.add_argument(
        "--topic",
        action="append",
        default=[],
        metavar="TEXT",
        help="a topic of yours, instead of a voted agenda; repeatable",
    )
    run.add_argument(
        "--context", type=Path, metavar="FOLDER", help=".txt and .md files for the panel to read"
    )
    run.add_argument("--session", metavar="NAME", help="a name for the session")
    run.add_argument("--seed", type=_seed, metavar="N", help="the seed of every random choice")
    run.add_argument(
        "--estimate",
        action="store_true",
        help="say what the session would take, and begin none",
    )
    run.add_argument(
        "--budget",
        type=_dollars,
        metavar="DOLLARS",
        help="the most that the session may cost before you are asked, in US dollars",
    )
    run.add_argument(
        "--reports-dir",
        type=Path,
        default=Path("reports"),
        metavar="FOLDER",
        help="where reports go (./reports)",
    )

    resume = commands.add_parser("resume", help="go on with a session where it stands")
    resume.add_argument("session", metavar="SESSION")
    for running in (run, resume):
        running.add_argument(
            "--yes", action="store_true", help="answer every question with its default"
        )
        running.add_argument("--plain", action="store_true", help="plain text, line by line")

    sessions = commands.add_parser("sessions", help="list the sessions")
    show = commands.add_parser("show", help="show a session")
    show.add_argument("session", metavar="SESSION")
    kind = show.add_mutually_exclusive_group()
    kind.add_argument("--json", action="store_true", help="everything, as a program reads it")
    kind.add_argument("--steps", action="store_true", help="the steps it can be forked at")

    report = commands.add_parser("report", help="write a session's reports again, or as PDF")
    report.add_argument("session", metavar="SESSION")
    report.add_argument("--pdf", action="store_true", help="also report.pdf, for printing")
    report.add_argument(
        "--to", type=Path, metavar="FOLDER", help="where to write (the session's own folder)"
    )

    fork = commands.add_parser("fork", help="begin a new session from a step of another")
    fork.add_argument("session", metavar="SESSION")
    fork.add_argument(
        "--at", type=_step, required=True, metavar="STEP", help="a number from show SESSION --steps"
    )
    fork.add_argument(
        "--config", type=Path, metavar="FILE", help="go on under this configuration (the session's)"
    )
    fork.add_argument(
        "--provider", metavar="NAME", help="put the whole panel on one provider from there on"
    )
    fork.add_argument("--name", metavar="NAME", help="a name for the new session")

    diff = commands.add_parser(
        "diff", help="show where two sessions parted, and what became of each"
    )
    diff.add_argument("session", metavar="ONE")
    diff.add_argument("other", metavar="OTHER")
    diff.add_argument("--json", action="store_true", help="the same, as a program reads it")

    study = commands.add_parser("study", help="hold every session of a design, and compare them")
    study.add_argument("design", type=Path, metavar="DESIGN", help="the design, a YAML file")
    study.add_argument(
        "--yes", action="store_true", help="begin even more sessions than the design allows unasked"
    )
    study.add_argument(
        "--parallel", type=_number, default=1, metavar="N", help="sessions at a time (1)"
    )
    study.add_argument(
        "--results-dir",
        type=Path,
        default=Path("results"),
        metavar="FOLDER",
        help="where table, comparison and reports go, in a folder of the study's name (./results)",
    )

    doctor = commands.add_parser("doctor", help="check configuration, keys, disk and database")
    doctor.add_argument("--config", type=Path, metavar="FILE", help="configuration (./config.yml)")
    doctor.add_argument(
        "--call", action="store_true", help="also make one tiny call to every model"
    )
    doctor.add_argument(
        "--reports-dir",
        type=Path,
        default=Path("reports"),
        metavar="FOLDER",
        help="where reports go (./reports)",
    )

    init = commands.add_parser("init", help="write a configuration to begin with")
    init.add_argument("folder", nargs="?", type=_folder, default=Path(), metavar="FOLDER")
    init.add_argument(
        "--template",
        metavar="NAME",
        help="a panel for a purpose: decision, policy, red-team, research or retrospective",
    )
    init.add_argument("--force", action="store_true", help="replace files that are there")

    for using in (run, resume, sessions, show, report, fork, diff, study, doctor):
        using.add_argument(
            "--data-dir",
            type=Path,
            metavar="FOLDER",
            help="where sessions are kept (VIRTUAL_AGORA_HOME)",
        )
        using.add_argument(
            "--database",
            metavar="URL",
            help="keep them in PostgreSQL, postgresql://… (VIRTUAL_AGORA_DATABASE)",
        )
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line and return its exit code; errors are printed, not raised."""
    try:
        chosen = parser().parse_args(arguments)
        # Imported only here, so that --help answers at once.
        from virtual_agora.commands import command
        from virtual_agora.commands.shared import placed
        from virtual_agora.ui.interruption import discard_output

        carry_out = command(chosen.command)
        # What is imported stays to the end; walking it again at every collection would stop all calls for 50 ms.
        gc.freeze()
        code = carry_out(chosen)
        sys.stdout.flush()  # at exit it would be too late to say what goes wrong with it
    except KeyboardInterrupt:
        _say("Interrupted.")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        discard_output()
        return Exit.INTERRUPTED
    except VirtualAgoraError as error:
        cause = error.cause if isinstance(error, NodeExecutionError) else None
        told = cause if isinstance(cause, VirtualAgoraError) else error
        _say(f"Error: {told.message}", placed(told.hint, chosen))
        return told.exit_code
    except OSError as error:
        # Files have errors of their own; what is left is, as a rule, the output.
        discard_output()
        _say(f"Error: {error.filename or 'The output'} cannot be used: {error.strerror or error}.")
        return Exit.FAILED
    return code


def cli() -> None:
    """The entry point of the installed command. What it cannot explain, a bug, is told without keys."""
    sys.excepthook = _tell_bug
    # While no run is under way these do what Ctrl-C does; a run has ways of its own (`ui.interruption`).
    for name in ("SIGTERM", "SIGHUP"):
        if signal.getsignal(number := getattr(signal, name, signal.SIGINT)) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    sys.exit(main())


def _tell_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _say("".join(format_exception(kind, error, trace)).rstrip())


class _ShowVersion(argparse.Action):
    """Looks the version up only when asked for: the package's metadata takes a while to find."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        parser.exit(message=f"virtual-agora {version('virtual-agora')}\n")


def _seed(text: str) -> int:
    # Imported only here, so that --help answers at once.
    from virtual_agora.config.models import MAX_SEED

    if not text.isdecimal() or len(text) > len(str(MAX_SEED)) or int(text) > MAX_SEED:
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0 to {MAX_SEED}")
    return int(text)


def _dollars(text: str) -> float:
    # Imported only here, so that --help answers at once.
    from virtual_agora.amounts import read

    try:
        return float(read("cost", text, 0))
    except ValueError:
        raise argparse.ArgumentTypeError(
            "a budget is an amount of US dollars above 0, such as 2.50"
        ) from None


def _number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text[:9]) <= MOST_AT_A_TIME:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {MOST_AT_A_TIME}")
    return int(text)


def _step(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            "a step is a whole number, one of those that show SESSION --steps lists"
        ) from None


def _folder(text: str) -> Path:
    # An empty name would be the folder one is in, which nobody has named.
    if not text.strip():
        raise argparse.ArgumentTypeError(
            "the name is empty; leave it out for the folder you are in, or name another"
        )
    return Path(text)


def _say(*lines: str) -> None:
    from virtual_agora.cleaning import clean
    from virtual_agora.providers.redaction import redact

    with suppress(OSError):  # the terminal may be gone
        for line in filter(None, lines):
            print(clean(redact(line, passwords=True)), file=sys.stderr)


if __name__ == "__main__":
    cli()
