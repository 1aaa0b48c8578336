"""The summarizer: compacts rounds and topics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from virtual_agora.agents.context import join, live_round, statements
from virtual_agora.agents.earlier import DIGEST_WORDS, LONGEST
from virtual_agora.agents.member import Member, Request
from virtual_agora.citations import citable, only_turns
from virtual_agora.state.schema import Message

__all__ = ["Summarizer"]

State = Mapping[str, Any]


class Summarizer(Member):
    """A member that only shortens."""

    def round_summary(
        self, state: State, topic: str, round: int, said: Sequence[Message]
    ) -> Request[str]:
        """A round, compacted, speakers unattributed."""
        return self.request(
            "round_summary", str, state, live_round(said, round), topic=topic, round=round
        )

    def digest(self, state: State, topic: str, round: int, condensed: int) -> Request[str]:
        """Of what is told of the rounds up to `condensed` one text, for those who speak after `round`."""
        return self.request(
            "digest",
            str,
            state,
            topic=topic,
            check=_usable(only_turns(citable(state.get("messages", []), topic))),
            spare=True,
            round=round,
            condensed=condensed,
            words=DIGEST_WORDS,
        )

    def topic_summary(
        self, state: State, topic: str, final_words: Sequence[Message]
    ) -> Request[str]:
        """A closed topic in one paragraph, for those who discuss the next."""
        words = join(statements(final_words, tag="final_words"))
        return self.request("topic_summary", str, state, words, topic=topic)


def _usable(citations: Callable[[str], str]) -> Callable[[str], str]:
    """What is wrong with a digest: prompts cannot show it whole, or it cites what it may not."""

    def problem(text: str) -> str:
        if len(text) > LONGEST:
            return (
                f"it has {len(text):,} characters; at most {DIGEST_WORDS} words, and {LONGEST:,} characters, "
                "are allowed"
            )
        return citations(text)

    return problem
