"""Phrases that several of the reports share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from virtual_agora.citations import cited
from virtual_agora.reports.facts import State
from virtual_agora.reports.markdown import inline
from virtual_agora.state.demo import demo_stamp
from virtual_agora.state.schema import Notice, Usage
from virtual_agora.state.usage import cost_of, spent

__all__ = [
    "KINDS",
    "LONGEST_NOTICE",
    "beginning",
    "cost_words",
    "join",
    "money",
    "notice_lines",
    "short",
    "stamp",
    "stance_words",
    "theme",
    "tokens_in",
]

LONGEST_NOTICE = 400
LONGEST_THEME = 160

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


def join(parts: Iterable[str]) -> str:
    """Paragraphs, headings and lists as a whole file."""
    return "\n\n".join(part for part in parts if part) + "\n"


def stamp(state: State) -> list[str]:
    """What scripted texts are, said at the top of each file."""
    return [f"> **{said}**"] if (said := demo_stamp(state)) else []


def short(text: str, limit: int) -> str:
    """`text` on one line of at most `limit` characters, as plain words."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return inline(line)
    cut = line[: limit - 2]
    return inline(f"{cut.rpartition(' ')[0] or cut} …")


def beginning(text: str, limit: int) -> str:
    """The first paragraphs of `text`, as many as fit into `limit` characters; of a longer first one its beginning.

    That keeps the ids that its last line cites further on: it rests on them, too.
    """
    if len(text) <= limit:
        return text
    cut = text[: limit - 2]
    whole, _, _ = cut.rpartition("\n\n")
    if whole.strip():
        return whole.rstrip()
    shown = cut.rpartition(" ")[0] or cut
    start = shown.rfind("\n") + 1
    line = text[start:].partition("\n")[0]
    ids = [id_ for id_ in cited(line) if id_ not in cited(shown[start:])]
    return f"{shown} … [{', '.join(ids)}]" if ids else f"{shown} …"


def theme(state: State) -> str:
    """The theme, fit for a heading: a theme may be pages long."""
    return short(state["main_topic"], LONGEST_THEME)


def notice_lines(notices: Sequence[Notice]) -> list[str]:
    """The notices as one list."""
    lines = []
    for notice in notices:
        when = f" (round {notice['round']})" if notice["round"] else ""
        kind = KINDS.get(notice["kind"], "Note")
        lines.append(f"- **{kind}**{when}: {short(notice['text'], LONGEST_NOTICE)}")
    return ["\n".join(lines)]


def stance_words(stance: int | None) -> str:
    """A stance from −3 to 3 with its sign."""
    if stance is None:
        return "no stance"
    return f"{stance:+d}".replace("-", "−") if stance else "0"


def cost_words(usage: Mapping[str, Usage]) -> str:
    """What all models cost together, as far as their prices are known."""
    known, whole = spent(usage)["cost"], cost_of(usage)
    if whole is not None:
        return money(whole)
    return f"at least {money(known)}" if known else "unknown"


def tokens_in(used: Usage) -> str:
    """The tokens of all prompts to a model, and how many of them came from the vendor's cache."""
    cached = f" ({used['cached_tokens']:,} cached)" if used["cached_tokens"] else ""
    return f"{used['input_tokens']:,}{cached}"


def money(cost: float | None) -> str:
    """US dollars, or that nobody knows."""
    if cost is None:
        return "unknown"
    return "free" if cost == 0 else f"${cost:.4f}" if cost < 1 else f"${cost:.2f}"
