"""What a session asks of its models, task by task: calls, and tokens in and out, by the protocol.

A prompt holds what was said before, so its size follows from the lengths of answers; those that are assumed are
in `ANSWERS`. What earlier sessions took corrects them: see `history`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from virtual_agora.config.models import AgentConfig, Config
from virtual_agora.estimates.calls import SECTIONS, TOPICS, most_digests
from virtual_agora.prompts import PROMPTS, Prompts
from virtual_agora.state.schema import TaskUse

__all__ = ["ANSWERS", "CHARACTERS", "Course", "key_of", "least", "likely", "most", "work"]

CHARACTERS = 4
"""Characters to a token."""

ANSWERS: Mapping[str, int] = {
    "proposal": 250,
    "refinement": 250,
    "collation": 300,
    "ballot": 120,
    "tie_break": 60,
    "opening_position": 130,
    "single_model": 130,
    "statement": 160,
    "round_summary": 160,
    "digest": 520,
    "round_position": 130,
    "poll": 50,
    "final_words": 110,
    "closing_position": 130,
    "control_position": 130,
    "topic_summary": 120,
    "session_poll": 50,
    "report_outline": 150,
    "report_section": 260,
}
"""Tokens of an answer, as far as nothing is known of the models: about what the prompts ask for."""

FENCE = 12
"""Tokens of the tags around a text."""

TITLE = 15
"""Tokens of a topic's title, or of a section's assignment."""

STANCE = 50
"""Tokens of a position as the report writer is shown it."""

AGENDA = 3
"""Topics that are likely where the participants propose them."""

SUMMARIES, KEPT = 3_000, 1_000
"""Tokens of a topic's summaries above which the older ones are condensed, and of those that stay whole then."""

BALLOT = 8
"""Options on a ballot."""


@dataclass(frozen=True, slots=True)
class Course:
    """How a session goes: topics on the agenda and those taken up, rounds, digests and sections of each, and who has last words.

    `length` is that of answers, as a multiple of those assumed.
    """

    agenda: int
    topics: int
    rounds: int
    digests: int
    sections: int
    last_words: int
    ballots: bool
    tie: bool
    length: float = 1.0


def least(config: Config, topics: int) -> Course:
    """As little as the protocol allows, in answers half as long; `topics` are the user's, 0 if the participants propose them."""
    return Course(topics or 1, 1, config.session.min_rounds, 0, SECTIONS[0], 0, False, False, 0.5)


def likely(config: Config, topics: int) -> Course:
    """One round more than the least, and half of the participants outvoted."""
    rules, members = config.session, len(config.participants())
    agenda = topics or AGENDA
    rounds = min(rules.max_rounds, rules.min_rounds + 1)
    # Summaries of the length asked for are condensed a dozen at a time, first in the eighteenth round.
    digests = max(0, (rounds - 5) // 13)
    return Course(agenda, agenda, rounds, digests, 3, members // 2, True, False)


def most(config: Config, topics: int) -> Course:
    """As much as the protocol allows, in answers twice as long."""
    agenda, members = topics or TOPICS[1], len(config.participants())
    rounds = config.session.max_rounds
    digests = most_digests(rounds)
    return Course(agenda, agenda, rounds, digests, SECTIONS[1], members, True, True, 2.0)


def key_of(task: str, agent: AgentConfig) -> str:
    """What a task's use is filed under: `statement openai/gpt-5`."""
    return f"{task} {agent.provider}/{agent.model}"


def work(config: Config, course: Course, *, topics: int, material: int) -> dict[str, TaskUse]:
    """What each model is asked for in each task. `material` is the tokens of theme and documents."""
    total: dict[str, TaskUse] = {}
    base = _instructions(config.prompts)
    for task, agent, context in _asked(config, course, topics, material):
        use = total.setdefault(
            key_of(task, agent), TaskUse(calls=0, input_tokens=0, output_tokens=0)
        )
        persona = len(agent.persona or "") // CHARACTERS + FENCE
        use["calls"] += 1
        use["input_tokens"] += round(base[task] + persona + context)
        use["output_tokens"] += round(ANSWERS[task] * course.length)
    return total


Asked = Iterator[tuple[str, AgentConfig, float]]
"""A task, who is asked, and the tokens of what it is shown."""


def _asked(config: Config, course: Course, topics: int, material: int) -> Asked:
    """Every call of a session that goes like this."""
    size = {task: tokens * course.length for task, tokens in ANSWERS.items()}
    members = [agent for _, agent in config.participants()]
    if not topics:
        proposed = material + len(members) * (size["proposal"] + FENCE)
        yield from (("proposal", agent, material) for agent in members)
        yield from (("refinement", agent, proposed) for agent in members)
        yield "collation", config.role("moderator"), proposed
        if course.ballots:
            yield from (("ballot", agent, material + BALLOT * TITLE) for agent in members)
        if course.tie:
            yield "tie_break", config.role("moderator"), material + BALLOT * TITLE
    for closed in range(course.topics):
        yield from _topic(config, course, size, material + closed * _of(size, "topic_summary"))
        if closed + 1 < course.agenda:
            known = material + (closed + 1) * _of(size, "topic_summary") + course.agenda * TITLE
            yield from (("session_poll", agent, known) for agent in members)
    stands = 0 if config.session.positions == "off" else len(members) * STANCE
    each = course.sections * _of(size, "report_section") + course.last_words * _of(
        size, "final_words"
    )
    written = material + course.topics * (_of(size, "topic_summary") + each + stands)
    yield from _report(config, course, written)


def _topic(config: Config, course: Course, size: Mapping[str, float], known: float) -> Asked:
    rules, members = config.session, [agent for _, agent in config.participants()]
    shown = before = known + TITLE + FENCE
    positions = rules.positions != "off"
    own = _of(size, "opening_position") if positions else 0
    if positions:
        yield from (("opening_position", agent, shown) for agent in members)
        if rules.single_model:
            yield "single_model", config.role("moderator"), shown
    said = len(members) * _of(size, "statement")
    summaries = digest = 0.0
    for number in range(1, course.rounds + 1):
        for place, agent in enumerate(members):
            heard = place * _of(size, "statement") + (own if number == 1 else 0)
            yield "statement", agent, shown + heard
        yield "round_summary", config.role("summarizer"), shown + said
        if rules.positions == "every_round":
            yield from (("round_position", agent, shown + said + own) for agent in members)
        if summaries > SUMMARIES:
            summaries, digest = KEPT, _of(size, "digest")
        summaries += _of(size, "round_summary")
        shown = before + summaries + digest
        if number >= rules.min_rounds:
            yield from (("poll", agent, shown) for agent in members)
    condensed = before + SUMMARIES + _of(size, "digest")
    yield from (("digest", config.role("summarizer"), condensed) for _ in range(course.digests))
    yield from (("final_words", agent, shown) for agent in members[: course.last_words])
    if positions:
        yield from (("closing_position", agent, shown + own) for agent in members)
        if rules.control:
            yield from (("control_position", agent, known + own) for agent in members)
    words = course.last_words * _of(size, "final_words")
    stands = len(members) * (STANCE * positions + size["poll"])
    yield from _report(config, course, shown + said + words + stands)
    yield "topic_summary", config.role("summarizer"), shown + words


def _report(config: Config, course: Course, written: float) -> Asked:
    writer = config.role("report_writer")
    yield "report_outline", writer, written
    yield from (("report_section", writer, written + TITLE + FENCE) for _ in range(course.sections))


def _of(size: Mapping[str, float], task: str) -> float:
    """An answer as it stands in later prompts."""
    return size[task] + FENCE


@cache
def _instructions(folder: str | None) -> Mapping[str, float]:
    """Tokens of what each task's prompt says whatever the session is about."""
    prompts = Prompts(Path(folder) if folder else None)
    read: Callable[[str], str] = lambda task: prompts.fill(  # noqa: E731
        task, **dict.fromkeys(PROMPTS[task], "")
    )
    system = len(read("system"))
    return {task: (system + len(read(task))) / CHARACTERS + 2 * FENCE for task in ANSWERS}
