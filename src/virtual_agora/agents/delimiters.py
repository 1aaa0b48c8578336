"""What marks off material in a prompt, recognised in every disguise, so that nothing in the material can close it.

A model reads `</ｔａｓｋ>` or `&lt;/task&gt;` much as it reads `</task>`. So letters that look alike (after the Unicode
Consortium's list of confusables, UTS #39, as far as it concerns the letters of these names), what hides between letters, and
the ways to write `<` all count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["attribute", "disguises", "visible"]

_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e00ff]"
)
"""Controls, marks that reorder a line, letters nobody sees. Joiners, accents and variants are parts of words, and stay."""

_JOINED = "[\u0300-\u036f\u034f\u180b-\u180f\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]*+"
_LESS = r"(?:[<＜﹤]|[&＆](?:lt|#0*60|#x0*3c);?)"
_SLASH = r"(?:[/／⁄∕\\＼]|[&＆](?:sol|#0*47|#x0*2f);?)"
_BLANK = r"\s*+"

_ALIKE = {
    "a": "аαɑᴀ",
    "b": "вβьʙ",
    "c": "сϲᴄ",
    "d": "ԁᴅⅾ",
    "e": "еεҽᴇ",
    "f": "ꜰϝ",
    "g": "ɡɢ",
    "h": "һнηʜ",
    "i": "іιıɪⅰl1|",
    "j": "јᴊ",
    "k": "кκᴋ",
    "l": "ӏⅼʟi1|",
    "m": "мμᴍⅿ",
    "n": "пηνոɴ",
    "o": "оοօᴏ0",
    "p": "рρᴘ",
    "q": "ԛ",
    "r": "гʀ",
    "s": "ѕꜱ5",
    "t": "тτᴛ",
    "u": "υսᴜ",
    "v": "νѵᴠⅴ",
    "w": "ѡԝᴡω",
    "x": "хχⅹ",
    "y": "уγυʏү",
    "z": "ᴢζ",
    "_": "＿‿⁀﹍﹎﹏-",
}
_STYLES = (0x24D0, 0xFF41, *range(0x1D41A, 0x1D6A4, 52))
"""Where the small letters of a style begin: in circles, wide, and those of mathematics; the large ones are found by case or by `_LARGE`."""
_LARGE = range(0x1D400, 0x1D68A, 52)


def visible(text: str) -> str:
    """`text` without what nobody sees in it."""
    return _HIDDEN.sub("", text)


def attribute(value: str | int) -> str:
    """A value that stands between double quotes and cannot end them; on one line."""
    text = re.sub('[<>"＜＞＂﹤﹥\\s]+', " ", visible(str(value)))
    return re.sub(r"[&＆]+(?=#?\w)", " & ", text).strip()


def disguises(tags: Iterable[str]) -> re.Pattern[str]:
    """Finds the `<` of every tag of these names, opening or closing, however it is written. It is to be sought in `visible` text."""
    names = "|".join(_JOINED.join(map(_letter, tag)) for tag in sorted(tags, key=len, reverse=True))
    before = f"{_JOINED}{_BLANK}{_JOINED}"
    return re.compile(
        rf"{_LESS}(?={before}(?:{_SLASH}{before})?+(?:{names}){_JOINED}(?!\w))", re.IGNORECASE
    )


def _letter(letter: str) -> str:
    styled = [chr(first + ord(letter) - ord("a")) for first in _STYLES] if letter != "_" else []
    large = [chr(first + ord(letter) - ord("a")) for first in _LARGE] if letter != "_" else []
    return f"[{re.escape(''.join([letter, *_ALIKE[letter], *styled, *large]))}]"
