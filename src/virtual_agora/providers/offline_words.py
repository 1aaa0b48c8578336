"""Cutting other people's text into something that can be said: subjects, clauses, quotes, telling words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from virtual_agora import cleaning
from virtual_agora.citations import CITATION, cited
from virtual_agora.providers.offline_stock import common, kinds, word_list

__all__ = [
    "citing",
    "clauses",
    "clean",
    "count",
    "kind_of",
    "quoted",
    "sources",
    "spoken",
    "subject",
    "telling_words",
    "tidy",
    "uncited",
]

LONGEST_READ = 4_000
LONGEST_QUOTE = 80
LONGEST_SUBJECT = 48
QUOTABLE = range(5, 18)
NUMBERS = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]

_MARKUP = re.compile(r"</?[a-zA-Z!][^<>]*>|[*_`#|\[\]{}<>\\~^“”„«»\"]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_FIRST_CLAUSE = re.compile(r";\s|,\s(?=(?:and|but|so|because|which|though|or|yet|since)\s)")
_QUOTED = re.compile(r"“([^“”]{12,160})”")
_SOURCED = re.compile(rf"“([^“”]{{12,160}})”\s*((?:{CITATION.pattern}))")
_OPENING_QUOTE = re.compile(r"(^|[.!?:]\s|\n|- )“([a-z])")


def clean(text: str) -> str:
    """One line without markup, quotation marks and control characters; only the beginning of a long text."""
    return " ".join(_MARKUP.sub(" ", cleaning.clean(text[:LONGEST_READ])).split())


def shorten(text: str, limit: int = LONGEST_QUOTE) -> str:
    """At most `limit` characters, cut between words where there are any."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut[limit // 2 :] else cut).rstrip(" ,;:.-") + "…"


def spoken(text: str, fallback: str) -> str:
    """A title or theme, fit to be put between quotation marks."""
    return shorten(clean(text).rstrip(" .")) or fallback


def subject(theme: str) -> str:
    """A short noun phrase that a theme is about, for the titles of topics. A guess, but never an empty one."""
    first = re.split(r"[.?!？。！]", clean(theme).lstrip(" .?!？。！"), maxsplit=1)[0].strip()
    # A colon or dash inside would read as the end of a title.
    first = re.sub(r"\s*(?:[:;]|\s[-–—]+\s|[–—])\s*", ", ", first).strip(" ,")
    words = first.split()
    if words and (len(words) > 6 or words[0].casefold() in word_list("asking")):
        first = _telling_phrase(words)
    if not re.search(r"\w", first):
        return common().matter_at_hand
    return shorten(_lower_first(first), LONGEST_SUBJECT)


def _telling_phrase(words: list[str]) -> str:
    """The longest run of words that carry a subject, with its article; failing that, what somebody does."""
    articles, connectors = word_list("articles"), word_list("connectors")
    plain = (word_list("function") | word_list("verbs")) - connectors
    runs: list[list[str]] = [[]]
    does = ""
    before = ""
    for word in words:
        bare = word.strip(",()'")
        key = bare.casefold()
        if before in word_list("pronouns") and key not in plain:
            does = does or key
            runs.append([])
        elif key in plain:
            runs.append([bare] if key in articles else [])
        else:
            runs[-1].append(bare)
            if word != bare and word[-1] in ",)":
                runs.append([])
        before = key
    small = articles | connectors
    for run in runs:
        while run and run[-1].casefold() in small:
            run.pop()
        while run and run[0].casefold() in connectors:
            run.pop(0)
    # “Is A better than B?” is about A, “How should A deal with B?” about B.
    ordered = runs if words[0].casefold() in word_list("claiming") else runs[::-1]
    best = max(ordered, key=lambda run: sum(word.casefold() not in small for word in run))
    if best or not (does and does.isascii()):
        return " ".join(best[:7])
    return re.sub("(?<!e)e$", "", does) + "ing"


def _lower_first(phrase: str) -> str:
    """“Remote work” as it is written inside a sentence; single words and names of two capitals stay."""
    words = phrase.split()
    plain_start = words[0][:1].isupper() and words[0][1:].islower()
    article = words[0].casefold() in word_list("articles")
    if plain_start and (article or (len(words) > 1 and words[1][:1].islower())):
        return phrase[0].lower() + phrase[1:]
    return phrase


def telling_words(text: str, ignoring: Iterable[str] = ()) -> frozenset[str]:
    """The words that distinguish a title, in lower case, without plurals; `ignoring` where others remain."""
    found = re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", clean(text).casefold())
    words = frozenset(_stem(word) for word in found if word not in word_list("function"))
    return (words - frozenset(ignoring)) or words


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def kind_of(title: str, theme: str) -> str | None:
    """The kind of topic a title belongs to, by its words beyond those of the theme."""
    words = telling_words(title, telling_words(theme))
    hits = {name: len(words.intersection(kind.known_by)) for name, kind in kinds().items()}
    best = max(hits, key=lambda name: hits[name])
    return best if hits[best] else None


def clauses(text: str) -> list[str]:
    """What in a text can be quoted: short, quoting nobody, clear by itself and not part of an example.

    Where nothing is, the beginnings of its sentences; empty only if it does nothing but quote.
    """
    sentences = _SENTENCE_END.split(cleaning.clean(text[:LONGEST_READ]))
    own = [
        clean(sentence).rstrip(".!…") for sentence in sentences if not re.search("[“”?]", sentence)
    ]
    found = []
    in_example = False
    for words in map(str.split, own):
        if len(words) not in QUOTABLE:
            words = _FIRST_CLAUSE.split(" ".join(words))[0].split()
        if len(words) in QUOTABLE and _stands_alone(words) and not in_example:
            found.append(_quotable(shorten(" ".join(words), 2 * LONGEST_QUOTE)))
        in_example = _first_word(words) in word_list("illustrating")
    return found or [_quotable(shorten(sentence)) for sentence in own if sentence]


def _first_word(words: Sequence[str]) -> str:
    return words[0].casefold().rstrip(",;") if words else ""


def _stands_alone(words: Sequence[str]) -> bool:
    first = _first_word(words)
    return first not in word_list("dependent") or words[1].casefold() in word_list(f"after {first}")


def _quotable(clause: str) -> str:
    """The clause as it is written inside a sentence."""
    first = clause.split(" ", 1)[0]
    plain = first == "A" or (len(first) > 1 and first[1:].islower())
    return clause[0].lower() + clause[1:] if plain else clause


def quoted(text: str) -> list[str]:
    """What stands between quotation marks and is longer than a title's few words, in order."""
    found = (clean(quote).rstrip(" .") for quote in _QUOTED.findall(text[:LONGEST_READ]))
    return [_quotable(quote) for quote in found if len(quote.split()) >= QUOTABLE.start]


def sources(text: str) -> list[tuple[str, list[str]]]:
    """What stands between quotation marks, each with the ids in the brackets right after it."""
    found = _SOURCED.findall(text[:LONGEST_READ])
    return [(clean(quote).rstrip(" .…"), cited(ids)) for quote, ids, _ in found]


def citing(text: str, ids: Sequence[str]) -> str:
    """`text` with these ids in brackets at its end, before a full stop."""
    if not ids:
        return text
    bare = text.rstrip(".")
    return f"{bare} [{', '.join(ids)}]{text[len(bare) :]}"


def uncited(text: str) -> str:
    """`text` without the ids that it names."""
    return re.sub(rf"\s*{CITATION.pattern}", "", text)


def tidy(text: str) -> str:
    """Capital letters where a quotation begins a sentence."""
    return _OPENING_QUOTE.sub(lambda hit: f"{hit[1]}“{hit[2].upper()}", text)


def count(number: int, noun: str = "") -> str:
    """“three rounds”, “one round”; without a noun only the number."""
    word = NUMBERS[number] if number < len(NUMBERS) else str(number)
    return f"{word} {noun}{'' if number == 1 else 's'}" if noun else word
