"""What the scripted panel says in free text: statements, summaries, last words, report sections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from virtual_agora.providers.offline_prompt import Prompt, Statement
from virtual_agora.providers.offline_stock import STAGES, Stage, Voice, common, number, pick
from virtual_agora.providers.offline_words import (
    clauses,
    count,
    kind_of,
    quoted,
    spoken,
    subject,
    telling_words,
    tidy,
)

__all__ = ["write"]

SPEAKERS_IN_A_SUMMARY = 4
ORDERS = (
    ("take", "core", "example", "closing"),
    ("core", "take", "example", "closing"),
)


@dataclass(frozen=True, slots=True)
class _Scene:
    """A prompt with what every line may need: whose voice, which phrases, what the blanks are filled with.

    `seed` shifts the choice from the stock that all speakers share, `chance` is this call's own.
    """

    prompt: Prompt
    voice: Voice
    seed: int
    chance: Random
    blanks: Mapping[str, str]

    def line(self, template: str, **blanks: str) -> str:
        return template.format_map({**self.blanks, **blanks})


def write(prompt: Prompt, voice: Voice, seed: int) -> str:
    """The answer to a prompt for free text; a statement where the task is not known."""
    tasks: dict[str, Callable[[_Scene], str]] = {
        "round_summary": _round_summary,
        "topic_summary": _topic_summary,
        "final_words": _last_words,
        "report_section": _section,
    }
    return tidy(tasks.get(prompt.task, _statement)(_scene(prompt, voice, seed)))


def _scene(prompt: Prompt, voice: Voice, seed: int) -> _Scene:
    own = (prompt.task, prompt.name, prompt.topic, prompt.round, prompt.heading)
    chance = Random(number(seed, voice.offset, *own))
    theme = spoken(prompt.theme, common().unnamed_topic)
    topic = spoken(prompt.topic, theme)
    earlier = prompt.conclusions[-1][0] if prompt.conclusions else ""
    document = chance.choice(prompt.documents) if prompt.documents else ""
    blanks = {
        "theme": theme,
        "topic": topic,
        "matter": f"“{topic}”",
        "subject": subject(prompt.theme),
        "earlier": spoken(earlier, common().unnamed_topic),
        "document": spoken(document, "the first page"),
        "round": str(prompt.round),
        "rounds": count(len(prompt.summaries) or prompt.round, "round"),
        "voices": count(len(prompt.live), "contribution"),
        "n": count(chance.randint(3, 12)),
        "weeks": count(chance.randint(3, 12)),
        "pct": str(chance.randrange(10, 45, 5)),
    }
    return _Scene(prompt, voice, seed, chance, blanks)


def _statement(scene: _Scene) -> str:
    prompt, angle = scene.prompt, scene.voice.angle
    at = scene.voice.offset + prompt.topic_index
    # Whoever is charged with dissent argues as one does in the round of objections.
    stage = "rebuttal" if prompt.charge else STAGES[min(prompt.round, len(STAGES)) - 1]
    extra = max(0, prompt.round - len(STAGES))
    parts = {
        "take": _take(scene, stage, extra),
        "core": pick(angle.cores(stage), at + extra),
        "example": pick(angle.examples, at + 2 * prompt.topic_index + prompt.round),
        "closing": pick(angle.closing[stage], at + extra),
    }
    order = scene.chance.choice(ORDERS)
    said = [_lead(scene, stage, extra), *(scene.line(parts[name]) for name in order)]
    return " ".join(filter(None, said))


def _lead(scene: _Scene, stage: Stage, extra: int) -> str:
    """How a turn begins: with what was just said, with the last summary, or with the topic itself."""
    prompt, stock = scene.prompt, common()
    before = len(prompt.live)
    turn = scene.seed + 3 * (prompt.topic_index + extra) + before
    if prompt.live and prompt.live[-1].by_user:
        return scene.line(pick(stock.answers_to_user, turn), quote=_own_words(prompt.live[-1].text))
    heard = _unquoted_yet(prompt.live)
    if heard:
        lead = scene.line(pick(stock.reactions[stage], turn), quote=scene.chance.choice(heard))
    elif stage != "opening" and (
        kept := _kept(prompt, [body for _, body in prompt.summaries[-1:]])
    ):
        pool = stock.recalls[stage]
        lead = scene.line(
            pick(pool, scene.seed + prompt.topic_index + extra), quote=scene.chance.choice(kept)
        )
    elif prompt.live:
        lead = ""  # nothing to take up, and too late to open
    else:
        pool = stock.carries if prompt.conclusions else stock.leads
        lead = scene.line(pick(pool, scene.seed + prompt.topic_index))
    if prompt.documents and stage == "opening" and before == 1:
        lead += " " + scene.line(pick(stock.papers, scene.seed + prompt.topic_index))
    return lead


def _take(scene: _Scene, stage: Stage, extra: int) -> str:
    """The angle on this kind of topic; on a kind heard before, or none known, on the topic by name."""
    prompt = scene.prompt
    if extra:
        return pick(common().late_rounds, scene.voice.offset + prompt.round)
    kind = kind_of(prompt.topic, prompt.theme)
    earlier = {kind_of(title, prompt.theme) for title, _ in prompt.conclusions}
    place = STAGES.index(stage)
    if kind is None or kind in earlier:
        return pick(scene.voice.angle.takes["any"], place + 3 * (prompt.topic_index % 2))
    return scene.voice.angle.takes[kind][place]


def _round_summary(scene: _Scene) -> str:
    prompt, stock = scene.prompt, common().summary
    at = scene.seed + 3 * prompt.topic_index + prompt.round
    place = min(prompt.round, len(STAGES)) - 1 + 3 * (prompt.topic_index % 2)
    views = [_one_of(statement, scene.chance) for statement in prompt.live if not statement.by_user]
    users = [_own_words(statement.text) for statement in prompt.live if statement.by_user]
    lines = [scene.line(pick(stock.openers, place))]
    for template, view in zip(stock.views, views[:SPEAKERS_IN_A_SUMMARY], strict=False):
        lines.append(scene.line(template, quote=view))
    lines.extend(scene.line(stock.from_user, quote=words) for words in users[:1])
    return " ".join([*lines, pick(stock.agreed, at), pick(stock.open, at)])


def _topic_summary(scene: _Scene) -> str:
    prompt, stock = scene.prompt, common()
    kept = _said(prompt)
    if len(kept) < 2:
        return scene.line(stock.topic_summary_without_quotes)
    half = len(kept) // 2
    quote, second = scene.chance.choice(kept[:half]), scene.chance.choice(kept[half:])
    template = pick(stock.topic_summary, scene.seed + prompt.topic_index)
    return scene.line(template, quote=quote, second=second)


def _last_words(scene: _Scene) -> str:
    words = scene.voice.angle.last_words
    at = scene.voice.offset + scene.prompt.topic_index
    # Whoever is asked because the topic was ended from outside has not voted against anything.
    outvoted = "against" in scene.prompt.dissent
    return scene.line(pick(words.dissent if outvoted else words.closing, at))


def _section(scene: _Scene) -> str:
    prompt, stock = scene.prompt, common()
    kind = _section_kind(prompt.heading)
    frame = pick(stock.sections[kind], scene.seed + prompt.topic_index)
    before, after = scene.line(frame.before), scene.line(frame.after)
    if kind == "provenance":
        return f"{before}\n\n{after}"
    quotes = _objections(prompt) if kind == "disagreements" else []
    quotes += [quote for quote in _share(prompt, kind) if quote not in quotes][:3]
    lines = [f"- “{quote}{'' if quote.endswith('…') else '.'}”" for quote in quotes]
    return "\n\n".join([before, "\n".join(lines) or stock.without_quotes, after])


def _section_kind(title: str) -> str:
    words = telling_words(title)
    kinds = common().section_kinds.items()
    found = (name for name, stems in kinds if any(word.startswith(tuple(stems)) for word in words))
    return next(found, "findings")


def _share(prompt: Prompt, kind: str) -> list[str]:
    """What a section may quote: of the same kind of section before it, or its share of what was said."""
    before = _kept(
        prompt, (body for title, body in prompt.sections if _section_kind(title) == kind)
    )
    if before:
        return before[::2]
    said = _said(prompt)
    # A discussion moves from views through objections to proposals.
    part = ("findings", "disagreements", "recommendation").index(kind)
    size = -(-len(said) // 3)
    return said[part * size : (part + 1) * size]


def _objections(prompt: Prompt) -> list[str]:
    """Reasons of those who voted no, and what they said at the end."""
    reasons = re.findall(r"^- no: (.+)$", prompt.dissent, re.MULTILINE)
    words = [quote for text in prompt.final_words for quote in clauses(text)[-1:]]
    return [*(_own_words(reason) for reason in reasons[:2]), *words[:2]]


def _one_of(statement: Statement, chance: Random) -> str:
    found = clauses(statement.text)
    return chance.choice(found) if found else _own_words(statement.text)


def _own_words(text: str) -> str:
    """Somebody's words as they are, if only their beginning."""
    return spoken(text, "…")


def _unquoted_yet(live: Sequence[Statement]) -> list[str]:
    """What the last few speakers said that nobody has taken up."""
    taken = {quote.casefold() for statement in live for quote in quoted(statement.text)}
    recent = [clause for statement in live[-3:] for clause in clauses(statement.text)]
    return [clause for clause in recent if clause.casefold() not in taken]


def _said(prompt: Prompt) -> list[str]:
    """Everything quotable of the topic, or of the session where the prompt has no topic."""
    bodies = [body for _, body in prompt.summaries]
    bodies = bodies or [text for _, text in prompt.conclusions]
    bodies += [statement.text for statement in prompt.live if not prompt.summaries]
    return _kept(prompt, bodies)


def _kept(prompt: Prompt, bodies: Iterable[str]) -> list[str]:
    """What summaries quote besides titles, or failing that their own clauses, each once."""
    titles = [prompt.theme, prompt.topic, *(title for title, _ in prompt.conclusions)]
    names = {spoken(title, "").casefold() for title in titles}
    found = (quote for body in bodies for quote in quoted(body) or clauses(body))
    return [quote for quote in dict.fromkeys(found) if quote.casefold() not in names]
