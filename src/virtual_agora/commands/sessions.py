"""The commands that hold sessions, and look at them."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from rich.console import Console

from virtual_agora import reports
from virtual_agora.cleaning import plain_json
from virtual_agora.commands.estimates import estimated, tokens_of
from virtual_agora.commands.shared import (
    check_ready,
    configuration,
    data_dir,
    database,
    existing,
    is_interactive,
    make_reports_folder,
    on_provider,
    placed,
    relative,
    resume_command,
)
from virtual_agora.config.documents import load_documents
from virtual_agora.config.environment import load_env
from virtual_agora.config.loader import load_config
from virtual_agora.config.models import Config
from virtual_agora.errors import (
    Exit,
    SessionLockedError,
    SessionNotFoundError,
    SessionTakenOverError,
    StorageError,
    UsageError,
)
from virtual_agora.estimates.estimate import record
from virtual_agora.events import Event
from virtual_agora.execution.session import Agora
from virtual_agora.flow.files import reports_folder
from virtual_agora.hitl import Answerer, Question, check_theme, default_answer
from virtual_agora.prompts import Prompts
from virtual_agora.providers.vendors import check_provider
from virtual_agora.reports.forks import change_words
from virtual_agora.ui import LiveView, PlainView, make_console, make_view
from virtual_agora.ui.comparison import show_comparison
from virtual_agora.ui.estimate import draw_estimate
from virtual_agora.ui.forms import answerer
from virtual_agora.ui.interruption import GONE, discard_output, interruptible, leaving
from virtual_agora.ui.sessions import sessions_table, show_session
from virtual_agora.ui.steps import steps_list
from virtual_agora.ui.text import one_line

__all__ = ["diff", "fork", "report", "resume", "run", "sessions", "show"]

View = LiveView | PlainView


def run(chosen: Namespace) -> int:
    """Begin a session and run it."""
    load_env(Path())
    config, remark = configuration(chosen)
    if chosen.estimate:
        return _estimate(chosen, config, remark)
    check_ready(config)
    theme, topics = _theme(chosen)
    documents = load_documents(chosen.context) if chosen.context else []
    make_reports_folder(chosen.reports_dir)
    view = make_view(plain=chosen.plain)
    for line in (
        remark,
        *(f"Reading {d['name']}, about {d['tokens']:,} tokens." for d in documents),
    ):
        view.console.print(line)
    with Agora(data_dir(chosen), database(chosen)) as agora:
        session_id = agora.create(
            config,
            theme=theme,
            topics=topics,
            documents=documents,
            session_id=chosen.session,
            reports_dir=chosen.reports_dir,
            seed=chosen.seed,
            estimate=record(
                estimated(agora, config, theme, topics, documents), tokens_of(documents)
            ),
        )
        return _run_leg(agora, session_id, view, chosen)


def resume(chosen: Namespace) -> int:
    """Go on with a session where it stands."""
    view = make_view(plain=chosen.plain)
    with existing(chosen) as agora:
        return _run_leg(agora, chosen.session, view, chosen)


def sessions(chosen: Namespace) -> int:
    """List the sessions, the latest first."""
    console = make_console()
    try:
        with existing(chosen) as agora:
            console.print(sessions_table(agora.list_sessions()))
    except SessionNotFoundError as nothing:
        console.print(str(nothing))
    return Exit.DONE


def show(chosen: Namespace) -> int:
    """Show one session: a summary, its steps, or everything as JSON."""
    with existing(chosen) as agora:
        if chosen.steps:
            state = agora.snapshot(chosen.session)
            console = make_console()
            begin = placed(f"virtual-agora fork {chosen.session} --at STEP", chosen)
            console.print(f"A new session, from just before the step of that number: {begin}")
            console.print(steps_list(state, agora.steps(chosen.session)))
            return Exit.DONE
        state = agora.snapshot(chosen.session)
        if chosen.json:
            whole = {
                "standing": agora.info(chosen.session).status,
                **json.loads(reports.session_json(state)),
            }
            sys.stdout.write(plain_json(whole, indent=2) + "\n")
            return Exit.DONE
        console, info = make_console(), agora.info(chosen.session)
        console.print(show_session(state, info))
        if info.status != "complete":
            console.print(f"  Go on: {resume_command(chosen.session, chosen)}")
    return Exit.DONE


def report(chosen: Namespace) -> int:
    """Write the reports of a session as it was last saved, finished or not."""
    if chosen.pdf:
        reports.require_weasyprint()
    with existing(chosen) as agora:
        state = agora.snapshot(chosen.session)
    if not state.get("main_topic"):
        raise UsageError(
            f"The session {chosen.session} has no theme yet, so there is nothing to report.",
            hint=f"Give it one: virtual-agora resume {chosen.session}",
        )
    folder: Path = chosen.to or reports_folder(state)
    files = reports.final_report(state)
    printed = {"report.pdf": reports.pdf(files[reports.HTML])} if chosen.pdf else {}
    write = reports.write if chosen.to else reports.write_own
    try:
        write({**files, **printed}, folder)
    except StorageError as error:
        if chosen.to is None:
            raise
        # The session's own folder is none of the reader's concern here: any other will do.
        raise StorageError(error.message, hint="Name another folder with --to.") from error
    shown = " and ".join(relative(folder / name) for name in (reports.HTML, *printed))
    make_console().print(f"Wrote {shown}, and what belongs to {'them' if printed else 'it'}.")
    return Exit.DONE


def fork(chosen: Namespace) -> int:
    """Begin a new session from a step of another, under another configuration if one is named."""
    load_env(Path())
    with existing(chosen) as agora:
        config = load_config(chosen.config, check_provider) if chosen.config else None
        if chosen.provider:
            before = Config.model_validate(agora.snapshot(chosen.session)["config"])
            config, _ = on_provider(config or before, chosen.provider)
        if config is not None:
            check_ready(config)
        new = agora.fork(chosen.session, chosen.at, chosen.name, config=config)
        changes = agora.snapshot(new)["forked_from"][-1]["changes"]
    console = make_console()
    console.print(f"Session {new} begins where {chosen.session} was at step {chosen.at}.")
    for change in changes:
        console.print(one_line(f"- {change_words(change)}"))
    console.print(f"Go on with it: {resume_command(new, chosen)}")
    return Exit.DONE


def diff(chosen: Namespace) -> int:
    """Compare two sessions."""
    with existing(chosen) as agora:
        comparison = agora.compare(chosen.session, chosen.other)
    if chosen.json:
        sys.stdout.write(json.dumps(comparison.plain(), ensure_ascii=False, indent=2) + "\n")
    else:
        make_console().print(show_comparison(comparison))
    return Exit.DONE


def _estimate(chosen: Namespace, config: Config, remark: str) -> int:
    """Say what the session would take. Nothing is called, and nothing begun: not even keys are needed."""
    Prompts(Path(config.prompts) if config.prompts else None).check()
    theme, topics = check_theme(chosen.theme or "-", chosen.topic)
    documents = load_documents(chosen.context) if chosen.context else []
    with ExitStack() as held:
        agora = None
        # Where nothing was ever held, nothing is made.
        with suppress(SessionNotFoundError, UsageError):
            agora = held.enter_context(existing(chosen))
        made = estimated(agora, config, theme, topics, documents)
    console = make_console()
    console.print(remark)
    console.print(draw_estimate(made, config.budget))
    return Exit.DONE


def _theme(chosen: Namespace) -> tuple[str, list[str]]:
    if chosen.theme is not None:
        return check_theme(chosen.theme, chosen.topic)
    if chosen.yes or not is_interactive():
        raise UsageError(
            "There is nothing to deliberate on.",
            hint='Give a theme: virtual-agora run "Your question"',
        )
    return "", check_theme("-", chosen.topic)[1]


def _run_leg(agora: Agora, session_id: str, view: View, chosen: Namespace) -> int:
    """Run as far as it goes, and say how to go on from there."""
    again = f"To go on: {resume_command(session_id, chosen)}"
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
    if chosen.yes:
        answer = default_answer
    elif is_interactive():
        answer = _at_leisure(answerer(view), control)
    console: Console = view.console
    # One that cannot be opened is not gone on with, either.
    view.recall(agora.snapshot(session_id))
    try:
        with view, interruptible(tell, console, control, stopped):
            leg = agora.run_leg(session_id, answer, listener=tell, control=control)
    except (KeyboardInterrupt, GraphDrained):
        if unread and control.drain_reason != GONE:
            sys.stderr.write(f"{stopped}\n")
            raise unread[0] from None
        console.print(stopped)
        return Exit.INTERRUPTED
    except (SessionLockedError, SessionTakenOverError):
        raise
    except Exception:
        console.print(again)
        raise
    if leg.status == "waiting":
        message: Any = leg.question["message"] if leg.question else ""
        console.print(f"The session waits for you: {message}")
        console.print(again)
        return Exit.WAITING
    console.print(f"Begin with {relative(leg.reports / 'index.md')}")
    return Exit.DONE


def _at_leisure(answer: Answerer, control: RunControl) -> Answerer:
    """`answer`, during which a signal leaves at once, since no call is in flight, and a key can be mended."""

    def ask(question: Question) -> Any:
        with leaving(control):
            given = answer(question)
        if question["type"] == "provider_failure":
            load_env(Path())
        return given

    return ask
