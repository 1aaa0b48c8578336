"""What the reports say about a session, found in its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from virtual_agora.state.schema import AgentRecord, Message, Notice, Report, TopicSummary, Vote

__all__ = [
    "State",
    "absent",
    "amount",
    "before_discussion",
    "between_topics",
    "conclusion",
    "decisions_between",
    "digests_after",
    "last_poll",
    "last_words",
    "names",
    "notices_on",
    "participants",
    "pending",
    "poll_words",
    "report_on",
    "summary_of",
    "topics",
]

State = Mapping[str, Any]

ENDED = "ended the session."
"""How the last decision that a user can take is put in its notice."""

RULES = {
    "majority": "more than half must be for it",
    "two_thirds": "two thirds must be for it",
    "unanimous": "all must be for it",
}


def amount(number: int, thing: str) -> str:
    """`1 round`, `2 rounds`, `1,200 calls`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def topics(state: State) -> list[str]:
    """The topics in the order in which they were taken up, the current one last."""
    closed: list[str] = list(state.get("completed_topics", []))
    current: str = state.get("current_topic", "")
    return closed if not current or current in closed else [*closed, current]


def pending(state: State) -> str:
    """What is to be said of a proposed topic while the user has not approved the agenda; empty once that is done."""
    candidates = [candidate["title"] for candidate in state.get("candidates", [])]
    if not candidates or not state.get("tally"):
        return ""
    # From a rejection to the next approval it is not known which of two agendas the ballots were about.
    if state.get("decision") == "reject":
        return "proposed; not approved so far"
    if state.get("status") == "complete":
        return "proposed; never approved"
    proposed = sorted(candidates) == sorted(state.get("proposed_agenda", []))
    return "proposed; waits for the user's word" if proposed else ""


def before_discussion(state: State) -> str:
    """How far a session has come that has taken up no topic, in a sentence; empty for any other."""
    if topics(state):
        return ""
    if state.get("status") == "complete":
        return "No topic was discussed."
    if pending(state):
        return "The user has not approved the agenda; nothing has been discussed so far."
    if state.get("agenda"):
        return "The agenda is set; nothing has been discussed so far."
    return "There is no agenda yet, and nothing has been discussed."


def participants(state: State) -> list[AgentRecord]:
    """Those who debate and vote, in the panel's order."""
    return [agent for agent in state.get("agents", []) if agent["role"] == "participant"]


def names(state: State) -> dict[str, str]:
    """The names of all members by their ids."""
    return {agent["id"]: agent["name"] for agent in state.get("agents", [])}


def absent(state: State) -> dict[str, str]:
    """How it is said of those who take no part, or no longer, by their ids: `excluded`, or `left out` by a fork."""
    forks = state.get("forked_from", [])
    left = {id_ for fork in forks for id_ in fork["left"]}
    return {id_: "left out" if id_ in left else "excluded" for id_ in state.get("excluded", [])}


def report_on(state: State, topic: str) -> Report | None:
    """The report on a topic, or the final one for `""`; the latest, if there are several."""
    found: list[Report] = [r for r in state.get("reports", []) if r["topic"] == topic]
    return found[-1] if found else None


def summary_of(state: State, topic: str) -> TopicSummary | None:
    """How a closed topic ended, and its gist."""
    found: list[TopicSummary] = [s for s in state.get("topic_summaries", []) if s["topic"] == topic]
    return found[-1] if found else None


def digests_after(state: State, topic: str, round: int) -> list[tuple[str, str]]:
    """What the panel was told from the end of a round on in place of earlier summaries: titles and texts."""
    return [
        (
            f"Rounds 1 to {digest['condensed']}, as the panel was told them from here on",
            digest["text"],
        )
        for digest in state.get("digests", [])
        if (digest["topic"], digest["round"]) == (topic, round)
    ]


def last_words(state: State, topic: str) -> list[Message]:
    """What was said once the topic was closed."""
    said: list[Message] = state.get("messages", [])
    return [m for m in said if m["topic"] == topic and m["kind"] == "final_words"]


def notices_on(state: State, topic: str) -> list[Notice]:
    """What a reader of the report on a topic must know."""
    return [notice for notice in state.get("notices", []) if notice["topic"] == topic]


def last_poll(state: State, kind: str, topic: str = "") -> list[Vote]:
    """The answers to the last poll of that kind: on `topic`, or whenever it was."""
    polls = [vote for vote in state.get("vote_history", []) if vote["kind"] == kind]
    about = [vote for vote in polls if not topic or vote["topic"] == topic]
    return [vote for vote in about if vote["ballot"] == about[-1]["ballot"]]


def poll_words(votes: Sequence[Vote]) -> str:
    """`3 yes, 1 no, 1 abstained`."""
    choices = [vote["choice"] for vote in votes]
    yes, no, abstained = choices.count(["yes"]), choices.count(["no"]), choices.count([])
    return f"{yes} yes, {no} no" + (f", {abstained} abstained" if abstained else "")


def conclusion(state: State, topic: str) -> str:
    """Who or what closed a topic, with the numbers: a phrase that begins with “closed”."""
    summary = summary_of(state, topic)
    cause = summary["concluded_by"] if summary else state.get("concluded_by", "")
    votes = last_poll(state, "conclude_topic", topic)
    counted = f"the last poll was {poll_words(votes)}" if votes else "no poll had been taken"
    rule = RULES[_conclude_rule(state, topic)]
    match cause:
        case "vote":
            return f"closed by vote of the participants: {poll_words(votes)} ({rule})"
        case "user":
            return f"closed by the user; {counted}"
        case "max_rounds":
            return f"closed because the last round allowed had been held; {counted}, and {rule}"
        case "budget":
            return f"closed because the budget was used up; {counted}"
    return "not closed yet"


def _conclude_rule(state: State, topic: str) -> str:
    """The rule by which a topic was concluded, which a fork after that may have changed."""
    place = topics(state).index(topic) if topic in topics(state) else 0
    for fork in state.get("forked_from", []):
        for change in fork["changes"]:
            if change["key"] == "session.conclude" and place < fork["concluded"]:
                return str(change["before"])
    return str(state["config"]["session"]["conclude"])


def between_topics(state: State) -> dict[int, list[list[Vote]]]:
    """The votes on the agenda and on ending the session, by the number of topics closed before them."""
    found: dict[int, list[list[Vote]]] = {}
    closed = list(state.get("completed_topics", []))
    for _, group in groupby(state.get("vote_history", []), key=lambda vote: vote["ballot"]):
        votes = list(group)
        if votes[0]["kind"] != "conclude_topic":
            last = votes[0]["topic"]
            found.setdefault(closed.index(last) + 1 if last in closed else 0, []).append(votes)
    return found


def decisions_between(state: State) -> dict[int, list[Notice]]:
    """What was decided on the agenda and the session, by the number of topics closed before; −1: that is not known.

    Such a notice has no topic. It lies between those before and after it that have one, and has the number of
    rounds that the topic closed last had; where that leaves a choice, agendas are changed where they are voted on.
    """
    closed = list(state.get("completed_topics", []))
    rounds = [0, *(summary["rounds"] if (summary := summary_of(state, t)) else 0 for t in closed)]
    ballots = [
        number
        for number, occasions in between_topics(state).items()
        if any(votes[0]["kind"] == "agenda" for votes in occasions)
    ]
    notices: list[Notice] = state.get("notices", [])
    places = [closed.index(n["topic"]) if n["topic"] in closed else None for n in notices]
    found: dict[int, list[Notice]] = {}
    for at, notice in enumerate(notices):
        if notice["topic"] or notice["kind"] not in ("user", "dropped"):
            continue
        first = max((p + 1 for p in places[:at] if p is not None), default=0)
        last = min((p for p in places[at:] if p is not None), default=len(closed))
        fitting = [n for n in range(first, last + 1) if rounds[n] == notice["round"]]
        if notice["text"].endswith(ENDED):
            fitting = [len(closed)]
        if len(fitting) > 1:
            fitting = [number for number in fitting if number in ballots]
        found.setdefault(fitting[0] if len(fitting) == 1 else -1, []).append(notice)
    return found
