"""How the agenda was voted on, and what became of its topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from virtual_agora.measures.model import Measures
from virtual_agora.measures.words import explain
from virtual_agora.reports.facts import State, amount, last_poll, pending, topics
from virtual_agora.reports.html.contest import Contest, contest
from virtual_agora.reports.html.figures import figure, percentage
from virtual_agora.reports.html.prose import plain
from virtual_agora.reports.verdicts import rule_name

__all__ = ["Agenda", "Place", "agenda_of", "letter", "rules_said"]

MOST_FIRST = 3
"""The most topics that are named where several come first."""

MOST_PLACES = 20
"""The most topics that the list has."""

LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class Place:
    """A topic of the agenda; `key` is its letter in the plots, `number` that among the topics discussed, or 0."""

    key: str
    title: str
    score: str
    became: str
    number: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What some voting rules put first, or what is among it; `chosen`: the one that was used is among them."""

    rules: str
    first: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Agenda:
    """The latest vote on the agenda; without one there is only what is `said`."""

    said: str
    places: Sequence[Place] = ()
    hidden: int = 0
    titles: Mapping[str, Place] | None = None
    contest: Contest | None = None
    verdicts: Sequence[Verdict] = ()
    figures: Sequence[tuple[str, str]] = ()


def agenda_of(state: State, measures: Measures) -> Agenda:
    """The agenda as it was voted on."""
    tally = state.get("tally")
    if not tally:
        return Agenda(
            "The user defined the topics."
            if state.get("user_defines_topics")
            else "No agenda has been voted on."
        )
    counted = [title for group in tally["order"] for title in group]
    voted = [*state.get("proposed_agenda", []), *counted]
    others = [*topics(state), *state.get("agenda", [])]
    listed = list(dict.fromkeys([*voted, *others]))
    places = [_place(state, tally, letter(at), title) for at, title in enumerate(listed)]
    on_ballots = set(counted)
    return Agenda(
        said=_said(state, tally),
        places=places[:MOST_PLACES],
        hidden=len(places[MOST_PLACES:]),
        titles=dict(zip(listed, places, strict=True)),
        contest=contest(
            state,
            [title for title in listed if title in on_ballots],
            {title: place.key for title, place in zip(listed, places, strict=True)},
        ),
        verdicts=_verdicts(tally),
        figures=_figures(measures),
    )


def letter(at: int) -> str:
    """`A` to `Z`, then `AA`, `AB` and so on."""
    head, tail = divmod(at, 26)
    return (letter(head - 1) if head else "") + chr(ord("A") + tail)


def rules_said(state: State) -> str:
    """Whether the voting rules agree on what comes first, in a sentence; empty where that was not counted."""
    counted = (state.get("tally") or {}).get("all_rules")
    if not counted:
        return ""
    lost = [
        rule_name(rule) for verdict in counted.get("unsettled", []) for rule in verdict["rules"]
    ]
    if len(counted["verdicts"]) > 1:
        said = "The voting rules disagree on which topic these ballots put first."
    elif lost:
        said = "So far as it can be told, the voting rules agree on what these ballots put first."
    else:
        said = "All voting rules put the same topic first on these ballots."
    ties = f" The ballots hold too many ties to follow {' and '.join(lost)} to the end."
    return said + (ties if lost else "")


def _place(state: State, tally: Mapping[str, Any], key: str, title: str) -> Place:
    discussed = topics(state)
    is_open = title in state.get("agenda", [])
    waiting = "left undiscussed" if state.get("status") == "complete" else "still to come"
    scores = tally["scores"]
    gone = pending(state) or "taken off"
    return Place(
        key=key,
        title=plain(title, LONGEST_TITLE),
        score=f"{scores[title]:g}" if title in scores else "–",
        became="discussed" if title in discussed else waiting if is_open else gone,
        number=discussed.index(title) + 1 if title in discussed else 0,
    )


def _said(state: State, tally: Mapping[str, Any]) -> str:
    count = amount(tally["ballots"], "secret ballot")
    if not tally["ballots"]:
        count = "No usable ballot was cast; all topics are tied"
    said = [f"{count}, counted by the rule “{rule_name(tally['rule'])}”"]
    if tally["abstained"]:
        said.append(amount(tally["abstained"], "abstention"))
    if tally["tie_broken_by"]:
        who = "the moderator" if tally["tie_broken_by"] == "moderator" else "lot"
        said.append(f"a tie was broken by {who}")
    occasions = {v["ballot"] for v in state.get("vote_history", []) if v["kind"] == "agenda"}
    latest = f" This is the latest of {len(occasions)} votes." if len(occasions) > 1 else ""
    reasons = (
        " Each ballot and its reason are in the transcript." if last_poll(state, "agenda") else ""
    )
    return f"{'; '.join(said)}.{latest}{reasons}"


def _verdicts(tally: Mapping[str, Any]) -> list[Verdict]:
    counted = tally.get("all_rules") or {"verdicts": []}
    settled = [_verdict(tally, v, _first(v) + _tied(v)) for v in counted["verdicts"]]
    unsettled = [_verdict(tally, v, _open(tally, v)) for v in counted.get("unsettled", [])]
    return settled + unsettled


def _verdict(tally: Mapping[str, Any], verdict: Mapping[str, Any], first: str) -> Verdict:
    rules = ", ".join(rule_name(rule) for rule in verdict["rules"])
    return Verdict(rules, first, chosen=tally["rule"] in verdict["rules"])


def _first(verdict: Mapping[str, Any]) -> str:
    named = "; ".join(plain(title, LONGEST_TITLE) for title in verdict["first"][:MOST_FIRST])
    more = len(verdict["first"]) - MOST_FIRST
    return f"{named} and {more} more" if more > 0 else named


def _tied(verdict: Mapping[str, Any]) -> str:
    return " (tied)" if len(verdict["first"]) > 1 else ""


def _open(tally: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    counted = "; they counted as tied" if tally["rule"] in verdict["rules"] else ""
    return f"Among: {_first(verdict)} (too many ties to follow the rule to the end{counted})"


def _figures(measures: Measures) -> list[tuple[str, str]]:
    """What the measures say of the ballots, in words, with the figure."""
    found = measures["agenda"]
    margin, tau = found.get("winner_margin"), found.get("kendall_tau")
    share = found.get("rule_agreement")
    return [
        (what, said)
        for what, value, said in (
            (explain("winner_margin").meaning.rstrip("."), margin, _margin(margin or 0)),
            ("How alike the ballots are (Kendall's τ, −1 to 1)", tau, figure(tau or 0, 2)),
            ("Other voting rules that put the same topic first", share, percentage(share or 0)),
        )
        if value is not None
    ]


def _margin(margin: float) -> str:
    said = f"{percentage(margin)} of the ballots"
    return f"{said}: more of them prefer another topic" if margin < 0 else said
