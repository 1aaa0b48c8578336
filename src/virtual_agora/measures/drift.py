"""Whether they still spoke of what they were to speak of."""

from __future__ import annotations

from statistics import fmean

from virtual_agora.measures.discussion import Discussion
from virtual_agora.measures.text import Forms, content_words

__all__ = ["drift"]


def drift(discussion: Discussion) -> list[float | None]:
    """By round, the share of the turns in which no content word of theme or topic occurs, in any form; 0 to 1.

    None for a round without turns, and if theme and topic have no content words.
    """
    subject = content_words(f"{discussion.theme}\n{discussion.topic}")
    forms = Forms(subject)
    return [
        fmean(not any(word in forms for word in content_words(m["content"])) for m in said)
        if said and subject
        else None
        for said in discussion.statements()
    ]
