"""A study: what of its design is held already, and the holding of the rest.

All that is known of it is in its sessions. So a study that was killed is begun again like a new one: it finds what is
complete, goes on with what is not, and begins the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from virtual_agora.config.models import Config
from virtual_agora.errors import (
    SessionTakenOverError,
    StorageError,
    UsageError,
    VirtualAgoraError,
)
from virtual_agora.execution.session import Agora, SessionInfo
from virtual_agora.hitl import Question, check_answer, check_theme, default_answer
from virtual_agora.state.schema import VirtualAgoraState
from virtual_agora.studies.grid import FACTORS, Cell, Grid
from virtual_agora.studies.rows import Row, row_of_unread, rows_of

__all__ = ["Study"]

DAMAGED = "It is damaged and cannot be read."
UNREADABLE = {
    "newer": "A later release has saved it.",
    "encrypted": "It is encrypted, and its key is not here.",
}


class Study:
    """The sessions of `grid` among those of `agora`. New ones write their reports to `reports_dir`.

    Attributes:
        rows: the table's rows of every session of the design that is begun, by its name.
        complete: the names of those that are complete.
        strange: the names of this study's sessions that are not in the design.
        failed: why sessions could not be held to their end, by their names.
        spoilt: the names of those among them that are left alone: they cannot be read, or have another agenda by now.
        out_of_budget: whether sessions are left because the budget is used up.

    Raises:
        UsageError: a session was begun with other settings than the design says.
    """

    def __init__(self, agora: Agora, grid: Grid, reports_dir: Path) -> None:
        self.design = grid.design
        self.grid = grid
        self.rows: dict[str, list[Row]] = {}
        self.complete: set[str] = set()
        self.strange: list[str] = []
        self.failed: dict[str, str] = {}
        self.spoilt: set[str] = set()
        self.out_of_budget = False
        self._agora = agora
        self._reports_dir = reports_dir
        self._calls: dict[str, int] = {}
        self._survey()

    @property
    def left(self) -> int:
        """How many sessions of the design are not complete."""
        return self.grid.size - len(self.complete)

    @property
    def begun(self) -> int:
        """How many sessions of the design are begun and not complete."""
        return len(self.rows) - len(self.complete)

    @property
    def calls(self) -> int:
        """The calls to models that all sessions of this study have made, as far as their steps are saved."""
        return sum(self._calls.values())

    def table(self) -> list[Row]:
        """All rows, in the order of the design."""
        design = self.design
        names = (list(design.questions), list(design.panels), list(design.rules), design.seeds)

        def place(rows: list[Row]) -> list[int]:
            first = rows[0]
            return [
                known.index(first[factor]) for known, factor in zip(names, FACTORS, strict=True)
            ]

        return [row for rows in sorted(self.rows.values(), key=place) for row in rows]

    def hold(self, say: Callable[[str], None], control: RunControl, parallel: int = 1) -> None:
        """Hold the sessions that are left, `parallel` at a time, until the budget is used up or `control` drains.

        A session that fails is recorded, and the study goes on.

        Raises:
            StorageError: the disk or the database refuses; no session could go on.
        """
        settled = self.complete | self.spoilt
        cells = (cell for cell in self.grid if cell.session_id not in settled)
        running: dict[Future[str], Cell] = {}
        with ThreadPoolExecutor(parallel) as pool:
            try:
                while True:
                    while len(running) < parallel and (cell := self._next(cells, running, control)):
                        verb = "goes on" if cell.session_id in self.rows else "begins"
                        say(f"{cell.session_id} {verb}")
                        running[pool.submit(self._hold, cell, control)] = cell
                    if not running:
                        return
                    for ended in wait(running, return_when=FIRST_COMPLETED).done:
                        self._record(running.pop(ended), ended.result(), say)
            except BaseException:
                control.request_drain("the study is broken off")
                raise

    def _next(
        self, cells: Iterator[Cell], running: dict[Future[str], Cell], control: RunControl
    ) -> Cell | None:
        """The next session to hold; None if there is none, or none may begin."""
        if control.drain_requested or self.out_of_budget:
            return None
        cell = next(cells, None)
        most = self.design.budget.max_calls
        if cell is None or most is None:
            return cell
        for other in running.values():
            self._count(other)
        self.out_of_budget = self.calls >= most
        return None if self.out_of_budget else cell

    def _hold(self, cell: Cell, control: RunControl) -> str:
        """Hold one session as far as it goes; why it failed, if it did."""
        try:
            if cell.session_id not in self.rows:
                self._agora.create(
                    cell.config,
                    theme=cell.asked.theme,
                    topics=cell.asked.topics,
                    session_id=cell.session_id,
                    seed=cell.seed,
                    reports_dir=self._reports_dir,
                )
            answer = _Defaults(self._agora.question(cell.session_id))
            self._agora.run_leg(cell.session_id, answer, control=control)
        except GraphDrained:
            return ""
        except SessionTakenOverError as error:
            # Unlike what else the database refuses, it concerns this session only.
            return str(error)
        except StorageError:
            raise
        except VirtualAgoraError as error:
            return str(error)
        return ""

    def _record(self, cell: Cell, failure: str, say: Callable[[str], None]) -> None:
        """Take note of a session as it stands."""
        info = self._agora.info(cell.session_id)
        self._take(cell, info, self._agora.snapshot(cell.session_id), failure)
        name, reason = cell.session_id, self.failed.get(cell.session_id)
        calls = f"{info.calls:,} calls"
        if name in self.complete:
            done = f"{len(self.complete):,} of {self.grid.size:,}"
            say(f"{name} is complete, {calls}; {done}")
        else:
            say(f"{name} failed, {calls}: {reason}" if reason else f"{name} is saved, {calls}")

    def _count(self, cell: Cell) -> None:
        try:
            self._calls[cell.session_id] = self._agora.info(cell.session_id).calls
        except UsageError:  # it is only about to begin
            self._calls[cell.session_id] = 0

    def _survey(self) -> None:
        for info in self._agora.list_sessions():
            name = info.session_id
            if not name.startswith(f"{self.design.name}."):
                continue
            self._calls[name] = info.calls
            cell = self.grid.find(name)
            if cell is None:
                self.strange.append(name)
            elif (state := self._read(info)) is None:
                self._spoil(cell, UNREADABLE.get(info.status, DAMAGED))
                self.rows[name] = [row_of_unread(cell, self.failed[name])]
            else:
                _check_same(cell, state)
                if _topics_given(state) == _topics_asked(cell):
                    self._take(cell, info, state)
                else:
                    self._spoil(cell, "Its agenda was revised by hand.")
                    self.rows[name] = rows_of(cell, state, info, self.failed[name])

    def _read(self, info: SessionInfo) -> VirtualAgoraState | None:
        """The session's state; None if it cannot be read."""
        if info.status in (*UNREADABLE, "unreadable"):
            return None
        try:
            return self._agora.snapshot(info.session_id)
        except StorageError:
            raise
        except Exception:  # whatever is wrong with this one, the others can be held
            return None

    def _spoil(self, cell: Cell, reason: str) -> None:
        self.spoilt.add(cell.session_id)
        self.failed[cell.session_id] = reason

    def _take(
        self, cell: Cell, info: SessionInfo, state: VirtualAgoraState, failure: str = ""
    ) -> None:
        name = cell.session_id
        self._calls[name] = info.calls
        self.failed.pop(name, None)
        if info.status == "complete":
            self.complete.add(name)
        elif reason := failure or self._failure(info):
            self.failed[name] = reason
        self.rows[name] = rows_of(cell, state, info, self.failed.get(name, ""))

    def _failure(self, info: SessionInfo) -> str:
        """What the session itself knows of why it did not come to its end."""
        question = self._agora.question(info.session_id)
        if question is None:
            return self._agora.failure(info.session_id) or ""
        reasons = [str(failure["reason"]) for failure in question.get("failures", ())]
        return " ".join([question["message"], *dict.fromkeys(reasons)])


class _Defaults:
    """Answers with the defaults, but tries models again that could not be reached when the session was left."""

    def __init__(self, waiting: Question | None) -> None:
        self._again = waiting is not None and waiting["type"] == "provider_failure"

    def __call__(self, question: Question) -> dict[str, Any]:
        if self._again and question["type"] == "provider_failure":
            self._again = False
            return check_answer(question, "retry")
        return default_answer(question)


def _check_same(cell: Cell, state: VirtualAgoraState) -> None:
    """Refuse a session that was begun with other settings than its cell has."""
    theme, _ = check_theme(cell.asked.theme, cell.asked.topics)
    differing = _differing(Config.model_validate(state["config"]), cell.config)
    if state["main_topic"] != theme:
        differing.append("theme")
    if _topics_given(state) != _topics_asked(cell) and not _is_revised(state):
        differing.append("topics")
    if state["seed"] != cell.seed:
        differing.append("seed")
    if differing:
        raise UsageError(
            f"Session “{cell.session_id}” was begun with other settings than the design gives it: "
            f"{', '.join(differing)}.",
            hint="Give what you changed in the design a name of its own, or the study another name. "
            "The session stays as it is.",
        )


def _topics_asked(cell: Cell) -> list[str]:
    _, topics = check_theme(cell.asked.theme, cell.asked.topics)
    return topics


def _is_revised(state: VirtualAgoraState) -> bool:
    """Whether the user had the agenda revised: of all that changes given topics, the beginning."""
    decisions = [n["text"] for n in state.get("notices", []) if n["kind"] == "user"]
    return any("agenda" in text for text in decisions)


def _topics_given(state: VirtualAgoraState) -> list[str]:
    """The topics that the session was begun with, unless they were revised."""
    if not state.get("user_defines_topics"):
        return []
    current = [state["current_topic"]] if state.get("current_topic") else []
    return [*state.get("completed_topics", []), *current, *state.get("agenda", [])]


def _differing(one: Config, other: Config) -> list[str]:
    """The keys in which two configurations differ."""
    keys = [key for key in Config.model_fields if getattr(one, key) != getattr(other, key)]
    if "session" not in keys:
        return keys
    keys.remove("session")
    rules = type(one.session).model_fields
    return keys + [key for key in rules if getattr(one.session, key) != getattr(other.session, key)]
