"""One cell of the grid of faults: a session that is forked, fails in one step, is mended and goes on."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from tests.support.wire_faults import BY_ORDER
from tests.support.wire_server import Server

from virtual_agora import providers
from virtual_agora.clock import Clock
from virtual_agora.config.models import Config
from virtual_agora.events import (
    CallFailed,
    CallFinished,
    CallRetried,
    CallStarted,
    Event,
    StepFinished,
)
from virtual_agora.execution.session import Agora
from virtual_agora.hitl import Answerer, Question, default_answer
from virtual_agora.providers.vendors import VENDORS
from virtual_agora.state.validator import validate_state_consistency

__all__ = ["PARTICIPANT", "STEPS", "VENDOR_PATHS", "Found", "Panel", "Step", "serving"]

THEME = "Should a city of 200,000 make its public transport free?"
PATIENT, HASTY = 60.0, 0.8
"""Timeouts in seconds; hasty is who meets a fault that is told by the clock."""

OFFLINE = {"provider": "offline", "model": "scripted"}

VENDOR_PATHS = {
    "openai": "openai/v1",
    "anthropic": "anthropic",
    "google": "google",
    "grok": "grok/v1",
    "ollama": "ollama",
    "openai_compatible": "openai_compatible/v1",
}
"""Where the double for models serves each vendor's API."""


PARTICIPANT, MODERATOR, SUMMARIZER, WRITER = "Third", "moderator", "summarizer", "report writer"


GROUPS = {"assembly": ("Second", PARTICIPANT, MODERATOR), "writers": (SUMMARIZER, WRITER)}
"""Who speaks through the vendor together; the others are the offline provider's, which costs next to nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """Who fails in a step, in which of its tasks, and whether the first of them asks for a form."""

    agent: str
    tasks: tuple[str, ...]
    form: bool = True

    @property
    def group(self) -> str:
        """The group that this agent is of."""
        return next(name for name, members in GROUPS.items() if self.agent in members)


STEPS = {
    "agenda_proposal": Step(PARTICIPANT, ("proposal",)),
    "topic_refinement": Step(PARTICIPANT, ("refinement",)),
    "collate_proposals": Step(MODERATOR, ("collation",)),
    "agenda_voting": Step(PARTICIPANT, ("ballot",)),
    "synthesize_agenda": Step(MODERATOR, ("tie_break",)),
    "opening_positions": Step(PARTICIPANT, ("opening_position",)),
    "discussion_round": Step(PARTICIPANT, ("statement",), form=False),
    "round_summarization": Step(SUMMARIZER, ("round_summary",), form=False),
    "end_topic_poll": Step(PARTICIPANT, ("poll",)),
    "final_considerations": Step(PARTICIPANT, ("final_words",), form=False),
    "closing_positions": Step(PARTICIPANT, ("closing_position",)),
    "topic_report_generation": Step(WRITER, ("report_outline", "report_section")),
    "topic_summary_generation": Step(SUMMARIZER, ("topic_summary",), form=False),
    "agent_poll": Step(PARTICIPANT, ("session_poll",)),
    "agenda_modification": Step(PARTICIPANT, ("modification",)),
    "final_report_generation": Step(WRITER, ("report_outline", "report_section")),
}
"""Every step of the protocol that asks models."""

FIRST = "What goes wrong"
TOPICS = ("What it costs", "Who rides", FIRST)


SAID: dict[str, dict[str, Any]] = {
    "collation": {"topics": [{"title": title, "why": ""} for title in TOPICS]},
    "session_poll": {"conclude": "no"},
}
"""What the models say, so that a session is soon over and yet takes every step above."""


@dataclass
class Found:
    """What became of a cell.

    `outcome` is what the step made of the failing member: answered, repaired, skipped, abstained, asked (the user is).
    `attempts` is how often its call was made, `requests` how many reached the server in all, `wrong` what should not
    have been.
    """

    outcome: str = ""
    attempts: int = 0
    requests: int = 0
    wrong: list[str] = field(default_factory=list)


class Panel:
    """The sessions of one vendor and one group of members: the undisturbed one, and those forked from it."""

    def __init__(
        self, agora: Agora, server: Server, vendor: str, group: str, timeout: float
    ) -> None:
        self._agora = agora
        self._server = server
        self._name = f"{vendor}-{group}-{timeout:g}"
        self._forks = 0
        agora.create(
            _config(server, vendor, group, timeout),
            reports_dir=agora.data_dir / "reports",
            theme=THEME,
            session_id=self._name,
        )
        question = agora.run_leg(self._name, _answer_all_but_failures).question
        if question is not None:
            raise RuntimeError(f"The undisturbed session waits: {question}")
        used = agora.snapshot(self._name)["usage"].values()
        if any(one["failed"] for one in used):
            raise RuntimeError("Calls of the undisturbed session have failed.")
        self._steps = {
            node: step.number
            for step in reversed(agora.steps(self._name))
            for node in step.node.split(" + ")
        }

    def run(self, fault: str, at: str) -> Found:
        """Fork before the step `at`, let it fail, mend it and go on; what was found."""
        self._forks += 1
        name = f"{self._name}.{self._forks}"
        self._agora.fork(self._name, self._steps[at], name)
        step, found = STEPS[at], Found()
        question, failing = self._fail(name, step, fault, at)
        values = self._valid(name, found, "when the step had failed")
        found.attempts = failing.attempts(step)
        found.outcome = _outcome(step, question) if question else _noted(step, values, failing)
        if failing.requests(step) != failing.sent(step) and fault != "connection refused":
            asked, sent = failing.requests(step), failing.sent(step)
            found.wrong.append(f"{asked} requests came of {sent} attempts")
        asked_for = float(BY_ORDER[fault].headers.get("Retry-After", 0))
        if hasty := [wait for wait in failing.waits() if wait < asked_for]:
            found.wrong.append(f"waits {hasty} seconds, not {asked_for:g}")
        with _Watch(self._server.log) as later:
            leg = self._agora.run_leg(name, _retrying(), listener=later.tell)
        if leg.status != "complete":
            found.wrong.append("it does not come to its end")
        found.requests = failing.requests() + later.requests()
        found.wrong += failing.repeated(later, step)
        usage = self._valid(name, found, "at the end")["usage"].values()
        if (counted := sum(one["failed"] for one in usage)) != failing.failed(step):
            found.wrong.append(f"{counted} calls count as failed, not {failing.failed(step)}")
        return found

    def _fail(self, name: str, step: Step, fault: str, at: str) -> tuple[Question | None, _Watch]:
        """Run up to the end of the step, or to the question that comes of the fault."""
        control = RunControl()
        question = None
        with _Watch(self._server.log) as failing:

            def listen(event: Event) -> None:
                failing.tell(event)
                if isinstance(event, StepFinished) and event.node == at:
                    control.request_drain("the step is over")

            self._server.show(fault, step.agent, step.tasks)
            with suppress(GraphDrained):
                leg = self._agora.run_leg(
                    name, _answer_all_but_failures, listener=listen, control=control
                )
                question = leg.question
            self._server.show("", "", ())
        return question, failing

    def _valid(self, name: str, found: Found, when: str) -> Mapping[str, Any]:
        values = self._agora.snapshot(name)
        checked = validate_state_consistency(values)
        if not checked["is_valid"]:
            found.wrong.append(f"invalid {when}: {'; '.join(checked['errors'])}")
        return values


def _outcome(step: Step, question: Question) -> str:
    agents = [failure["agent"] for failure in question.get("failures", ())]
    return "asked" if agents == [step.agent] else f"asked {question['type']}"


def _noted(step: Step, values: Mapping[str, Any], failing: _Watch) -> str:
    """What the step's own update says of the failing member."""
    (who,) = [agent["id"] for agent in values["agents"] if agent["name"] == step.agent]
    noted = [one["kind"] for one in failing.notices() if one["agent"] == who]
    return ", ".join(dict.fromkeys(noted)) or "answered"


class _Watch:
    """What happens during one leg: the session's events, and what the double for models took in meanwhile."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._events: list[Event] = []
        self._lines: list[dict[str, Any]] = []

    def __enter__(self) -> _Watch:
        self._begin = self._log.stat().st_size
        return self

    def __exit__(self, *raised: object) -> None:
        with self._log.open("rb") as log:
            log.seek(self._begin)
            self._lines = [json.loads(line) for line in log]

    def tell(self, event: Event) -> None:
        self._events.append(event)

    def _calls(self, step: Step) -> Counter[str]:
        """The failing member's calls, and how often each was sent."""
        sent: Counter[str] = Counter()
        for event in self._events:
            if (isinstance(event, CallStarted) and _is(step, event.agent, event.task)) or (
                isinstance(event, CallRetried) and event.call_id in sent
            ):
                sent[event.call_id] += 1
        return sent

    def notices(self) -> list[Mapping[str, Any]]:
        """What the steps of the leg have put on record."""
        finished = (event for event in self._events if isinstance(event, StepFinished))
        return [notice for event in finished for notice in event.update.get("notices", ())]

    def waits(self) -> list[float]:
        """Seconds before each attempt that was not the first."""
        return [event.wait for event in self._events if isinstance(event, CallRetried)]

    def attempts(self, step: Step) -> int:
        return max(self._calls(step).values(), default=0)

    def sent(self, step: Step) -> int:
        return sum(self._calls(step).values())

    def failed(self, step: Step) -> int:
        """Calls of the failing member that failed for good: those of a step beside, too, where nothing reaches its server."""
        return sum(isinstance(e, CallFailed) and e.agent == step.agent for e in self._events)

    def requests(self, step: Step | None = None) -> int:
        """Requests that came in, or the failing member's alone."""
        return sum(
            line["event"] == "received" and (step is None or _is(step, line["agent"], line["task"]))
            for line in self._lines
        )

    def repeated(self, later: _Watch, step: Step) -> list[str]:
        """The finished calls of others that a later leg made again, by the session's word or by the server's."""
        finished = {(e.agent, e.call_id) for e in self._events if isinstance(e, CallFinished)}
        # Later steps may have calls of the same name.
        same_step = takewhile(lambda event: not isinstance(event, StepFinished), later._events)
        again = [
            f"{event.call_id} by {event.agent} is asked again"
            for event in same_step
            if isinstance(event, CallStarted) and (event.agent, event.call_id) in finished
        ]
        answered = {line["sha256"] for line in self._lines if line["event"] == "answered"}
        return again + [
            f"{line['task']} of {line['agent']} is sent again"
            for line in later._lines
            if line["event"] == "received"
            and line["sha256"] in answered
            and not _is(step, line["agent"], line["task"])
        ]


def _is(step: Step, agent: str, task: str) -> bool:
    return agent == step.agent and task in step.tasks


class _Unwaiting(Clock):
    """A clock with which waits between attempts take no time; what is on the wire takes what it takes."""

    def sleep(self, seconds: float, *_: object) -> None:
        pass


def _config(server: Server, vendor: str, group: str, timeout: float) -> Config:
    def agent(name: str) -> dict[str, Any]:
        port = server.server_address[1] if name == "Second" else server.door(name)
        return {
            "provider": vendor,
            "model": VENDORS[vendor].default_model or "llama-3.3-70b",
            "base_url": f"http://127.0.0.1:{port}/{VENDOR_PATHS[vendor]}",
            "timeout": PATIENT if name == "Second" else timeout,
        }

    def member(name: str) -> dict[str, Any]:
        return {"name": name, **(agent(name) if name in GROUPS[group] else OFFLINE)}

    return Config.model_validate(
        {
            "agents": [member("First"), member("Second"), member(PARTICIPANT)],
            "moderator": member(MODERATOR),
            "summarizer": member(SUMMARIZER),
            "report_writer": member(WRITER),
            "session": {"seed": 6, "min_rounds": 1, "max_rounds": 1, "checkpoint_interval": 1},
        }
    )


@contextmanager
def serving() -> Iterator[tuple[Agora, Server]]:
    """A folder of sessions whose waits take no time, and the double for models."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = Server(0, folder / "requests.jsonl", 0.0)
        server.answers, server.words = dict(SAID), 8
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        # The far end is looked up at every call; here it is as usual but for half an hour that no cell has.
        stack.callback(setattr, providers, "create_provider", providers.create_provider)
        providers.create_provider = partial(providers.create_provider, endurance=0.0)
        yield stack.enter_context(Agora(folder / "data", clock=_Unwaiting())), server


def _answer_all_but_failures(question: Question) -> Any:
    """What the user says, for the same reason: one topic is discussed, and once the agenda was revised there is none left."""
    match question["type"]:
        case "provider_failure":
            return None
        case "agenda_approval" if FIRST not in question["proposed_agenda"]:
            return {"action": "edit", "agenda": [FIRST]}
        case "periodic_stop":
            return "end_topic"
        case "topic_continuation":
            return "modify_agenda"
    return default_answer(question)


def _retrying() -> Answerer:
    """The same, and “retry” once: what was mended does not fail again."""
    left = ["retry"]

    def answer(question: Question) -> Any:
        if question["type"] == "provider_failure":
            return left.pop() if left else None
        return _answer_all_but_failures(question)

    return answer
