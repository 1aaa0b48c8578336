"""What a reader must know before the first word of a report: who is missing, and what the text does not rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from virtual_agora.citations import support
from virtual_agora.reports.facts import ENDED, State, absent, amount, names, participants
from virtual_agora.reports.forks import fork_words
from virtual_agora.reports.markdown import inline
from virtual_agora.reports.verdicts import agreement, unsettled
from virtual_agora.state.demo import DEMO_STAMP, SCRIPTED, demo_stamp
from virtual_agora.state.schema import Notice, NoticeKind
from virtual_agora.state.usage import concluding

__all__ = ["ALL_WELL", "Remark", "warnings"]

ALL_WELL = (
    "Everybody was heard in every turn, every answer was usable as it came, and every claim of the reports "
    "names a turn it rests on."
)
MOST_IDS = 10
EARLY = (ENDED, "went straight to the final report.")
"""How the notices of what a user can decide to end a session early end."""

COUNTED: dict[NoticeKind, tuple[str, str, str]] = {
    "skipped": ("Turns lost", "turn", "skipped, because the member could not be reached"),
    "repaired": ("Asked again", "answer", "asked for again or read from plain text"),
    "abstained": ("Abstained", "answer", "unusable all the same, and taken as an abstention"),
}


@dataclass(frozen=True, slots=True)
class Remark:
    """A warning: what it is about in a word or three, and a sentence in Markdown."""

    about: str
    text: str


def warnings(state: State) -> list[Remark]:
    """What a reader must know first, the gravest first; empty if there is nothing to warn of."""
    return [
        *_whole(state),
        *_scripted(state),
        *(Remark("Forked", inline(words)) for words in fork_words(state)),
        *_missing(state),
        *_counted(state),
        *_replaced(state),
        *_notes(state),
        *_unwritten(state),
        *_unsupported(state),
        *_agenda(state),
    ]


def _whole(state: State) -> list[Remark]:
    if state.get("status") != "complete":
        return [Remark("Under way", "The session is still under way; this is how it stood.")]
    left = len(state.get("agenda", []))
    by_user = any(
        notice["kind"] == "user" and notice["text"].endswith(EARLY)
        for notice in state.get("notices", [])
    )
    by_budget = concluding(state) == "session"
    if not left and not by_user and not by_budget:
        return []
    who = " because of the budget" if by_budget else " by the user" if by_user else " by vote"
    undiscussed = f"{amount(left, 'topic') if left else 'no topic'} of the agenda"
    were = "were" if left > 1 else "was"
    return [Remark("Ended early", f"Closed{who}: {undiscussed} {were} left undiscussed.")]


def _scripted(state: State) -> list[Remark]:
    stamp = demo_stamp(state)
    if not stamp:
        return []
    if stamp == DEMO_STAMP:
        return [
            Remark("Scripted", "All of it is put together from phrases; no model said any of it.")
        ]
    who = [inline(a["name"]) for a in state.get("agents", []) if a["provider"] == SCRIPTED]
    spoke = ", ".join(who) or "a member that has another model by now"
    return [Remark("Partly scripted", f"What came from {spoke} is put together from phrases.")]


def _missing(state: State) -> list[Remark]:
    away = list(absent(state).values())
    gone = [names(state).get(id_, id_) for id_, how in absent(state).items() if how == "excluded"]
    if not gone:
        return []
    began = len(participants(state)) - away.count("left out")
    left = f"{began - len(gone)} of {amount(began, 'participant')} were left at the end."
    return [Remark("Dropped out", f"{', '.join(map(inline, gone))}. {left}")]


def _counted(state: State) -> list[Remark]:
    notices: list[Notice] = state.get("notices", [])
    lines = []
    for kind, (about, thing, what) in COUNTED.items():
        found = [notice for notice in notices if notice["kind"] == kind]
        if found:
            verb = "was" if len(found) == 1 else "were"
            said = f"{amount(len(found), thing)} {verb} {what}: {_by_member(state, found)}."
            lines.append(Remark(about, said))
    return lines


def _replaced(state: State) -> list[Remark]:
    found = [notice for notice in state.get("notices", []) if notice["kind"] == "replaced"]
    given = f"Given another model on the way: {_by_member(state, found)}."
    return [Remark("Models replaced", given)] if found else []


def _by_member(state: State, notices: Sequence[Notice]) -> str:
    times = Counter(names(state).get(n["agent"], n["agent"] or "the assembly") for n in notices)
    return ", ".join(
        inline(name) if number == 1 else f"{inline(name)} ({number})"
        for name, number in times.items()
    )


def _notes(state: State) -> list[Remark]:
    notices: list[Notice] = state.get("notices", [])
    return [Remark("Note", inline(n["text"])) for n in notices if n["kind"] == "warning"]


def _unwritten(state: State) -> list[Remark]:
    empty = [
        section
        for report in state.get("reports", [])
        for section in report["sections"]
        if not section["text"].strip()
    ]
    said = f"{amount(len(empty), 'section')} of the reports could not be written."
    return [Remark("Unwritten", said)] if empty else []


def _unsupported(state: State) -> list[Remark]:
    found = support(state)
    lines = []
    if found.unsupported:
        name, is_marked = ("names", "is") if found.unsupported == 1 else ("name", "are")
        said = (
            f"{found.unsupported} of the {amount(found.claims, 'claim')} in the reports and the summaries of topics "
            f"{name} no turn to rest on and {is_marked} marked."
        )
        lines.append(Remark("Unsupported", said))
    if found.unknown:
        shown = ", ".join(found.unknown[:MOST_IDS])
        more = f" and {len(found.unknown) - MOST_IDS} more" if len(found.unknown) > MOST_IDS else ""
        said = (
            f"The reports or the summaries of topics cite {amount(len(found.unknown), 'turn')} that nobody had taken, "
            f"marked as such there: {shown}{more}."
        )
        lines.append(Remark("Wrong citations", said))
    return lines


def _agenda(state: State) -> list[Remark]:
    tally = state.get("tally", {})
    if not tally.get("all_rules") or tally["all_rules"]["agree"]:
        return []
    said = f"On what the ballots put first on the agenda, {agreement(tally)}."
    return [Remark("Voting rules", " ".join([said, *unsettled(tally)]))]
