"""The commands that prepare a place for sessions."""

from __future__ import annotations

import shlex
from argparse import Namespace
from pathlib import Path

from virtual_agora import doctor as diagnosis
from virtual_agora.commands.shared import configuration, data_dir, database
from virtual_agora.config.environment import load_env
from virtual_agora.config.starter import first_command, other_prompts, write_starter
from virtual_agora.errors import Exit
from virtual_agora.ui import make_console

__all__ = ["doctor", "init"]


def doctor(chosen: Namespace) -> int:
    """Check everything a session needs, and say what to do about what is missing."""
    load_env(Path())
    config, remark = configuration(chosen)
    console = make_console()
    console.print(remark)
    healthy = True
    for check in diagnosis.checks(
        config,
        data_dir=data_dir(chosen),
        database=database(chosen),
        reports_dir=chosen.reports_dir,
        call_models=chosen.call,
    ):
        mark = {True: "ok     ", None: "warning", False: "FAILED "}[check.ok]
        console.print(f"{mark} {check.name}: {check.message}")
        if check.hint:
            console.print(f"        {check.hint}")
        healthy = healthy and check.ok is not False
    return Exit.DONE if healthy else Exit.USAGE


def init(chosen: Namespace) -> int:
    """Write a configuration to begin with."""
    console = make_console()
    written = write_starter(chosen.folder, template=chosen.template, force=chosen.force)
    for path in written:
        console.print(f"Wrote {path}")
    for path in other_prompts(chosen.folder, written):
        console.print(f"{path} was there before, and counts as well.")
    if chosen.template:
        there = "" if chosen.folder == Path() else f"cd {shlex.quote(str(chosen.folder))} && "
        console.print(f"{chosen.folder / 'README.md'} says what it is for. To begin:")
        console.print(f"{there}{first_command(chosen.template)}", soft_wrap=True)
    console.print("Edit them, then check with: virtual-agora doctor --call")
    return Exit.DONE
