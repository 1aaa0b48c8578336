"""The command that holds a study."""

from __future__ import annotations

import os
import shlex
from argparse import Namespace
from pathlib import Path

from langgraph.runtime import RunControl

from virtual_agora.commands.shared import (
    check_ready,
    data_dir,
    database,
    is_interactive,
    make_reports_folder,
    relative,
    where,
)
from virtual_agora.config.environment import load_env
from virtual_agora.errors import Exit, UsageError
from virtual_agora.execution.session import Agora
from virtual_agora.providers.vendors import OFFLINE_LATENCY, check_provider
from virtual_agora.studies.comparison import write_comparison
from virtual_agora.studies.design import load_design
from virtual_agora.studies.grid import Grid
from virtual_agora.studies.study import Study
from virtual_agora.studies.tables import write_tables
from virtual_agora.studies.words import outcome, plan
from virtual_agora.ui import make_console
from virtual_agora.ui.interruption import interruptible

__all__ = ["study"]


def study(chosen: Namespace) -> int:
    """Hold the sessions of a design that are not held yet; write the table and the comparison of all."""
    load_env(Path())
    # Nobody watches scripted panels speak here. Their pace is a setting of the environment, and of no configuration.
    if not os.environ.get(OFFLINE_LATENCY, "").strip():
        os.environ[OFFLINE_LATENCY] = "0"
    design = load_design(chosen.design, check_provider)
    for panel in design.panels.values():
        check_ready(panel)
    grid, folder = Grid(design), chosen.results_dir / design.name
    console, again = make_console(), _study_command(chosen)
    with Agora(data_dir(chosen), database(chosen)) as agora:
        held = Study(agora, grid, folder / "reports")
        for line in plan(held):
            console.print(line)
        if not chosen.yes and not _may_begin(held.left, design.budget.max_sessions):
            return Exit.USAGE
        make_reports_folder(folder, "--results-dir")
        control = RunControl()
        stopping = "Stopping after the calls in flight; Ctrl-C again stops at once."
        stopped = f"Stopped; everything that was answered is saved. To go on: {again}"
        with interruptible(lambda _: console.print(stopping), console, control, stopped):
            held.hold(console.print, control, chosen.parallel)
        table, *_ = write_tables(held.table(), folder)
        comparison = write_comparison(held, folder)
    for line in outcome(held, again):
        console.print(line)
    if held.complete:
        console.print(f"Begin with {relative(comparison)}")
    else:
        console.print(f"There is nothing to compare yet; how it stands is in {relative(table)}")
    if control.drain_requested:
        return Exit.INTERRUPTED
    if held.failed:
        return Exit.FAILED
    return Exit.WAITING if held.left else Exit.DONE


def _may_begin(sessions: int, unasked: int) -> bool:
    """Whether so many sessions may be begun: as the design allows, or as the user says.

    Raises:
        UsageError: they are more than the design allows, and there is nobody to ask.
    """
    if sessions <= unasked:
        return True
    if not is_interactive():
        raise UsageError(
            f"The study has {sessions:,} sessions to hold; {unasked:,} are the most without asking.",
            hint="Allow it with --yes, or raise max_sessions in the design's budget.",
        )
    try:
        said = input(f"Hold {sessions:,} sessions? [y/N] ")
    except EOFError:  # Ctrl-D
        said = ""
    if said.strip().lower() in ("y", "yes"):
        return True
    make_console().print("Nothing was begun.")
    return False


def _study_command(chosen: Namespace) -> str:
    words = [str(chosen.design)]
    if chosen.results_dir != Path("results"):
        words += ["--results-dir", str(chosen.results_dir)]
    words += where(chosen)
    if chosen.parallel > 1:
        words += ["--parallel", str(chosen.parallel)]
    if chosen.yes:
        words.append("--yes")
    return f"virtual-agora study {shlex.join(words)}"
