"""The sessions of one data folder or database: begun, run a leg at a time, listed, shown and forked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from langgraph.runtime import RunControl

from virtual_agora.clock import Clock
from virtual_agora.config.models import Config
from virtual_agora.errors import (
    DamagedSessionError,
    EncryptedSessionError,
    NewerSessionError,
    NodeExecutionError,
    SessionLockedError,
    StorageError,
    UsageError,
)
from virtual_agora.events import Listener, SessionFinished, SessionStarted
from virtual_agora.execution.company import Company
from virtual_agora.execution.comparison import Comparison, Whole, compare
from virtual_agora.execution.forking import forked
from virtual_agora.execution.log import SessionLog
from virtual_agora.execution.standing import SessionInfo, Step, next_step, standing
from virtual_agora.execution.stream_coordinator import StreamCoordinator
from virtual_agora.execution.telemetry import Telemetry
from virtual_agora.flow.files import reports_folder
from virtual_agora.flow.graph_v13 import VirtualAgoraV13Flow
from virtual_agora.flow.interrupts import GraphInterrupt
from virtual_agora.hitl import Answerer, Question
from virtual_agora.providers.redaction import remember
from virtual_agora.state.checkpoints import latest, unanswered
from virtual_agora.state.databases import VARIABLE, Database, open_store
from virtual_agora.state.demo import demo_stamp
from virtual_agora.state.leases import TERM
from virtual_agora.state.schema import ContextDocument, Estimated, VirtualAgoraState
from virtual_agora.state.serializer import encryption_key
from virtual_agora.state.stores import storage_errors, thread

__all__ = ["Agora", "Leg", "SessionInfo", "Step", "check_session_name"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Leg:
    """How far a run came: to the end, or to a `question` that waits."""

    status: Literal["complete", "waiting"]
    question: Question | None
    reports: Path


def check_session_name(name: str) -> str:
    """`name`, if it can be a session's.

    Raises:
        UsageError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"“{name[:64]}” cannot be the name of a session.",
            hint="Use up to 64 letters, digits, dots, dashes and underscores, and begin with a letter or digit.",
        )
    return name


class Agora:
    """The sessions of a database. Use it as a context manager: it holds the database open.

    They are in `database`, the address of one of PostgreSQL, or without it in SQLite in `data_dir`, where the logs are in
    any case. A session is run by one process at a time; one that has given no sign of life for `term` seconds loses its
    sessions to whoever wants to go on with them, one that is dead loses them at once.

    Raises:
        UsageError: `database` is no address of such a database.
    """

    def __init__(
        self,
        data_dir: Path,
        database: str | None = None,
        *,
        clock: Clock | None = None,
        term: float = TERM,
    ) -> None:
        self.data_dir = data_dir
        self._database = Database(database) if database else None
        if self._database:
            remember(self._database.secrets, VARIABLE)
        self._clock = clock or Clock()
        self._term = term
        self._open = ExitStack()

    def __enter__(self) -> Self:
        if self.data_dir.exists() and not self.data_dir.is_dir():
            raise StorageError(
                f"The folder of the sessions, {self.data_dir}, is a file, not a folder.",
                hint="Name another with --data-dir.",
            )
        self._telemetry = self._open.enter_context(Telemetry())
        self._saver = self._open.enter_context(
            open_store(self.data_dir, self._database, term=self._term)
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def create(
        self,
        config: Config,
        *,
        reports_dir: Path,
        theme: str = "",
        topics: Sequence[str] = (),
        documents: Sequence[ContextDocument] = (),
        session_id: str | None = None,
        seed: int | None = None,
        estimate: Estimated | None = None,
    ) -> str:
        """Begin a session and save it, with the `estimate` made of it; its id. Nothing is asked or called yet.

        Raises:
            UsageError: the name is taken or cannot be one.
        """
        flow = VirtualAgoraV13Flow(
            config,
            checkpointer=self._saver,
            clock=self._clock,
            reports_dir=reports_dir,
            seed=seed,
        )
        # A name made up here is like no other.
        name = nullcontext() if session_id is None else self._new(session_id)
        with storage_errors(self._saver.place), name:
            return flow.create_session(
                theme,
                topics=topics,
                documents=documents,
                session_id=session_id,
                estimate=estimate,
            )

    def run_leg(
        self,
        session_id: str,
        answer: Answerer | None = None,
        *,
        listener: Listener | None = None,
        control: RunControl | None = None,
    ) -> Leg:
        """Run to the end, or to the first question that `answer` leaves unanswered, and return.

        `control.request_drain()`, from a signal handler or another thread, ends the run once the calls in
        flight are answered and saved. When `listener` or `answer` raises, the run ends in the same way, and
        then their error goes on to the caller.

        Raises:
            SessionNotFoundError: there is no such session.
            SessionLockedError: another process is running it.
            GraphDrained: `control` asked for it.
            NodeExecutionError: a step failed; everything before it is saved.
            UsageError: the environment asks for telemetry that cannot be had; see `execution.telemetry`.
        """
        control = control or RunControl()
        company = Company(listener, answer, control)
        # The lock is inside: it must see what the driver says before that is turned into a sentence.
        with company, storage_errors(self._saver.place), self._lock(session_id):
            flow = self._flow(session_id, control)
            secret = encryption_key() is not None
            with (
                SessionLog(
                    self.data_dir / "logs", session_id, self._clock, without_content=secret
                ) as log,
                self._telemetry.leg() as traced,
            ):
                flow.listener = company.telling(log, traced)
                try:
                    return _run(flow, session_id, company.ask)
                except NodeExecutionError as error:
                    # The user is told in one sentence; whoever mends the bug needs the rest.
                    log.failed(error)
                    raise

    def snapshot(self, session_id: str) -> VirtualAgoraState:
        """The whole session as it was last saved."""
        with storage_errors(self._saver.place):
            flow = self._flow(session_id)
            flow.state_manager.load(thread(session_id))
            return flow.state_manager.get_snapshot()

    def question(self, session_id: str) -> Question | None:
        """The question the session waits with, if it does."""
        with storage_errors(self._saver.place):
            waiting = unanswered(latest(self._saver, session_id))
            return waiting[0].value if waiting else None

    def failure(self, session_id: str) -> str | None:
        """What broke the session's latest step off; None if nothing did."""
        with storage_errors(self._saver.place):
            flow = self._flow(session_id)
            return flow.error_recovery_manager.last_error(thread(session_id))

    def info(self, session_id: str) -> SessionInfo:
        """Where the session stands."""
        with storage_errors(self._saver.place):
            return standing(session_id, latest(self._saver, session_id))

    def list_sessions(self) -> list[SessionInfo]:
        """Every session, the latest first."""
        with storage_errors(self._saver.place):
            return [self._listed(name) for name in self._saver.session_ids()]

    def _listed(self, session_id: str) -> SessionInfo:
        try:
            return self.info(session_id)
        except NewerSessionError:
            return SessionInfo(session_id, "newer")
        except EncryptedSessionError:
            return SessionInfo(session_id, "encrypted")
        except DamagedSessionError:
            return SessionInfo(session_id, "unreadable")
        except StorageError:
            raise
        except Exception:  # whatever is wrong with this one, the others can be listed
            return SessionInfo(session_id, "unreadable")

    def complete(self, most: int = 50) -> list[dict[str, Any]]:
        """What the latest complete sessions took: their states, without the fields that only grow."""
        found: list[dict[str, Any]] = []
        with storage_errors(self._saver.place):
            for name in self._saver.session_ids():
                if self._listed(name).status == "complete":
                    found.append(latest(self._saver, name).checkpoint["channel_values"])
                if len(found) == most:
                    break
        return found

    def steps(self, session_id: str) -> list[Step]:
        """The points from which the session can be forked, in order."""
        with storage_errors(self._saver.place):
            latest(self._saver, session_id)
            history = list(self._saver.list(thread(session_id)))[::-1]
        steps = [
            next_step(number, found, before)
            for number, (before, found) in enumerate(zip([None, *history], history, strict=False))
        ]
        return [step for step in steps if step is not None]

    def compare(self, one: str, other: str) -> Comparison:
        """Where two sessions parted, and what became of each.

        Raises:
            SessionNotFoundError: there is no such session.
        """
        return compare(self._whole(one), self._whole(other))

    def _whole(self, session_id: str) -> Whole:
        try:
            info, state = self.info(session_id), self.snapshot(session_id)
        except (DamagedSessionError, EncryptedSessionError) as error:
            # Of two sessions it must be said which.
            told = f"Session “{session_id}”: {error.message}"
            raise type(error)(told, hint=error.hint) from error
        with storage_errors(self._saver.place):
            return Whole(info, state, list(self._saver.list(thread(session_id)))[::-1])

    def fork(
        self, session_id: str, at: int, new_id: str | None = None, *, config: Config | None = None
    ) -> str:
        """A new session with everything that came before step `at`, which decides afresh from there.

        With a `config` it goes on under that one: with another panel, other personas, other rules.

        Raises:
            UsageError: there is no such step, the name is taken, or the session cannot go on from there under `config`.
        """
        steps = {step.number: step for step in self.steps(session_id)}
        if at not in steps:
            raise UsageError(
                f"Session “{session_id}” has no step {at}.",
                hint=f"Its steps: virtual-agora show {session_id} --steps",
            )
        with storage_errors(self._saver.place):
            there = thread(session_id, steps[at].checkpoint_id)
            state = self._flow(session_id).graph.get_state(there).values
            changes = forked(state, steps[at], config)
            target = self._free_name(f"{session_id}-fork") if new_id is None else new_id
            with self._new(target):
                self._saver.copy_history(session_id, steps[at].checkpoint_id, target, changes)
        return target

    def _free_name(self, base: str) -> str:
        taken = set(self._saver.session_ids())
        candidates = (f"{base[:58]}-{number}" for number in range(1, len(taken) + 2))
        return next(name for name in candidates if name not in taken)

    def _flow(self, session_id: str, control: RunControl | None = None) -> VirtualAgoraV13Flow:
        """The flow of a saved session, set up as the session was."""
        values = latest(self._saver, session_id).checkpoint["channel_values"]
        return VirtualAgoraV13Flow(
            Config.model_validate(values["config"]),
            checkpointer=self._saver,
            clock=self._clock,
            reports_dir=Path(values["reports_dir"]),
            seed=values["seed"],
            control=control,
        )

    @contextmanager
    def _new(self, name: str) -> Iterator[None]:
        """Hold the name of a session that is about to begin: of several that want it, one gets it."""
        taken = UsageError(
            f"There is already a session “{name}”.",
            hint=f"Choose another name, or go on with it: virtual-agora resume {name}",
        )
        with ExitStack() as held:
            try:
                held.enter_context(self._lock(name))
            except SessionLockedError:
                raise taken from None
            try:
                found = self._saver.get_tuple(thread(name))
            except (DamagedSessionError, EncryptedSessionError):
                raise taken from None
            if found:
                raise taken
            yield

    @contextmanager
    def _lock(self, session_id: str) -> Iterator[None]:
        """Be the one that runs a session."""
        check_session_name(session_id)
        with ExitStack() as held:
            try:
                with storage_errors(self._saver.place):
                    held.enter_context(self._saver.leases.hold(session_id))
            except SessionLockedError as error:
                error.hint = (
                    "Wait for it to end, or end that process on its machine; "
                    f"a frozen one is replaced after {self._term:g} seconds."
                )
                raise
            try:
                yield
            except self._saver.refusals:
                # Frozen in the middle of writing, this process was cut off by whoever has the session by now.
                self._saver.check_held(session_id)
                raise


def _run(flow: VirtualAgoraV13Flow, session_id: str, answer: Answerer | None) -> Leg:
    where = thread(session_id)
    before = flow.graph.get_state(where).values
    folder = reports_folder(before)
    flow.listener(
        SessionStarted(
            session_id=session_id,
            theme=before["main_topic"],
            resumed=bool(before.get("phase_history")),
            stamp=demo_stamp(before),
            begun=before["start_time"],
        )
    )
    try:
        for _ in StreamCoordinator(flow, answer).coordinate_stream_execution(where):
            pass
    except GraphInterrupt as pause:
        return Leg("waiting", pause.value, folder)
    flow.listener(SessionFinished(session_id, str(folder)))
    return Leg("complete", None, folder)
