"""Events of made-up sessions, and what views make of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import count
from typing import Any

from rich.console import Console

from virtual_agora import hitl
from virtual_agora.events import (
    CallFinished,
    CallStarted,
    Event,
    QuestionAnswered,
    QuestionAsked,
    SessionFinished,
    SessionStarted,
    StepFinished,
    Token,
)
from virtual_agora.state.demo import DEMO_STAMP
from virtual_agora.ui.plain import PlainView, plain_console

TOPICS = ["Who pays for it", "What it does to traffic", "Who rides at night"]
NAMES = {"participant-1": "Ada", "participant-2": "Boris", "participant-3": "Chen"}
TALLY = {
    "rule": "borda",
    "scores": {TOPICS[0]: 6, TOPICS[1]: 2, TOPICS[2]: 2},
    "order": [[TOPICS[0]], TOPICS[1:]],
    "ballots": 3,
    "abstained": 1,
    "tie_broken_by": "moderator",
}

_numbers = count(1)


def agent(id_: str, name: str, role: str = "participant") -> dict[str, Any]:
    return {
        "id": id_,
        "name": name,
        "role": role,
        "provider": "offline",
        "model": "scripted",
        "persona": f"{name} thinks aloud",
    }


AGENTS = [agent(id_, name) for id_, name in NAMES.items()]
AGENTS += [
    agent(role, role.replace("_", " "), role)
    for role in ("moderator", "summarizer", "report_writer")
]


def started(name: str, task: str, topic: str = "", round: int = 0) -> CallStarted:
    return CallStarted(
        f"{task}-{next(_numbers)}", name, "participant", "offline/scripted", task, topic, round
    )


def finished(call: CallStarted, cost: float | None = 0.01) -> CallFinished:
    return CallFinished(call.call_id, call.agent, call.task, 100, 20, cost, 1.5)


def tokens(call: CallStarted, text: str, size: int = 3) -> Iterator[Token]:
    for start in range(0, len(text), size):
        yield Token(call.call_id, call.agent, text[start : start + size])


def spoken(name: str, task: str, text: str, topic: str = "", round: int = 0) -> Iterator[Event]:
    """One whole call with an answer in free text."""
    call = started(name, task, topic, round)
    yield call
    yield from tokens(call, text)
    yield finished(call)


def at_once(task: str, names: Iterable[str] = NAMES.values(), topic: str = "") -> Iterator[Event]:
    """Calls without a text of their own, made together."""
    calls = [started(name, task, topic) for name in names]
    yield from calls
    yield from (finished(call) for call in reversed(calls))


def message(
    name: str, text: str, kind: str = "statement", round: int = 1, topic: str = TOPICS[0]
) -> dict[str, Any]:
    id_ = next((id_ for id_, known in NAMES.items() if known == name), "user")
    return {
        "id": "m0001", "agent": id_, "speaker": name, "role": "participant", "kind": kind,
        "topic": topic, "round": round, "content": text, "at": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip


def vote(kind: str, choice: str, reason: str, ballot: int = 1) -> dict[str, Any]:
    return {
        "ballot": ballot, "kind": kind, "agent": "participant-1", "topic": TOPICS[0], "round": 1,
        "choice": [choice] if choice else [], "reason": reason,
    }  # fmt: skip


def usage(calls: int, cost: float | None = 0.01) -> dict[str, Any]:
    return {
        "offline/scripted": {
            "calls": calls, "failed": 0, "repaired": 0, "input_tokens": 100 * calls, "output_tokens": 20 * calls,
            "cached_tokens": 0, "prompt_chars": 400 * calls, "cost": None if cost is None else cost * calls,
        }
    }  # fmt: skip


def session() -> Iterator[Event]:
    """A short session from its beginning to its end."""
    topic = TOPICS[0]
    yield SessionStarted("otter", "Shall the buses be free?", resumed=False, stamp=DEMO_STAMP)
    yield StepFinished("agent_instantiation", {"agents": AGENTS}, 0, "", 0)
    yield from at_once("proposal")
    proposals = [
        {"agent": id_, "topics": [{"title": t, "why": "w"} for t in TOPICS]} for id_ in NAMES
    ]
    yield StepFinished("agenda_proposal", {"proposals": proposals}, 1, "", 0)
    yield from at_once("refinement")
    refined = [
        *proposals[:2],
        {"agent": "participant-3", "topics": [{"title": "Bicycles", "why": "w"}]},
    ]
    yield StepFinished("topic_refinement", {"proposals": refined}, 1, "", 0)
    yield from at_once("collation", ["moderator"])
    candidates = [{"title": title, "why": f"because {title}"} for title in TOPICS]
    yield StepFinished("collate_proposals", {"candidates": candidates}, 1, "", 0)
    yield from at_once("ballot")
    ballots = [{"agent": id_, "ranking": TOPICS, "reason": ""} for id_ in NAMES]
    yield StepFinished("agenda_voting", {"ballots": ballots}, 1, "", 0)
    yield StepFinished("synthesize_agenda", {"tally": TALLY, "proposed_agenda": TOPICS}, 1, "", 0)
    yield QuestionAsked("q1", hitl.agenda_approval(TOPICS, TALLY, 3))
    yield QuestionAnswered("q1", {"action": "approve"})
    yield StepFinished("agenda_approval", {"agenda": TOPICS}, 1, "", 0)
    order = {"current_topic": topic, "agenda": TOPICS[1:], "speaking_order": list(NAMES)}
    yield StepFinished("announce_item", order, 2, topic, 0)
    said = {
        name: f"{name} says that [bold]free[/bold] buses\n\nare a good idea."
        for name in NAMES.values()
    }
    for name, text in said.items():
        yield from spoken(name, "statement", text, topic, 1)
    notice = {
        "kind": "skipped",
        "agent": "participant-2",
        "text": "A turn was skipped.",
        "topic": topic,
        "round": 1,
    }
    update = {"messages": [message(name, text) for name, text in said.items()], "notices": [notice]}
    yield StepFinished("discussion_round", update, 2, topic, 1)
    yield from spoken("summarizer", "round_summary", "They agree, mostly.", topic, 1)
    summary = {"topic": topic, "round": 1, "text": "They agree, mostly."}
    yield StepFinished("round_summarization", {"round_summaries": [summary]}, 2, topic, 1)
    yield from at_once("poll", topic=topic)
    votes = [
        vote("conclude_topic", *v)
        for v in (("yes", "All is said"), ("yes", ""), ("no", "Not the cost"))
    ]
    yield StepFinished(
        "end_topic_poll", {"vote_history": votes, "poll": {"needed": 2}}, 2, topic, 1
    )
    yield StepFinished("vote_evaluation", {"concluded_by": "vote"}, 2, topic, 1)
    yield from spoken("Chen", "final_words", "Mind the cost.", topic, 1)
    words = {"messages": [message("Chen", "Mind the cost.", "final_words")]}
    yield StepFinished("final_considerations", words, 3, topic, 1)
    yield from at_once("report_outline", ["report writer"], topic)
    yield from at_once("report_section", ["report writer"] * 2, topic)
    sections = [
        {"title": "The answer", "text": "Free buses work."},
        {"title": "Open", "text": "The cost."},
    ]
    written = {"topic": topic, "title": topic, "sections": sections}
    yield StepFinished("topic_report_generation", {"reports": [written]}, 3, topic, 1)
    yield StepFinished("file_output", {"completed_topics": [topic], "current_topic": ""}, 3, "", 1)
    yield from at_once("session_poll")
    votes = [vote("end_session", "no", "Two topics are left", 2)] * 3
    yield StepFinished("agent_poll", {"vote_history": votes}, 4, "", 1)
    yield StepFinished("final_report_generation", {"reports": [{**written, "topic": ""}]}, 5, "", 1)
    yield SessionFinished("otter", "/reports/session_otter")


def plainly(events: Iterable[Event]) -> str:
    """What the plain view writes."""
    written = StringIO()
    with PlainView(plain_console(written)) as view:
        for event in events:
            view(event)
    return written.getvalue()


def terminal(width: int, height: int = 24, file: StringIO | None = None) -> Console:
    """A terminal of a fixed size that is no terminal."""
    return Console(
        file=file or StringIO(), width=width, height=height, force_terminal=True,
        color_system="256", highlight=False, markup=False, emoji=False, legacy_windows=False,
    )  # fmt: skip


def drawn(*things: Any, width: int = 100) -> str:
    """What things look like in a terminal, without their colours."""
    console = Console(
        file=StringIO(), width=width, force_terminal=True, color_system=None, _environ={}
    )
    with console.capture() as captured:
        for thing in things:
            console.print(thing)
    return captured.get()
