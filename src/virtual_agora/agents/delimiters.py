"""What marks off material in a prompt, recognised in disguise, so that the material does not close it.

A model reads `</ｔａｓｋ>` or `&lt;/task&gt;` much as it reads `</task>`. So a text is read as a generous reader would: entities
resolved, letters reduced to what they are made of (Unicode's NFKD), marks and what nobody sees passed over, look-alikes read as what
they look like (common ones of the Unicode Consortium's list of confusables, UTS #39). Other look-alikes are not recognised.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

__all__ = ["attribute", "harmless", "visible"]

_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e00ff]"
)
"""Controls, marks that reorder a line, letters nobody sees. Joiners, accents and variants are parts of words, and stay."""

_UNREAD = frozenset({"Mn", "Me", "Cf", "Cc", "Cs", "Co", "Cn"})
"""Categories of Unicode that a reader passes over: marks, and what nobody sees. So he does blank letters:"""
_BLANK = "\u2800\u3164\u115f\u1160"

_ALIKE = {
    alike: letter
    for letter, several in {
        **{"<": "‹〈⟨〈《≺❬❮ᐸ˂", ">": "›〉⟩〉》≻❭❯ᐳ˃", "/": "⁄∕╱⧸⟋〳丿\\⧵∖╲"},
        **{"a": "аαɑ", "b": "вβь", "c": "сϲ", "d": "ԁ", "e": "еεҽ", "f": "ϝ", "g": "ɡ", "h": "һн"},
        **{"j": "ј", "k": "кκ", "l": "iіιıɪӏ1|", "m": "мμ", "n": "пηνոɴ", "o": "оοօ0", "p": "рρ", "q": "ԛ"},
        **{"r": "г", "s": "ѕ5", "t": "тτ", "u": "υս", "v": "ѵ", "w": "ѡԝω", "x": "хχ", "y": "уγү", "z": "ζ"},
        **{"_": "-‿⁀"},
    }.items()
    for alike in several
}  # fmt: skip
_LATIN = re.compile(r"(?:LATIN|REGIONAL INDICATOR)\b.* LETTER (?:SMALL CAPITAL )?([A-Z])\b")
_ENTITY = re.compile(r"&#0*+\d{1,7};?|&#[xX]0*+[0-9a-fA-F]{1,6};?|&[A-Za-z][A-Za-z0-9]{1,31};?")
_ENTITY_OF_AND = re.compile(r"&(?:(?:amp|AMP|#0*+38|#[xX]0*+26);)+")
_MOST = 4
"""How often an entity may stand within another, beyond those of `&`."""
_OPENING = re.compile(f"[<＜﹤≮&＆﹠{''.join(a for a, of in _ALIKE.items() if of == '<')}]")


def visible(text: str) -> str:
    """`text` without what nobody sees in it."""
    return _HIDDEN.sub("", text)


def attribute(value: str | int) -> str:
    """A value that stands between double quotes and cannot end them; on one line."""
    text = re.sub('[<>"＜＞＂﹤﹥\\s]+', " ", visible(str(value)))
    return re.sub(r"[&＆]+(?=#?\w)", " & ", text).strip()


def harmless(tags: Iterable[str]) -> Callable[[str], str]:
    """What puts `(` for the `<` of every tag of these names, opening or closing, in every disguise that is recognised.

    A `<` that blanks part from a name is one only if there is a slash between them, or a `>` after them: `costs < documents` is prose.
    """
    names = "|".join(map(_read, sorted(tags, key=len, reverse=True)))
    ours = re.compile(
        rf"<(?=\s*+/\s*+(?:{names})(?!\w)|(?:{names})(?!\w)|\s++(?:{names})\b[^<>]{{0,100}}>)"
    )

    # A document is in every prompt.
    @lru_cache(maxsize=256)
    def without(text: str) -> str:
        if not _OPENING.search(text):
            return text
        read, places = _folded(text)
        parts, end = [], 0
        for found in ours.finditer(read):
            place = places[found.start()]
            parts += [text[end:place], "("]
            end = next(later for later in places[found.start() :] if later > place)
        return "".join([*parts, text[end:]])

    return without


def _folded(text: str) -> tuple[str, list[int]]:
    """`text` as it is read, and of each letter of that the place in `text` where it comes from."""
    read, places = _each(_plain, text, range(len(text)))
    read, places = _replaced(_ENTITY_OF_AND, lambda _: "&", read, places)
    for _ in range(_MOST):
        before = read
        read, places = _replaced(_ENTITY, _resolved, read, places)
        if read == before:
            break
    return _each(_read, read, places)


def _each(change: Callable[[str], str], text: str, places: Iterable[int]) -> tuple[str, list[int]]:
    letters, origins = [], []
    for letter, place in zip(text, places, strict=True):
        for one in change(letter):
            letters.append(one)
            origins.append(place)
    return "".join(letters), origins


def _replaced(
    pattern: re.Pattern[str], by: Callable[[str], str], text: str, places: list[int]
) -> tuple[str, list[int]]:
    parts: list[str] = []
    origins: list[int] = []
    end = 0
    for found in pattern.finditer(text):
        new = by(found[0])
        parts += [text[end : found.start()], new]
        origins += [*places[end : found.start()], *[places[found.start()]] * len(new)]
        end = found.end()
    return "".join([*parts, text[end:]]), [*origins, *places[end:]]


def _resolved(entity: str) -> str:
    # Python refuses to read numbers of very many digits.
    return html.unescape(re.sub(r"^(&#[xX]?)0+", r"\1", entity))


@lru_cache(maxsize=8192)
def _plain(letter: str) -> str:
    """A letter without what is only its form; nothing, if it is passed over."""
    if letter.isspace():
        return " "
    if letter.isascii():
        return "" if unicodedata.category(letter) in _UNREAD else letter
    latin = _LATIN.search(unicodedata.name(letter, ""))
    made_of = latin[1].lower() if latin else unicodedata.normalize("NFKD", letter)
    return "".join(
        one for one in made_of if unicodedata.category(one) not in _UNREAD and one not in _BLANK
    )


@lru_cache(maxsize=8192)
def _read(text: str) -> str:
    return "".join(_ALIKE.get(one, one) for letter in text for one in _plain(letter).casefold())
