"""Answers to a question, right and wrong, for exploration by Hypothesis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph_parity.rules import ParityUsageError

__all__ = ["Reply", "answers_strategy", "hypothesis", "options_of", "wrong"]

__tracebackhide__ = True

HUGE = "x" * 100_000
ABSURD: tuple[Any, ...] = (
    0,
    -1,
    1.5,
    True,
    [],
    [None],
    "",
    "\x00",
    "no such answer",
    {"no": {"such": "answer"}},
)


@dataclass(frozen=True)
class Reply:
    """An answer, and what kind it is: valid, edited, absurd, nobody, empty, huge or duplicated.

    A default with another option in it counts as edited: that option may need more than the default has.
    """

    kind: str
    value: Any


def hypothesis() -> Any:
    """The package, if it is there."""
    try:
        import hypothesis as package
    except ImportError:
        raise ParityUsageError(
            "Exploration needs Hypothesis: pip install 'langgraph-parity[hypothesis]'."
        ) from None
    return package


def answers_strategy(question: Any, default: Any = None, given: Sequence[Any] = ()) -> Any:
    """A Hypothesis strategy of `Reply`s to a question's payload.

    `default` is a valid answer, if one is known; `given` are answers to the questions before this one. Valid replies
    are the default and each of the payload's `options`, in the shape of the default where that is a mapping.
    """
    st = hypothesis().strategies
    valid = _valid(question, default)
    sure = [default, *options_of(question)]
    known = [Reply("valid" if one in sure else "edited", one) for one in valid]
    kinds = [st.sampled_from(known)] if valid else []
    if valid:
        kinds.append(st.sampled_from(valid).flatmap(lambda one: _edited(st, one)))
    kinds.append(st.sampled_from([Reply("absurd", one) for one in ABSURD]))
    kinds.append(st.sampled_from([Reply("nobody", None), Reply("empty", {}), Reply("huge", HUGE)]))
    if given:
        kinds.append(st.sampled_from([Reply("duplicated", one) for one in given]))
    return st.one_of(kinds)


def options_of(question: Any) -> list[Any]:
    """The answers that the payload's `options` name."""
    options = question.get("options") if isinstance(question, Mapping) else None
    return list(options) if isinstance(options, Mapping | list | tuple) else []


def wrong(question: Any, default: Any, reply: Any) -> bool:
    """Is the reply surely none: it names no option, or is of a type of its own?

    A text or a mapping may be anything to a question without options, so they are not surely wrong there.
    """
    options = options_of(question)
    if reply == default or (reply in options and not isinstance(reply, bool)):
        return False
    if options:
        parts = list(reply.values()) if isinstance(reply, Mapping) else []
        return not any(part in options for part in parts)
    return default is not None and not isinstance(reply, str | Mapping | type(default))


def _valid(question: Any, default: Any) -> list[Any]:
    options = options_of(question)
    if not isinstance(default, Mapping):
        return options + ([default] if default is not None and default not in options else [])
    field = next((key for key, value in default.items() if value in options), None)
    others = [{**default, field: one} for one in options] if field is not None else []
    return [dict(default), *(one for one in others if one != default)]


def _edited(st: Any, valid: Any) -> Any:
    """A valid answer with a part changed, missing, or added."""
    odd = st.sampled_from(ABSURD)
    if not isinstance(valid, Mapping):
        return st.sampled_from([Reply("edited", f"{valid}?"), Reply("edited", [valid])])
    keys = st.sampled_from([*valid, "no such field"])
    changed = st.tuples(keys, odd).map(lambda part: {**valid, part[0]: part[1]})
    less = keys.map(lambda key: {name: valid[name] for name in valid if name != key})
    return st.one_of(changed, less).map(lambda value: Reply("edited", value))
