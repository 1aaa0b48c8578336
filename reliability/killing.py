"""A small session, killed at every write and at random moments, resumed, and compared with one that nobody disturbed.

Each cell of the grid is a session of its own: real processes that die by SIGKILL, a server in a process of its own that alone counts
the calls, and in the end the reports. A call counts as in flight from the moment in which its request is received until its answer
is in the database, which is read after the kill. Calls in flight may be asked again, once for every kill that met them; no other may.
And no more may be in flight than are made at once in one step, and one whose answer is just being saved.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Any, Self

import yaml
from tests.production.panels import without_times
from tests.support.wire import Wire

from reliability.dying import FILES
from reliability.lives import SESSION, Found, Kill, Lane, Life, look, steps_saved

LANES = 2
"""Sessions at a time."""
SEED = 5
"""Of what is drawn at random."""
LATENCY = 0.05
"""Seconds an answer takes."""
BEGIN = ("run", "Should we bake our own bread?", "--session", SESSION, "--data-dir", "data")
GO_ON = ("resume", SESSION, "--data-dir", "data")
RULES = {
    "min_rounds": 1,
    "max_rounds": 1,
    "checkpoint_interval": 1,
    "participation": "start_of_round",
    "seed": 3,
}
UNDISTURBED = "client-undisturbed"
Line = dict[str, Any]

Address = Callable[[str], str]
"""A PostgreSQL database of its own for a cell of that name."""


@dataclass(frozen=True)
class Plan:
    """How a session is to be killed, and in which column of the picture it is shown."""

    column: str
    kills: tuple[Kill, ...]
    real: bool = False


@dataclass
class Cell:
    """What became of a plan. `wrong` has a sentence for each thing that was not as it should be."""

    plan: Plan
    lives: list[Life] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    step: str = ""
    wrong: list[str] = field(default_factory=list)
    again: int = 0
    in_flight: int = 0
    """Calls under way at the kills."""
    waits: list[float] = field(default_factory=list)
    """Seconds from the start of a `resume` to its first call."""

    @property
    def reached(self) -> bool:
        """Whether it came to every kill."""
        return len(self.found) == len(self.plan.kills)

    @property
    def mark(self) -> str:
        """`.`, or how many calls were made again, all of them in flight; `x`: something is wrong; `-`: never reached."""
        if self.wrong:
            return "x"
        if not self.reached:
            return "-"
        return "." if not self.again else str(min(self.again, 9))


class Grid:
    """Holds sessions in `folder`, killed as planned. A context manager: it holds the server and the lanes."""

    def __init__(
        self,
        folder: Path,
        *,
        latency: float = LATENCY,
        lanes: int = LANES,
        address: Address | None = None,
    ) -> None:
        self.folder = folder
        self.cells: list[Cell] = []
        self.steps: list[str] = []
        """The step that each save of the undisturbed session belongs to: what exact kills can be planned by."""
        self.files = 0
        """How often it writes a file."""
        self.spans: dict[bool, float] = {}
        """Seconds that the command takes from start to end, forked (False) and real (True)."""
        self._wire = Wire(folder / "requests.jsonl", latency=latency)
        self._lanes = [Lane() for _ in range(lanes)]
        self._address = address
        self.latency = latency
        self.calls = 0
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self._wire)
        self._free: SimpleQueue[Lane] = SimpleQueue()
        for lane in self._lanes:
            self._free.put(self._open.enter_context(lane))
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def undisturbed(self) -> None:
        """Hold the session as it is without a kill; everything is compared with it."""
        whole = self._session("undisturbed")
        life = self._live(whole, UNDISTURBED, None, real=False)
        if life.code:
            raise RuntimeError((whole / "output.txt").read_text())
        self._expected = _reports(whole)
        self.steps = steps_saved(whole)
        self._step_of = look(whole, self._where(whole)).answers
        self.files = len((whole / FILES).read_text().splitlines())

    def measure_spans(self) -> None:
        """How long the command takes while all lanes are busy: the time in which random moments are."""

        def hold(name: str) -> float:
            life = self._live(self._session(name), f"client-{name}", None, real=real)
            return monotonic() - life.began

        for real in (False, True):
            names = [f"whole-{real}-{number}" for number in range(len(self._lanes))]
            with ThreadPoolExecutor(len(names)) as pool:
                self.spans[real] = max(pool.map(hold, names))

    def hold(self, plans: Iterable[Plan], tell: Callable[[Cell], None] = lambda _: None) -> None:
        """Kill a session for every plan, as many at a time as there are lanes; then judge them all."""
        held = []
        with ThreadPoolExecutor(len(self._lanes)) as pool:
            for cell in pool.map(self._hold, count(len(self.cells)), plans):
                held.append(cell)
                tell(cell)
        self._judge(held)
        self.cells += held

    def _hold(self, number: int, plan: Plan) -> Cell:
        drawn = random.Random(f"{SEED}/{number}")
        for attempt in range(100):
            cell = self._killed(f"{number}-{attempt}", plan, drawn)
            if cell.reached or cell.wrong or all(kill.at != "moment" for kill in plan.kills):
                break
        return cell

    def _killed(self, name: str, plan: Plan, drawn: random.Random) -> Cell:
        """Kill a session as planned, go on with it to its end, and compare."""
        folder = self._session(name)
        cell = Cell(plan)
        go_on = False
        for number, kill in enumerate((*plan.kills, None)):
            if kill and kill.at == "moment":
                kill = Kill("moment", seconds=drawn.uniform(0, self.spans[plan.real]))
            client = f"client-{name}-{number}"
            life = self._live(folder, client, kill, real=plan.real, go_on=go_on)
            cell.lives.append(life)
            if not life.killed:
                break
            found = look(folder, self._where(folder))
            cell.found.append(found)
            cell.step = cell.step or found.step
            if kill and kill.at == "save":
                cell.step = steps_saved(folder)[-1]
            if not found.sound:
                cell.wrong.append(f"the database is damaged after kill {number + 1}")
            go_on = found.begun
        if cell.lives[-1].code:
            said = (folder / "output.txt").read_text().splitlines()[-3:]
            cell.wrong.append(f"ended with {cell.lives[-1].code}: {' | '.join(said)}")
        elif cell.reached:
            cell.wrong += _differences(self._expected, _reports(folder))
            if not look(folder, self._where(folder)).sound:
                cell.wrong.append("the database is damaged in the end")
        if not cell.wrong:
            shutil.rmtree(folder)
        return cell

    def _session(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        agent = {
            "provider": "openai_compatible",
            "base_url": self._wire.base_url,
            "model": "good",
        }
        config = {
            "agents": [{**agent, "name": name} for name in ("Ada", "Bruno", "Celia")],
            "moderator": agent,
            "summarizer": agent,
            "report_writer": agent,
            "session": RULES,
        }
        (folder / "config.yml").write_text(yaml.safe_dump(config))
        if self._address:
            (folder / "address").write_text(self._address(name))
        return folder

    def _where(self, folder: Path) -> str | None:
        return (folder / "address").read_text() if self._address else None

    def _live(
        self, folder: Path, client: str, kill: Kill | None, *, real: bool, go_on: bool = False
    ) -> Life:
        argv = list(GO_ON if go_on else BEGIN)
        if address := self._where(folder):
            argv += ["--database", address]
        lane = self._free.get()
        try:
            return lane.live(folder, argv, client, kill, real=real)
        finally:
            self._free.put(lane)

    def _judge(self, cells: Iterable[Cell]) -> None:
        """Compare what was asked with what may have been, now that the server's log has all of it."""
        log = _Log(self._wire.lines(), self._step_of)
        self.calls = log.expected.total()
        for cell in cells:
            log.judge(cell)


class _Log:
    """What the server saw: of the undisturbed session, and of each life."""

    def __init__(self, lines: Iterable[Line], step_of: Mapping[str, int]) -> None:
        self._asked: dict[str, list[Line]] = defaultdict(list)
        self._step: dict[str, int] = {}
        """The superstep that a request belongs to; answers depend on their requests alone."""
        whole = []
        for line in lines:
            if line["event"] == "received":
                self._asked[line["client"]].append(line)
            elif line["answer"] in step_of:
                self._step[line["sha256"]] = step_of[line["answer"]]
            if line["client"] == UNDISTURBED:
                whole.append(line)
        self._saved_as = {answer: digest for digest, answer in _answers(whole).items()}
        self.expected = Counter(line["sha256"] for line in self._asked[UNDISTURBED])
        if unsaved := self.expected.keys() - self._step.keys():
            raise RuntimeError(
                f"of {len(unsaved)} calls no answer was saved as the outcome of a task"
            )
        self._width = self._most_at_once(whole)

    def judge(self, cell: Cell) -> None:
        """Every request may be repeated once for each kill at which its answer was not saved.

        It need not be: where the outcome of its whole step is saved already, that holds the answer, too. Whether it does is told by the
        reports.
        """
        allowed = Counter(self.expected)
        for life, found in zip(cell.lives, cell.found, strict=False):
            saved = {self._saved_as.get(answer, "") for answer in found.answers}
            asked = self._asked[life.client]
            lost = [line for line in asked if line["sha256"] not in saved]
            allowed.update(line["sha256"] for line in lost)
            cell.in_flight += len(lost)
            cell.wrong += self._too_late(asked, lost)
        lives = [line for life in cell.lives for line in self._asked[life.client]]
        made = Counter(line["sha256"] for line in lives)
        cell.again = made.total() - self.expected.total()
        tasks = {line["sha256"]: line["task"] for line in lives}
        if cell.reached:
            cell.wrong += [
                f"{tasks.get(digest, 'a call')}: asked {made[digest]} times, and {self.expected[digest]} to {allowed[digest]} were right"
                for digest in sorted(made.keys() | allowed.keys())
                if not self.expected[digest] <= made[digest] <= allowed[digest]
            ]
        for life in cell.lives[1:]:
            if first := self._asked[life.client]:
                cell.waits.append(first[0]["at"] - life.began)

    def _too_late(self, asked: list[Line], lost: list[Line]) -> Iterator[str]:
        """Answers that should have been saved before the kill: of an earlier superstep, or too many of the current one."""
        if not lost:
            return
        now = max(self._step.get(line["sha256"], -1) for line in asked)
        if early := [line["task"] for line in lost if self._step.get(line["sha256"], now) < now]:
            yield f"not saved when the next step had begun: {', '.join(early)}"
        # An answer is saved while the next call of its step is made already.
        if len(lost) > self._width[now] + 1:
            yield f"{len(lost)} calls of one step were not saved, which makes {self._width[now]} at once"

    def _most_at_once(self, lines: Iterable[Line]) -> Counter[int]:
        """How many calls of each superstep are under way at the same time, at most."""
        width: Counter[int] = Counter()
        now: Counter[int] = Counter()
        for line in lines:
            step = self._step[line["sha256"]]
            now[step] += 1 if line["event"] == "received" else -1
            width[step] = max(width[step], now[step])
        return width


def _answers(lines: Iterable[Line]) -> dict[str, str]:
    """The fingerprint of the answer to each request."""
    return {line["sha256"]: line["answer"] for line in lines if line["event"] == "answered"}


def _reports(folder: Path) -> dict[str, str]:
    """Every file among the reports, without the times and without where it is."""
    reports = folder / "reports"
    return {
        str(path.relative_to(reports)): without_times(path.read_text()).replace(str(folder), "HERE")
        for path in reports.rglob("*")
        if path.is_file()
    }


def _differences(expected: Mapping[str, str], came: Mapping[str, str]) -> list[str]:
    return [
        f"{name} is {'missing' if name not in came else 'another' if name in expected else 'too many'}"
        for name in sorted(expected.keys() | came.keys())
        if expected.get(name) != came.get(name)
    ]
