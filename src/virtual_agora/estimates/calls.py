"""How many calls to models a session makes, at least and at most, by the protocol."""

from __future__ import annotations

from dataclasses import dataclass

from virtual_agora.config.models import Config

__all__ = [
    "CLOSING",
    "SECTIONS",
    "TOPICS",
    "WRITING",
    "Calls",
    "calls_of",
    "closing_calls",
    "most_digests",
    "most_left",
]

SECTIONS = (2, 5)
"""The fewest and the most sections of a report."""

TOPICS = (1, 20)
"""The fewest and the most topics of an agenda that the participants propose."""


CLOSING = frozenset({"topic_summary", "report_outline", "report_section"})
"""The tasks that only a topic, or session, at its end asks for. A topic's own cap does not hold them back."""

WRITING = CLOSING | {"round_summary", "digest"}
"""The tasks that bring what was said into reports. They are all that a session still asks for once its budget is used up."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Bounds of a number of calls. They hold as long as every participant stays to the end."""

    at_least: int
    at_most: int

    def __add__(self, other: Calls) -> Calls:
        return Calls(self.at_least + other.at_least, self.at_most + other.at_most)

    def __mul__(self, times: int) -> Calls:
        return Calls(self.at_least * times, self.at_most * times)


def calls_of(config: Config, topics: int) -> Calls:
    """The bounds for one session of this configuration on `topics` topics; 0: its participants propose them.

    At the least every topic is concluded by the first poll, nobody has final words, reports have two sections, and the
    participants end the session after its first topic. At the most every topic has its last round. A call
    that is repeated because it fails counts once, as it does in a session's usage.
    """
    members = len(config.participants())
    # Proposals, refinements and the merging; ballots where there is a choice, and the breaking of a tie.
    agenda = Calls(0, 0) if topics else Calls(2 * members + 1, 3 * members + 2)
    fewest, most = (topics, topics) if topics else TOPICS
    first = _topic(config) + Calls(members if fewest > 1 else 0, 0)
    others = Calls(0, (_topic(config).at_most + members) * (most - 1))
    return agenda + first + others + _report()


def most_left(config: Config, open_topics: int, rounds: int | None) -> int:
    """The most calls from the middle of a session to its ordinary end.

    `open_topics` are still on the agenda; `rounds` are over on the current topic, None where there is none.
    """
    others = (_topic(config).at_most + len(config.participants())) * open_topics
    over = 0 if rounds is None else _opening(config) + _rounds(config, max(0, rounds))
    current = 0 if rounds is None else _topic(config).at_most - over
    return current + others + _report().at_most


def closing_calls(*, topic: bool, session: bool, compacting: int) -> int:
    """The most calls of the writing that brings a topic, a session or both to an end with what is there.

    `compacting` calls are due before: for the last round's summary, and for the digest that is made beside it.
    """
    closing = _report().at_most + 1 if topic else 0
    return compacting + closing + (_report().at_most if session else 0)


def _topic(config: Config) -> Calls:
    """One topic, from its first round to its report and summary."""
    rules, members = config.session, len(config.participants())
    around, last_words, summary = _around(config), Calls(0, members), Calls(1, 1)
    most = _rounds(config, rules.max_rounds) + most_digests(rules.max_rounds)
    rounds = Calls(_rounds(config, rules.min_rounds), most)
    return rounds + Calls(around, around) + last_words + _report() + summary


def most_digests(rounds: int) -> int:
    """How often old summaries are condensed at most: in every other round from the fourth on, if they are as long as can be."""
    return max(0, rounds // 2 - 1)


def _opening(config: Config) -> int:
    """The positions before a topic's first round."""
    rules = config.session
    return 0 if rules.positions == "off" else len(config.participants()) + int(rules.single_model)


def _around(config: Config) -> int:
    """The positions before the first round and after the last one."""
    rules, members = config.session, len(config.participants())
    after = 0 if rules.positions == "off" else (2 if rules.control else 1) * members
    return _opening(config) + after


def _rounds(config: Config, held: int) -> int:
    """So many rounds on a topic: statements and a summary, positions if wanted; polls from `min_rounds` on."""
    rules, members = config.session, len(config.participants())
    polls = max(0, held - rules.min_rounds + 1)
    noted = held if rules.positions == "every_round" else 0
    return held * (members + 1) + (polls + noted) * members


def _report() -> Calls:
    """An outline and the sections."""
    return Calls(1 + SECTIONS[0], 1 + SECTIONS[1])
