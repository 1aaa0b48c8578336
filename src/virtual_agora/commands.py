"""What each command does: gather, hand over, say how it ended. Each returns an exit code."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from platformdirs import user_data_path
from rich.console import Console

from virtual_agora import doctor as diagnosis
from virtual_agora.config.defaults import offline_panel, panel_of
from virtual_agora.config.documents import load_documents
from virtual_agora.config.environment import load_env
from virtual_agora.config.loader import load_config
from virtual_agora.config.models import Config
from virtual_agora.config.starter import write_starter
from virtual_agora.errors import (
    ConfigurationError,
    Exit,
    SessionLockedError,
    SessionNotFoundError,
    StorageError,
    UsageError,
)
from virtual_agora.events import Event
from virtual_agora.execution.session import Agora
from virtual_agora.hitl import Answerer, Question, check_theme, default_answer
from virtual_agora.prompts import Prompts
from virtual_agora.providers.create import require_address, require_extra
from virtual_agora.providers.vendors import VENDORS, check_provider, require_key
from virtual_agora.reports import session_json
from virtual_agora.state.checkpoints import DATABASE
from virtual_agora.studies.comparison import write_comparison
from virtual_agora.studies.design import load_design
from virtual_agora.studies.grid import Grid
from virtual_agora.studies.study import Study
from virtual_agora.studies.tables import write_tables
from virtual_agora.studies.words import outcome, plan
from virtual_agora.ui import LiveView, PlainView, make_console, make_view
from virtual_agora.ui.forms import answerer
from virtual_agora.ui.interruption import discard_output, interruptible
from virtual_agora.ui.sessions import sessions_table, show_session, steps_table

__all__ = [
    "discard_output",
    "doctor",
    "fork",
    "init",
    "resume",
    "run",
    "sessions",
    "show",
    "study",
]

View = LiveView | PlainView


def run(chosen: Namespace) -> int:
    """Begin a session and run it."""
    load_env(Path())
    config, remark = _configuration(chosen)
    _check_ready(config)
    theme, topics = _theme(chosen)
    documents = load_documents(chosen.context) if chosen.context else []
    _make_reports_folder(chosen.reports_dir)
    view = make_view(plain=chosen.plain)
    for line in (
        remark,
        *(f"Reading {d['name']}, about {d['tokens']:,} tokens." for d in documents),
    ):
        view.console.print(line)
    with Agora(_data_dir(chosen)) as agora:
        session_id = agora.create(
            config,
            theme=theme,
            topics=topics,
            documents=documents,
            session_id=chosen.session,
            reports_dir=chosen.reports_dir,
            seed=chosen.seed,
        )
        return _run_leg(agora, session_id, view, yes=chosen.yes, data_dir=chosen.data_dir)


def resume(chosen: Namespace) -> int:
    """Go on with a session where it stands."""
    load_env(Path())
    view = make_view(plain=chosen.plain)
    with _existing(chosen) as agora:
        return _run_leg(agora, chosen.session, view, yes=chosen.yes, data_dir=chosen.data_dir)


def sessions(chosen: Namespace) -> int:
    """List the sessions, the latest first."""
    console = make_console()
    try:
        with _existing(chosen) as agora:
            console.print(sessions_table(agora.list_sessions()))
    except SessionNotFoundError as nothing:
        console.print(str(nothing))
    return Exit.DONE


def show(chosen: Namespace) -> int:
    """Show one session: a summary, its steps, or everything as JSON."""
    with _existing(chosen) as agora:
        if chosen.steps:
            make_console().print(steps_table(agora.steps(chosen.session)))
            return Exit.DONE
        state = agora.snapshot(chosen.session)
        if chosen.json:
            whole = {
                "standing": agora.info(chosen.session).status,
                **json.loads(session_json(state)),
            }
            sys.stdout.write(json.dumps(whole, ensure_ascii=False, indent=2) + "\n")
            return Exit.DONE
        make_console().print(show_session(state, agora.info(chosen.session)))
    return Exit.DONE


def fork(chosen: Namespace) -> int:
    """Begin a new session from a step of another."""
    with _existing(chosen) as agora:
        new = agora.fork(chosen.session, chosen.at, chosen.name)
    console = make_console()
    console.print(f"Session {new} begins where {chosen.session} was at step {chosen.at}.")
    console.print(f"Go on with it: {_resume_command(new, chosen.data_dir)}")
    return Exit.DONE


def study(chosen: Namespace) -> int:
    """Hold the sessions of a design that are not held yet; write the table and the comparison of all."""
    load_env(Path())
    design = load_design(chosen.design, check_provider)
    for panel in design.panels.values():
        _check_ready(panel)
    grid, folder = Grid(design), chosen.results_dir / design.name
    console, again = make_console(), _study_command(chosen)
    with Agora(_data_dir(chosen)) as agora:
        held = Study(agora, grid, folder / "reports")
        for line in plan(held):
            console.print(line)
        if not chosen.yes and not _may_begin(held.left, design.budget.max_sessions):
            return Exit.USAGE
        _make_reports_folder(folder, "--results-dir")
        control = RunControl()
        stopping = "Stopping after the calls in flight; Ctrl-C again stops at once."
        stopped = f"Stopped; everything that was answered is saved. To go on: {again}"
        with interruptible(lambda _: console.print(stopping), console, control, stopped):
            held.hold(console.print, control, chosen.parallel)
        files = [*write_tables(held.table(), folder), write_comparison(held, folder)]
    for line in outcome(held, again):
        console.print(line)
    console.print(f"Begin with {_relative(files[-1])}")
    if control.drain_requested:
        return Exit.INTERRUPTED
    if held.failed:
        return Exit.FAILED
    return Exit.WAITING if held.left else Exit.DONE


def doctor(chosen: Namespace) -> int:
    """Check everything a session needs, and say what to do about what is missing."""
    load_env(Path())
    config, remark = _configuration(chosen)
    console = make_console()
    console.print(remark)
    healthy = True
    for check in diagnosis.checks(
        config,
        data_dir=_data_dir(chosen),
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
    for path in write_starter(chosen.folder, force=chosen.force):
        console.print(f"Wrote {path}")
    console.print("Edit them, then check with: virtual-agora doctor --call")
    return Exit.DONE


def _configuration(chosen: Namespace) -> tuple[Config, str]:
    """The configuration to use, and a sentence on where it comes from."""
    config = load_config(chosen.config, check_provider)
    provider = getattr(chosen, "provider", None)
    if provider is not None:
        try:
            vendor = check_provider(provider)
        except ConfigurationError as error:
            raise UsageError(error.message, hint=f"Choose one of {', '.join(VENDORS)}.") from None
        if not vendor.default_model:
            raise ConfigurationError(
                f"The provider {vendor.name} needs to know which model.",
                hint="Name provider, model and base_url in a configuration: virtual-agora init",
            )
        panel = (
            config.speaking_through(vendor.name, vendor.default_model)
            if config
            else panel_of(vendor.name, vendor.default_model)
        )
        if vendor.name == "offline":
            return panel, "A scripted panel speaks. For real models: virtual-agora init"
        return panel, f"Every member speaks through {vendor.label}."
    if config is not None:
        names = ", ".join(name for name, _ in config.participants())
        return config, f"The panel: {names}."
    return offline_panel(), (
        "No config.yml here, so a scripted panel speaks. For real models: virtual-agora init"
    )


def _check_ready(config: Config) -> None:
    """Find out before anything begins what would stop it."""
    for agent in config.everyone():
        vendor = check_provider(agent.provider)
        require_address(vendor.name, agent.base_url)
        require_extra(vendor.name)
        require_key(vendor.name, agent.base_url)
    Prompts(Path(config.prompts) if config.prompts else None).check()


def _theme(chosen: Namespace) -> tuple[str, list[str]]:
    if chosen.theme is not None:
        return check_theme(chosen.theme, chosen.topic)
    if chosen.yes or not _is_interactive():
        raise UsageError(
            "There is nothing to deliberate on.",
            hint='Give a theme: virtual-agora run "Your question"',
        )
    return "", check_theme("-", chosen.topic)[1]


def _run_leg(agora: Agora, session_id: str, view: View, *, yes: bool, data_dir: Path | None) -> int:
    """Run as far as it goes, and say how to go on from there."""
    again = f"To go on: {_resume_command(session_id, data_dir)}"
    stopped = f"Stopped; everything that was answered is saved. {again}"
    control = RunControl()
    unread: list[OSError] = []

    def tell(event: Event) -> None:
        try:
            view(event)
        except OSError as error:
            # Nobody can read on. That ends the run as Ctrl-C does, after the calls in flight.
            unread.append(error)
            discard_output()
            control.request_drain("the output cannot be written")

    answer: Answerer | None = None
    if yes:
        answer = default_answer
    elif _is_interactive():
        answer = _at_leisure(answerer(view))
    console: Console = view.console
    view.recall(agora.snapshot(session_id))
    try:
        with view, interruptible(tell, console, control, stopped):
            leg = agora.run_leg(session_id, answer, listener=tell, control=control)
    except (KeyboardInterrupt, GraphDrained):
        if unread:
            sys.stderr.write(f"{stopped}\n")
            raise unread[0] from None
        console.print(stopped)
        return Exit.INTERRUPTED
    except SessionLockedError:
        raise
    except Exception:
        console.print(again)
        raise
    if leg.status == "waiting":
        message: Any = leg.question["message"] if leg.question else ""
        console.print(f"The session waits for you: {message}")
        console.print(again)
        return Exit.WAITING
    console.print(f"Begin with {_relative(leg.reports / 'index.md')}")
    return Exit.DONE


def _at_leisure(answer: Answerer) -> Answerer:
    """`answer`, during which Ctrl-C leaves at once, since no call is in flight, and a key can be mended."""

    def ask(question: Question) -> Any:
        running = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            given = answer(question)
        finally:
            signal.signal(signal.SIGINT, running)
        if question["type"] == "provider_failure":
            load_env(Path())
        return given

    return ask


def _is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _data_dir(chosen: Namespace) -> Path:
    """The folder of `--data-dir`, of VIRTUAL_AGORA_HOME, or the user's own for such data."""
    home = os.environ.get("VIRTUAL_AGORA_HOME")
    return chosen.data_dir or (Path(home) if home else user_data_path("virtual-agora"))


def _make_reports_folder(folder: Path, option: str = "--reports-dir") -> None:
    """Found out before the first call, not when the first report is written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The reports folder {folder} cannot be made: {error.strerror}.",
            hint=f"Name another with {option}.",
        ) from error


def _existing(chosen: Namespace) -> Agora:
    """The sessions that are there; looking at none makes no folder."""
    folder = _data_dir(chosen)
    if not (folder / DATABASE).exists():
        raise SessionNotFoundError(
            f"There are no sessions yet in {folder}.",
            hint='Begin one with virtual-agora run "Your question", or name another folder with --data-dir.',
        )
    return Agora(folder)


def _resume_command(session_id: str, data_dir: Path | None) -> str:
    where = f" --data-dir {data_dir}" if data_dir else ""
    return f"virtual-agora resume {session_id}{where}"


def _may_begin(sessions: int, unasked: int) -> bool:
    """Whether so many sessions may be begun: as the design allows, or as the user says.

    Raises:
        UsageError: they are more than the design allows, and there is nobody to ask.
    """
    if sessions <= unasked:
        return True
    if not _is_interactive():
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
    if chosen.data_dir:
        words += ["--data-dir", str(chosen.data_dir)]
    if chosen.parallel > 1:
        words += ["--parallel", str(chosen.parallel)]
    if chosen.yes:
        words.append("--yes")
    return f"virtual-agora study {shlex.join(words)}"


def _relative(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
