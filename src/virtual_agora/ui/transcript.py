"""What a session's events say to a reader, in order: both terminal views tell it with these words.

Text that streams in is not told here; a view shows it in its own way and calls `heard` with it, so that the
step which then commits it does not repeat it. Texts of calls that were paid for before a crash never
stream again: they are told with their step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from virtual_agora import amounts
from virtual_agora.events import (
    CallFailed,
    CallRetried,
    CallStarted,
    Event,
    QuestionAnswered,
    QuestionAsked,
    SessionFinished,
    SessionStarted,
    StepFinished,
)
from virtual_agora.ui import drawings as draw
from virtual_agora.ui.blocks import Boxed, Heading, Palette, Prose, note
from virtual_agora.ui.progress import PHASES, Call, Progress
from virtual_agora.ui.questions import facts
from virtual_agora.ui.recap import DISSENTER, charge, so_far
from virtual_agora.ui.status import place, totals
from virtual_agora.ui.text import one_line

__all__ = ["Transcript", "failed", "retried"]

RECALLED = 600
"""Characters of each statement that are shown again when a session is resumed."""
ON_AGENDA = "moderator"
"""Has no opinion: what stands under its name among the proposals is on the agenda already."""
OFF_FORM = "gave an answer that does not fit"
"""In the reason of a retry: what follows it is written for the model."""

_CONCLUDED = {
    "vote": "The participants conclude this topic.",
    "user": "You closed this topic.",
    "max_rounds": "The highest number of rounds is reached; the topic is closed.",
    "budget": "The topic is closed because of the budget.",
}
_STANDS = {
    "before": "Where they stand before anybody has spoken",
    "single_model": "What one model says by itself",
    "round": "Where they stand after round {round}",
    "after": "Where they stand at the end",
    "control": "Where they would stand after thinking alone",
}
_LATE = "said before the interruption"
_BY = {
    "round_summary": "sums up round {round}",
    "topic_summary": "concludes",
    "final_words": "final words",
}


def retried(event: CallRetried) -> str:
    """That an attempt failed, and what follows."""
    if OFF_FORM in event.reason:
        return "the answer did not fit the form; asked again"
    wait = f" in {event.wait:.0f} s" if event.wait >= 0.5 else ""
    return f"asking again{wait} ({one_line(event.reason, 140)})"


def failed(event: CallFailed) -> str:
    """That an agent did not answer, and why."""
    return f"no answer: {one_line(event.reason, 300)}"


class Transcript:
    """Turns events into things to print, given where the session stands."""

    def __init__(self, progress: Progress) -> None:
        self.palette = Palette()
        self._progress = progress
        self._phase = 0
        self._round = ("", 0)
        self._theme = ""
        self._heard: set[str] = set()
        self._stood: dict[tuple[str, str], list[int | None]] = {}
        self._proposed: dict[str, list[str]] = {}
        self._question: Mapping[str, Any] = {}
        self._counted = False
        self._state: Mapping[str, Any] = {}

    def recall(self, state: Mapping[str, Any]) -> None:
        """Take over a saved session's state: what was said last is told again when the session is resumed."""
        self._state = state
        for position in state.get("positions", ()):
            self._stances(position)

    def heard(self, text: str) -> None:
        """This text was shown whole, as it streamed in."""
        self._heard.add(one_line(text))

    def asked(self, question: Mapping[str, Any]) -> bool:
        """Whether this question was told last, whatever is said about an answer to it."""
        return {**question, "error": ""} == {**self._question, "error": ""}

    def tell(self, event: Event) -> Iterator[RenderableType]:
        """What to print for an event. `Progress.follow` has taken it in before."""
        match event:
            case SessionStarted():
                yield from self._opening(event)
            case CallStarted():
                yield from self._phase_heading()
                if event.task == "statement":
                    yield from self._round_heading(event.topic, event.round)
            case StepFinished():
                self._counted = False
                yield from self._phase_heading()
                yield from self._step(event)
            case QuestionAsked():
                self._question = event.payload
                yield from facts(event.payload, counted=self._counted)
            case QuestionAnswered():
                yield Prose(
                    _decision(event.answer), lead="→ ", style="bold", lead_style="bold magenta"
                )
            case SessionFinished():
                yield Heading("Session complete")
                yield note(totals(self._progress), "")
                yield Prose(event.reports, lead="Reports: ", style="bold")
            case _:
                pass

    def speaker(self, call: Call) -> Text:
        """The line above what an agent says."""
        what = DISSENTER if call.charge else _BY.get(call.task, "").format(round=call.round)
        return self._byline(call.agent, what, call.model)

    def _opening(self, event: SessionStarted) -> Iterator[RenderableType]:
        self._theme = event.theme
        for agent in self._progress.names:
            self.palette.style(self._progress.name(agent))
        title = "resumed" if event.resumed else "a new session"
        body = Text(one_line(event.theme, 1000) or "The theme is still open.", "bold")
        if event.stamp:
            body.append(f"\n{event.stamp}", "bold yellow")
        name = f"Virtual Agora · {one_line(event.session_id, 60)} · {title}"
        yield Boxed(name, body, "yellow" if event.stamp else "cyan")
        self._phase = self._progress.phase if event.resumed else 0
        self._round = (self._progress.topic, self._progress.round) if event.resumed else ("", 0)
        if event.resumed:
            yield note(f"It goes on at: {place(self._progress)}")
            yield from so_far(self._state, self.palette, RECALLED)

    def _phase_heading(self) -> Iterator[RenderableType]:
        phase = self._progress.phase
        if phase != self._phase and 0 < phase < len(PHASES):
            yield Heading(f"Phase {phase} · {PHASES[phase]}")
        self._phase = phase

    def _round_heading(self, topic: str, number: int) -> Iterator[RenderableType]:
        if number and (topic, number) != self._round:
            self._round = (topic, number)
            yield Heading(f"Round {number}", level=2)

    def _step(self, event: StepFinished) -> Iterator[RenderableType]:
        update = event.update
        if update.get("agents") and event.node == "agent_instantiation":
            yield Heading("The assembly", level=2)
            yield draw.panel(update["agents"], self.palette)
        if update.get("main_topic", self._theme) != self._theme:
            self._theme = update["main_topic"]
            yield Prose(self._theme, lead="Theme: ", style="bold")
        yield from self._agenda_making(event)
        for message in update.get("messages", ()):
            what = "" if message["kind"] == "user" else charge(message) or _LATE
            yield from self._late(message["content"], message["agent"], message["speaker"], what)
        for summary in (*update.get("round_summaries", ()), *update.get("topic_summaries", ())):
            yield from self._late(summary["text"], "summarizer", "", _LATE)
        for digest in update.get("digests", ()):
            rounds = f"1 to {digest['condensed']}"
            yield note(f"From here on, rounds {rounds} are told to the panel in one short text.")
        yield from self._positions(update.get("positions", ()))
        for written in update.get("reports", ()):
            yield draw.report(written)
        yield from self._votes(update)
        if update.get("concluded_by") in _CONCLUDED:
            yield note(_CONCLUDED[update["concluded_by"]], "bold")
        if event.node == "file_output":
            folder = self._progress.reports
            yield note(f"The report on this topic is {f'in {folder}' if folder else 'written'}.")
        for notice in update.get("notices", ()):
            yield Prose(notice["text"], lead="! ", style="yellow", lead_style="bold yellow")

    def _agenda_making(self, event: StepFinished) -> Iterator[RenderableType]:
        update = event.update
        if update.get("proposals"):
            yield from self._proposals(
                update["proposals"], refined=event.node == "topic_refinement"
            )
        if update.get("candidates"):
            yield Heading("The topics to vote on", level=2)
            yield draw.topics(update["candidates"])
        if update.get("ballots"):
            cast = sum(bool(ballot["ranking"]) for ballot in update["ballots"])
            yield note(f"{cast} of {len(update['ballots'])} secret ballots are valid and counted.")
        if event.node in ("agenda_approval", "get_theme") and update.get("agenda"):
            yield Heading("The agenda", level=2)
            yield draw.agenda(update["agenda"])
        if event.node == "announce_item" and event.topic:
            number, count = self._progress.topic_place()
            yield Heading(f"Topic {number} of {count}: {event.topic}", level=2)
            if order := update.get("speaking_order"):
                names = ", ".join(self._progress.name(agent) for agent in order)
                yield note(f"Speaking order: {names}")

    def _proposals(
        self, made: list[Mapping[str, Any]], *, refined: bool
    ) -> Iterator[RenderableType]:
        titles = {entry["agent"]: [topic["title"] for topic in entry["topics"]] for entry in made}
        standing = titles.pop(ON_AGENDA, [])
        before = self._proposed if refined else {}
        changed = {agent: new for agent, new in titles.items() if before.get(agent) != new}
        if refined:
            yield Heading("Refined, having seen everybody's proposals", level=2)
        else:
            yield Heading("What the participants propose", level=2)
            if standing:
                yield draw.proposals("On the agenda already", "dim", standing)
        for agent, new in changed.items():
            name = self._progress.name(agent)
            yield draw.proposals(name, self.palette.style(name), new)
        if len(changed) < len(titles):
            kept = [self._progress.name(agent) for agent in titles if agent not in changed]
            yield note(f"{', '.join(kept)}: as before")
        self._proposed = titles

    def _positions(self, taken: Iterable[Mapping[str, Any]]) -> Iterator[RenderableType]:
        """Positions moment by moment; after a round only those that have changed since the last time."""
        for (moment, number), said in groupby(taken, key=lambda p: (p["moment"], p["round"])):
            yield Heading(_STANDS[moment].format(round=number), level=2)
            kept = []
            for position in said:
                alone = moment == "single_model"
                name = "One model" if alone else self._progress.name(position["agent"])
                stood = self._stances(position)
                before = stood[-1 if moment == "round" else 0]
                if moment == "round" and position["stance"] == before:
                    kept.append(name)
                else:
                    yield draw.position(name, self.palette.style(name), position, before)
            if kept:
                yield note(f"{', '.join(kept)}: as before")

    def _stances(self, position: Mapping[str, Any]) -> list[int | None]:
        """Those its holder took on the topic until then, from the opening one on; this one where there is none.

        What was said alone does not count for what follows.
        """
        who = (position["agent"], position["topic"])
        before = self._stood.get(who, [])
        if position["moment"] in ("before", "round"):
            self._stood[who] = [*before, position["stance"]]
        return before or [position["stance"]]

    def _late(self, text: str, agent: str, speaker: str, what: str) -> Iterator[RenderableType]:
        known = one_line(text)
        if not known or known in self._heard:
            self._heard.discard(known)
            return
        yield self._byline(agent, what, "", speaker)
        yield Prose(text)

    def _votes(self, update: Mapping[str, Any]) -> Iterator[RenderableType]:
        votes = update.get("vote_history", ())
        for kind, question in (
            ("conclude_topic", "Conclude this topic?"),
            ("end_session", "End the session?"),
        ):
            cast = [vote for vote in votes if vote["kind"] == kind]
            if cast:
                self._counted = True
                said = [vote["choice"][0] if vote["choice"] else "abstained" for vote in cast]
                counts: dict[str, Any] = {
                    choice: said.count(choice) for choice in ("yes", "no", "abstained")
                }
                yield Text()
                yield draw.poll(
                    question, counts | {"needed": (update.get("poll") or {}).get("needed")}
                )
                yield draw.reasons(cast)

    def _byline(self, agent: str, what: str, model: str, speaker: str = "") -> Text:
        name = one_line(speaker, 40) or self._progress.name(agent)
        line = Text("\n").append(name, f"bold {self.palette.style(name)}")
        if what:
            line.append(f" {what}", "italic")
        return line.append(f"  {one_line(model, 60)}", "dim") if model else line


def _decision(answer: Mapping[str, Any]) -> str:
    said = str(answer["action"]).replace("_", " ")
    if answer.get("reason"):
        said += f": {answer['reason']}"
    raised = [amounts.said(k, answer[k]) for k in amounts.KINDS if answer.get(k) is not None]
    if raised:
        said += f" to {' and '.join(raised)}"
    if answer.get("model"):
        said += f": {answer['provider']}/{answer['model']}"
    return said
