"""What a reader must know before the first word of a report: who is missing, and what the text does not rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from virtual_agora.reports.facts import ENDED, State, amount, names, participants
from virtual_agora.reports.markdown import inline
from virtual_agora.reports.traces import support
from virtual_agora.state.demo import DEMO_STAMP, SCRIPTED, demo_stamp
from virtual_agora.state.schema import Notice, NoticeKind

__all__ = ["first_page"]

ALL_WELL = (
    "Everybody was heard in every turn, every answer was usable as it came, and every claim of the reports "
    "names a turn it rests on."
)
UNDER_WAY = (
    "**The session is still under way.** This is how it stood when its latest topic was closed."
)
MOST_IDS = 10
EARLY = (ENDED, "went straight to the final report.")
"""How the notices of what a user can decide to end a session early end."""

COUNTED: dict[NoticeKind, tuple[str, str]] = {
    "skipped": ("turn", "skipped, because the member could not be reached"),
    "repaired": ("answer", "asked for again or read from plain text"),
    "abstained": ("answer", "unusable all the same, and taken as an abstention"),
}


def first_page(state: State) -> list[str]:
    """The warnings, a line each, or the sentence that there are none."""
    lines = [
        *_whole(state),
        *_scripted(state),
        *_missing(state),
        *_counted(state),
        *_replaced(state),
        *_one_model(state),
        *_unwritten(state),
        *_unsupported(state),
        *_agenda(state),
    ]
    listed = "\n".join(f"- {line}" for line in lines) or ALL_WELL
    return ["## What a reader should know first", listed]


def _whole(state: State) -> list[str]:
    if state.get("status") != "complete":
        return [UNDER_WAY]
    left = len(state.get("agenda", []))
    by_user = any(
        notice["kind"] == "user" and notice["text"].endswith(EARLY)
        for notice in state.get("notices", [])
    )
    if not left and not by_user:
        return []
    who = " by the user" if by_user else ""
    return [
        f"**Ended early**{who}: {amount(left, 'topic') if left else 'no topic'} of the agenda "
        f"{'were' if left > 1 else 'was'} left undiscussed."
    ]


def _scripted(state: State) -> list[str]:
    stamp = demo_stamp(state)
    if not stamp:
        return []
    if stamp == DEMO_STAMP:
        return ["**Scripted**: all of it is put together from phrases; no model said any of it."]
    who = [inline(a["name"]) for a in state.get("agents", []) if a["provider"] == SCRIPTED]
    spoke = ", ".join(who) or "a member that has another model by now"
    return [f"**Partly scripted**: what came from {spoke} is put together from phrases."]


def _missing(state: State) -> list[str]:
    gone = [names(state).get(id_, id_) for id_ in state.get("excluded", [])]
    if not gone:
        return []
    return [
        f"**Dropped out**: {', '.join(map(inline, gone))}. "
        f"{len(participants(state)) - len(gone)} of {amount(len(participants(state)), 'participant')} "
        "were left at the end."
    ]


def _counted(state: State) -> list[str]:
    notices: list[Notice] = state.get("notices", [])
    lines = []
    for kind, (thing, what) in COUNTED.items():
        found = [notice for notice in notices if notice["kind"] == kind]
        if found:
            verb = "was" if len(found) == 1 else "were"
            lines.append(f"{amount(len(found), thing)} {verb} {what}: {_by_member(state, found)}.")
    return lines


def _replaced(state: State) -> list[str]:
    found = [notice for notice in state.get("notices", []) if notice["kind"] == "replaced"]
    return [f"Given another model on the way: {_by_member(state, found)}."] if found else []


def _by_member(state: State, notices: Sequence[Notice]) -> str:
    times = Counter(names(state).get(n["agent"], n["agent"] or "the assembly") for n in notices)
    return ", ".join(
        inline(name) if number == 1 else f"{inline(name)} ({number})"
        for name, number in times.items()
    )


def _one_model(state: State) -> list[str]:
    models = {(agent["provider"], agent["model"]) for agent in participants(state)}
    if len(models) != 1 or demo_stamp(state) == DEMO_STAMP:
        return []
    return [
        "**One model**: all participants are the same one, under different names. Their agreement says "
        "less than that of different models."
    ]


def _unwritten(state: State) -> list[str]:
    empty = [
        section
        for report in state.get("reports", [])
        for section in report["sections"]
        if not section["text"].strip()
    ]
    return (
        [f"{amount(len(empty), 'section')} of the reports could not be written."] if empty else []
    )


def _unsupported(state: State) -> list[str]:
    found = support(state)
    lines = []
    if found.unsupported:
        name, is_marked = ("names", "is") if found.unsupported == 1 else ("name", "are")
        lines.append(
            f"{found.unsupported} of the {amount(found.claims, 'claim')} in the reports {name} no turn "
            f"to rest on and {is_marked} marked *(no turn is cited for this)*."
        )
    if found.unknown:
        shown = ", ".join(found.unknown[:MOST_IDS])
        more = f" and {len(found.unknown) - MOST_IDS} more" if len(found.unknown) > MOST_IDS else ""
        lines.append(
            f"The reports cite {amount(len(found.unknown), 'turn')} that nobody had taken, struck out "
            f"there: {shown}{more}."
        )
    return lines


def _agenda(state: State) -> list[str]:
    verdicts = state.get("tally", {}).get("all_rules")
    if not verdicts or verdicts["agree"]:
        return []
    return ["The voting rules disagree on what the ballots put first on the agenda."]
