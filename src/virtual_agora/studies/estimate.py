"""How many calls to models a session makes, at least and at most, by the protocol."""

from __future__ import annotations

from dataclasses import dataclass

from virtual_agora.config.models import Config

__all__ = ["SECTIONS", "Calls", "calls_of"]

SECTIONS = (2, 5)
"""The fewest and the most sections of a report."""

TOPICS = (1, 20)
"""The fewest and the most topics of an agenda that the participants propose."""


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


def _topic(config: Config) -> Calls:
    """One topic, from its first round to its report and summary."""
    rules, members = config.session, len(config.participants())
    around = 0
    if rules.positions != "off":
        around = (3 if rules.control else 2) * members + int(rules.single_model)
    last_words, summary = Calls(0, members), Calls(1, 1)
    # Old summaries are condensed in every other round at most, from the fourth on, if they are as long as can be.
    digests = max(0, rules.max_rounds // 2 - 1)
    rounds = Calls(_rounds(config, rules.min_rounds), _rounds(config, rules.max_rounds) + digests)
    return rounds + Calls(around, around) + last_words + _report() + summary


def _rounds(config: Config, held: int) -> int:
    """So many rounds on a topic: statements and a summary, positions if wanted; polls from `min_rounds` on."""
    rules, members = config.session, len(config.participants())
    polls = held - rules.min_rounds + 1
    noted = held if rules.positions == "every_round" else 0
    return held * (members + 1) + (polls + noted) * members


def _report() -> Calls:
    """An outline and the sections."""
    return Calls(1 + SECTIONS[0], 1 + SECTIONS[1])
