"""What a reader must know: who was missing, what had to be repaired, what nothing supports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from virtual_agora.citations import cited
from virtual_agora.measures.model import Measures
from virtual_agora.reports.facts import State, amount, names, notices_on
from virtual_agora.reports.html.agenda import rules_said
from virtual_agora.reports.html.prose import Turns, citable, plain
from virtual_agora.state.demo import demo_stamp

__all__ = ["Remark", "must_know", "remarks"]

LONGEST_NOTICE = 400

KINDS = {
    "skipped": "Turn skipped",
    "excluded": "Excluded",
    "repaired": "Asked again",
    "abstained": "Abstained",
    "replaced": "Model replaced",
    "warning": "Note",
    "dropped": "Taken off the agenda",
    "user": "The user",
}


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to know: what it is about in a word or two, and a sentence."""

    kind: str
    text: str


def remarks(state: State, topic: str) -> list[Remark]:
    """The notices on a topic, or on the session as a whole for `""`."""
    return [
        Remark(
            KINDS.get(notice["kind"], "Note")
            + (f", round {notice['round']}" if notice["round"] else ""),
            plain(notice["text"], LONGEST_NOTICE),
        )
        for notice in notices_on(state, topic)
    ]


def must_know(state: State, measures: Measures, turns: Turns) -> list[Remark]:
    """The first screen's remarks, the gravest first; empty where there is nothing to warn of."""
    counts = Counter(notice["kind"] for notice in state.get("notices", []))
    found = [
        ("Scripted", f"{demo_stamp(state)}." if demo_stamp(state) else ""),
        ("Under way", "" if state.get("status") == "complete" else "The session has not ended."),
        ("Missing", _missing(state)),
        ("Skipped", _counted(counts["skipped"], "turn was skipped", "turns were skipped")),
        ("Replaced", _counted(counts["replaced"], "model was replaced", "models were replaced")),
        (
            "Asked again",
            _counted(
                counts["repaired"],
                "answer did not fit its form and was asked for again",
                "answers did not fit their form and were asked for again",
            ),
        ),
        (
            "Abstained",
            _counted(
                counts["abstained"],
                "answer was unusable and counts as an abstention",
                "answers were unusable and count as abstentions",
            ),
        ),
        ("Unsupported", _unsupported(measures)),
        ("Wrong citations", _broken(state, turns)),
        *(
            ("Note", plain(notice["text"], LONGEST_NOTICE))
            for notice in state.get("notices", [])
            if notice["kind"] == "warning"
        ),
        ("Voting rules", rules_said(state) if "disagree" in rules_said(state) else ""),
    ]
    return [Remark(kind, text) for kind, text in found if text]


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}." if number else ""


def _missing(state: State) -> str:
    who = names(state)
    missing = [plain(who.get(agent, agent)) for agent in state.get("excluded", [])]
    if not missing:
        return ""
    return f"{_listed(missing)} had to be excluded and did not take part to the end."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _unsupported(measures: Measures) -> str:
    bare, all_ = measures.get("unsupported_claims") or 0, measures.get("claims") or 0
    if not bare:
        return ""
    return (
        f"{bare} of the reports' {amount(all_, 'paragraph')} and list items "
        f"{'cites' if bare == 1 else 'cite'} no turn of the discussion; they are marked."
    )


def _broken(state: State, turns: Turns) -> str:
    broken = {
        id_
        for report in state.get("reports", [])
        for section in report["sections"]
        for id_ in cited(section["text"])
        if id_ not in citable(turns, report["topic"])
    }
    return _counted(
        len(broken),
        "turn that is cited does not exist; it is marked",
        "turns that are cited do not exist; they are marked",
    )
