"""What the scripted panel says in free text: statements, summaries, last words, report sections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from virtual_agora.citations import cited
from virtual_agora.providers.offline_prompt import Prompt, Statement
from virtual_agora.providers.offline_stock import STAGES, Stage, Voice, common, number, pick
from virtual_agora.providers.offline_words import (
    citing,
    clauses,
    clean,
    count,
    kind_of,
    quoted,
    sources,
    spoken,
    subject,
    telling_words,
    tidy,
    uncited,
)

__all__ = ["write"]

SPEAKERS_IN_A_SUMMARY = 4
MOST_SOURCES = 3
QUOTES_IN_A_DIGEST = 12
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
        "digest": _digest,
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
        "rounds": count(prompt.summaries[-1][0] if prompt.summaries else prompt.round, "round"),
        "condensed": str(prompt.condensed),
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
    members = [statement for statement in prompt.live if not statement.by_user]
    users = [statement for statement in prompt.live if statement.by_user]
    views = [(_one_of(statement, scene.chance), statement.id) for statement in members]
    lines = [scene.line(pick(stock.openers, place))]
    for template, (view, id_) in zip(stock.views, views[:SPEAKERS_IN_A_SUMMARY], strict=False):
        lines.append(citing(scene.line(template, quote=view), [id_] if id_ else []))
    for user in users[:1]:
        words = scene.line(stock.from_user, quote=_own_words(user.text))
        lines.append(citing(words, [user.id] if user.id else []))
    ids = [statement.id for statement in members if statement.id]
    return " ".join(
        [*lines, citing(pick(stock.agreed, at), ids), citing(pick(stock.open, at), ids[-1:])]
    )


def _digest(scene: _Scene) -> str:
    """A dozen quotes, evenly spread over all there are; so the earlier rounds fade."""
    prompt, stock = scene.prompt, common().summary
    quotes = _kept(prompt, [body for last, body in prompt.summaries if last <= prompt.condensed])
    every = max(1, -(-len(quotes) // QUOTES_IN_A_DIGEST))
    lines = [
        citing(scene.line(pick(stock.views[:-1], at), quote=quote), _sources_of(prompt, quote))
        for at, quote in enumerate(quotes[::every])
    ]
    return " ".join([scene.line(stock.digest), *lines, pick(stock.open, scene.seed)])


def _topic_summary(scene: _Scene) -> str:
    prompt, stock = scene.prompt, common()
    kept = _said(prompt)
    if len(kept) < 2:
        return scene.line(stock.topic_summary_without_quotes)
    half = len(kept) // 2
    quote, second = scene.chance.choice(kept[:half]), scene.chance.choice(kept[half:])
    text = scene.line(
        pick(stock.topic_summary, scene.seed + prompt.topic_index), quote=quote, second=second
    )
    for said in (quote, second):
        marked = f"“{said}”"
        text = text.replace(marked, citing(marked, _sources_of(prompt, said)))
    return text


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
        # Nobody said what comes after: the one claim of a session that no turn supports.
        return f"{citing(before, _all_sources(prompt)[:MOST_SOURCES])}\n\n{after}"
    quotes = _objections(prompt) if kind == "disagreements" else []
    quotes += [quote for quote in _share(prompt, kind) if quote not in quotes][:3]
    ids = {quote: _sources_of(prompt, quote) for quote in quotes}
    lines = [
        citing(f"- “{quote}{'' if quote.endswith('…') else '.'}”", ids[quote]) for quote in quotes
    ]
    around = list(dict.fromkeys(id_ for found in ids.values() for id_ in found))
    around = (around or _all_sources(prompt))[:MOST_SOURCES]
    said = "\n".join(lines) or stock.without_quotes
    return "\n\n".join([citing(before, around), said, citing(after, around)])


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
    """What was said at the end, or else, since it can be cited less well, the reasons of those who voted no."""
    reasons = re.findall(r"^- no: (.+)$", prompt.dissent, re.MULTILINE)
    words = [quote for said in prompt.final_words for quote in clauses(said.text)[-1:]]
    return words[:2] or [_own_words(reason) for reason in reasons[:2]]


def _sources_of(prompt: Prompt, quote: str) -> list[str]:
    """The ids of the turns that a quote is from: as it was cited before, or as it was said."""
    wanted = quote.rstrip(" .…").casefold()
    written = [body for _, body in (*prompt.summaries, *prompt.conclusions, *prompt.sections)]
    for said, ids in (source for body in written for source in sources(body)):
        if said.casefold() == wanted:
            return ids
    turns = (turn for turn in (*prompt.live, *prompt.final_words) if turn.id)
    return [turn.id for turn in turns if wanted in clean(turn.text).casefold()][:1]


def _all_sources(prompt: Prompt) -> list[str]:
    """Every id that the material names or has."""
    written = [body for _, body in (*prompt.summaries, *prompt.conclusions, *prompt.sections)]
    ids = [id_ for body in written for id_ in cited(body)]
    turns = [turn.id for turn in (*prompt.live, *prompt.final_words) if turn.id]
    return list(dict.fromkeys([*ids, *turns]))


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
    plain = map(uncited, bodies)
    found = (quote for body in plain for quote in quoted(body) or clauses(body))
    return [quote for quote in dict.fromkeys(found) if quote.casefold() not in names]
