"""What the standard session sends: characters of prompts, how many of them were sent before, and how they grow with the rounds.

python -m benchmarks tokens
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from os.path import commonprefix
from pathlib import Path
from statistics import mean
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.tracers.context import register_configure_hook

from benchmarks.standard_session import THEME, answer
from virtual_agora.config.defaults import offline_panel
from virtual_agora.config.models import Config
from virtual_agora.execution.session import Agora
from virtual_agora.providers.vendors import OFFLINE_LATENCY

BOUND = 200_000
BEFORE = 799_898
"""Characters that the earlier implementation of the protocol sent for the same session."""
SHARED = 0.8
FLAT = 1.2
DOCUMENT = 20_000
"""Characters of the document of the second session."""
ROUNDS = 10
"""Of the long session. Up to here no summaries are condensed."""
SETTLED = 3
"""The round after which each adds as much as the one before."""
LATENCY = 0.02
"""Seconds an answer takes, so that calls at once overlap."""
_TASK = re.compile(r'<task name="(\w+)".*</task>', re.DOTALL)
_OF_ROUND = re.compile(r'<live_round round="(\d+)">')


@dataclass
class Sent:
    """A prompt, the system's part first; `at` is when it was sent and `answered` when the answer was there, counted in events."""

    text: str
    at: int
    answered: int = 0

    @property
    def task(self) -> str:
        """The name of the task."""
        found = _TASK.search(self.text)
        return found[1] if found else ""

    @property
    def told(self) -> int:
        """Characters that say what to do: the system's part and the task."""
        found = _TASK.search(self.text)
        return self.text.index("\n\n<") + (len(found[0]) if found else 0)

    @property
    def round(self) -> int:
        """The round that a statement belongs to."""
        found = _OF_ROUND.search(self.text)
        if found:
            return int(found[1])
        return 1 + self.text.count("<summary round=")


@dataclass
class Recorder(BaseCallbackHandler):
    """Keeps every prompt. LangChain calls it, in whichever thread a model is asked."""

    run_inline = True
    sent: dict[UUID, Sent] = field(default_factory=dict)
    events: int = 0

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        **_: Any,
    ) -> None:
        """Take in what is sent."""
        self.events += 1
        text = "\n\n".join(message.text for message in messages[0])
        self.sent[run_id] = Sent(text, self.events)

    def on_llm_end(self, response: Any, *, run_id: UUID, **_: Any) -> None:
        """Take in that it was answered."""
        self.events += 1
        self.sent[run_id].answered = self.events


_recorder: ContextVar[Recorder | None] = ContextVar("recorder", default=None)
register_configure_hook(_recorder, inheritable=True)


@contextmanager
def _recording() -> Iterator[Recorder]:
    recorder = Recorder()
    token = _recorder.set(recorder)
    try:
        yield recorder
    finally:
        _recorder.reset(token)


def prompts(documents: Sequence[Mapping[str, Any]] = (), **rules: Any) -> list[Sent]:
    """Every prompt of the standard session under these rules, in the order in which they were sent."""
    os.environ[OFFLINE_LATENCY] = str(LATENCY)
    session = {"seed": 7, "min_rounds": 3, "max_rounds": 3, **rules}
    config = Config.model_validate({**offline_panel().model_dump(), "session": session})
    with tempfile.TemporaryDirectory() as folder, Agora(Path(folder) / "data") as agora:
        name = agora.create(
            config,
            theme=THEME,
            documents=[dict(document) for document in documents],  # type: ignore[misc]
            reports_dir=Path(folder) / "reports",
        )
        with _recording() as recorder:
            leg = agora.run_leg(name, answer)
    assert leg.status == "complete"
    return list(recorder.sent.values())


def repeated(sent: Sequence[Sent]) -> dict[str, float]:
    """The share of characters, from the first prompt of round 2 on, with which an earlier prompt to the same model began, too.

    `asked` counts every prompt that was sent before, `answered` only those whose answer was there: of the others no vendor can have kept anything.
    """
    first = next(at for at, one in enumerate(sent) if one.task == "statement" and one.round == 2)
    whole = asked = answered = 0
    for at, one in enumerate(sent[first:], first):
        whole += len(one.text)
        same = [(_alike(one.text, other.text), other) for other in sent[:at]]
        asked += max(length for length, _ in same)
        answered += max((length for length, o in same if 0 < o.answered < one.at), default=0)
    return {"asked": asked / whole, "answered": answered / whole}


def _alike(one: str, other: str) -> int:
    """Characters with which both begin."""
    return len(commonprefix([one, other]))  # noqa: RUF071 (no paths: characters are meant)


def measure() -> dict[str, Any]:
    """Hold the standard session, the same with a document, and one of many rounds."""
    sent = prompts()
    document = {
        "name": "study",
        "text": ("Fares pay for the buses. " * 1000)[:DOCUMENT],
        "tokens": 1,
    }
    tasks: dict[str, Counter[str]] = defaultdict(Counter)
    for one in sent:
        tasks[one.task].update(calls=1, characters=len(one.text), told=one.told)
    rounds: dict[int, list[int]] = defaultdict(list)
    for one in prompts(min_rounds=ROUNDS, max_rounds=ROUNDS, checkpoint_interval=ROUNDS):
        if one.task == "statement" and "<earlier_topics>" not in one.text:
            rounds[one.round].append(len(one.text))
    return {
        "characters": sum(len(one.text) for one in sent),
        "calls": len(sent),
        "tasks": {task: dict(counts) for task, counts in tasks.items()},
        "repeated": repeated(sent),
        "repeated_with_document": repeated(prompts([document])),
        "by_round": {number: round(mean(lengths)) for number, lengths in sorted(rounds.items())},
    }


def verdict(value: float, bound: float, *, most: bool = True) -> str:
    """Whether a figure keeps to its bound, and by how much it misses it."""
    if value <= bound if most else value >= bound:
        return "kept"
    return f"**missed by {abs(value / bound - 1):.0%}**"


def section(found: dict[str, Any]) -> str:
    """What was found, as Markdown."""
    characters, told = found["characters"], sum(task["told"] for task in found["tasks"].values())
    rows = [
        f"| `{name}` | {task['calls']} | {task['characters']:,} | {task['characters'] // task['calls']:,} | {task['told'] / task['characters']:.0%} |"
        for name, task in sorted(found["tasks"].items(), key=lambda item: -item[1]["characters"])
    ]
    by_round = {int(number): length for number, length in found["by_round"].items()}
    grown = [by_round[n] - by_round[n - 1] for n in sorted(by_round) if n > SETTLED]
    growth = max(grown) / mean(grown)
    asked, answered = found["repeated"]["asked"], found["repeated"]["answered"]
    document = found["repeated_with_document"]
    return f"""## Tokens

The prompts of the standard session, the system's part included. The scripted panel writes answers of the length asked for.

| figure | measured | bound | |
|---|---|---|---|
| characters of prompts | {characters:,} | ≤ {BOUND:,} | {verdict(characters, BOUND)} |
| the earlier implementation's ÷ ours | {BEFORE / characters:.1f} | | |
| from round 2 on: share that an earlier prompt to the same model began with | {asked:.1%} | ≥ {SHARED:.0%} | {verdict(asked, SHARED, most=False)} |
| the same, of prompts that were answered by then | {answered:.1%} | | |
| the same two with a document of {DOCUMENT:,} characters | {document["asked"]:.1%}, {document["answered"]:.1%} | ≥ {SHARED:.0%} | {verdict(document["asked"], SHARED, most=False)} |
| what a statement's prompt grows by from round to round, after round {SETTLED}: most ÷ mean | {growth:.2f} | ≤ {FLAT} | {verdict(growth, FLAT)} |

| task | calls | characters | each | of which instructions |
|---|---|---|---|---|
{chr(10).join(rows)}

**What is left.** Of {characters:,} characters {told:,} say what to do; the other {characters - told:,} are what the
[protocol](protocol.md) has everybody hear: theme, topic, conclusions of earlier topics, summaries of earlier rounds, the live round,
proposals, positions, and who one is. {_left(characters - told)}

**What is sent again.** A prompt ends with who one is and what to do, which no other prompt has, and a statement's prompt holds the
statement before it, which is new to everyone. In a session this small that is {1 - asked:.0%} of it. It costs less than
it seems to: vendors keep beginnings of about 1,000 tokens or more, which is longer than most of these prompts. What makes prompts that long,
documents and many rounds, is all in the part that is shared. Putting the instructions before the live round would raise the share; it
stays last, because models follow best what they read last, and because what stands between tags is material. Anthropic is told
what to keep with marks (`providers/caching.py`), other vendors find out by themselves; cached tokens are in the reports and in `show`.

**Growth.** Characters of a statement's prompt, mean of a round: {", ".join(f"{number}: {length:,}" for number, length in sorted(by_round.items()))}. Each
round adds its summary, until the oldest summaries are condensed ([300 rounds](reliability.md)).
"""


def _left(material: int) -> str:
    if material <= BOUND:
        return ""
    return f"So {BOUND:,} could not be reached by leaving out every instruction: it takes shorter statements and summaries, or agents that hear less."
