"""Answers: what is wrong with one, or the whole of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from virtual_agora import amounts
from virtual_agora.addresses import refuse_secrets
from virtual_agora.cleaning import clean
from virtual_agora.errors import InvalidAnswerError, UsageError
from virtual_agora.hitl.questions import theme_request

__all__ = ["check_answer", "check_theme", "default_answer"]

MAX_THEME = 20_000
MAX_TOPICS = 20
MAX_TEXT = 20_000


def _one_line(text: Any) -> Any:
    return " ".join(clean(text).split()) if isinstance(text, str) else text


def _text(text: Any) -> Any:
    return clean(text).strip() if isinstance(text, str) else text


# Cleaned before they are measured, so that what is left must be long enough.
Text = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=MAX_TEXT)]
Title = Annotated[str, BeforeValidator(_one_line), Field(min_length=1, max_length=300)]
Theme = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=MAX_THEME)]
Agenda = Annotated[list[Title], Field(min_length=1, max_length=MAX_TOPICS)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class _Plain(_Answer):
    """An action that needs nothing more; which actions exist is said by the question's options."""

    action: str


class _Theme(_Answer):
    action: Literal["start"]
    theme: Theme
    topics: list[Title] = Field(default_factory=list, max_length=MAX_TOPICS)


class _EditAgenda(_Answer):
    action: Literal["edit"]
    agenda: Agenda


class _ReorderAgenda(_Answer):
    action: Literal["reorder"]
    order: list[int]


class _RejectAgenda(_Answer):
    action: Literal["reject"]
    reason: str = Field(default="", max_length=MAX_TEXT)


class _Participate(_Answer):
    action: Literal["participate"]
    text: Text


class _ReplaceModel(_Answer):
    action: Literal["replace_model"]
    provider: Annotated[str, Field(min_length=1)]
    model: Annotated[str, Field(min_length=1)]
    base_url: Annotated[str, AfterValidator(refuse_secrets)] | None = None


class _Extend(_Answer):
    """New caps; of those reached, one that is left out is raised as the question suggests."""

    action: Literal["extend"]
    calls: Any = None
    tokens: Any = None
    cost: Any = None


_FORMS: dict[str, type[_Answer]] = {
    "start": _Theme,
    "edit": _EditAgenda,
    "reorder": _ReorderAgenda,
    "reject": _RejectAgenda,
    "participate": _Participate,
    "replace_model": _ReplaceModel,
    "extend": _Extend,
}
"""Actions that carry more than their name; every other is `_Plain`."""


def check_theme(theme: str, topics: Sequence[str] = ()) -> tuple[str, list[str]]:
    """A theme and topics given from outside a question, cleaned.

    Raises:
        UsageError: one of them is empty, too long or listed twice.
    """
    question = theme_request()
    try:
        answer = check_answer(question, {"action": "start", "theme": theme, "topics": list(topics)})
    except InvalidAnswerError as error:
        if not _text(theme):
            raise UsageError("The theme is empty.", hint="Give a question in words.") from None
        if len(theme) > MAX_THEME:
            raise UsageError(
                f"The theme has {len(theme):,} characters; {MAX_THEME:,} is the most.",
                hint="Put long material into a folder and name it with --context.",
            ) from None
        raise UsageError(
            error.message, hint="Each topic is one line of text, given once."
        ) from None
    return answer["theme"], answer["topics"]


def check_answer(question: Mapping[str, Any], answer: Any) -> dict[str, Any]:
    """The answer in full, as plain data.

    Raises:
        InvalidAnswerError: with one sentence that says what is wrong with it.
    """
    if isinstance(answer, str):
        answer = {"action": answer.strip()}
    actions = list(question["options"])
    if not isinstance(answer, Mapping) or not isinstance(answer.get("action"), str):
        raise InvalidAnswerError(f"An answer names an action: {_either(actions)}.")
    action = answer["action"]
    if action not in actions:
        raise InvalidAnswerError(
            f"“{_short(action)}” is not possible here; choose {_either(actions)}."
        )
    form = _FORMS.get(action, _Plain)
    try:
        checked = TypeAdapter(form).validate_python(dict(answer)).model_dump()
    except ValidationError as error:
        raise InvalidAnswerError(_first_problem(action, error)) from None
    if action == "reorder":
        _check_order(checked["order"], len(question["proposed_agenda"]))
    if action in ("edit", "start"):
        _check_distinct(checked.get("agenda") or checked.get("topics") or [])
    if action == "extend":
        checked |= _new_caps(checked, question["caps"])
    return checked


def default_answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """What `--yes` answers.

    Raises:
        InvalidAnswerError: the question has no default; only a person can answer it.
    """
    if question["default"] is None:
        raise InvalidAnswerError(
            f"“{question['message']}” has no default answer.", hint="Give it on the command line."
        )
    return check_answer(question, question["default"])


def _check_order(order: Sequence[int], size: int) -> None:
    if not order or len(set(order)) != len(order) or not set(order) <= set(range(1, size + 1)):
        raise InvalidAnswerError(
            f"An order names topics by their numbers, 1 to {size}, each at most once and at least one."
        )


def _new_caps(given: Mapping[str, Any], reached: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Every cap that is reached, with its new value."""
    kinds = [cap["kind"] for cap in reached]
    for kind in amounts.KINDS:
        if given[kind] is not None and kind not in kinds:
            raise InvalidAnswerError(
                f"The budget has reached no cap on {kind}; raise {_either(kinds)}."
            )
    try:
        return {
            cap["kind"]: cap["suggested"]
            if given[cap["kind"]] is None
            else amounts.read(cap["kind"], given[cap["kind"]], cap["used"])
            for cap in reached
        }
    except ValueError as error:
        raise InvalidAnswerError(str(error)) from None


def _check_distinct(titles: Sequence[str]) -> None:
    folded = [title.casefold() for title in titles]
    twice = next((title for title in titles if folded.count(title.casefold()) > 1), None)
    if twice is not None:
        raise InvalidAnswerError(f"The topic “{_short(twice)}” is listed twice.")


def _first_problem(action: str, error: ValidationError) -> str:
    problem = error.errors()[0]
    kind, given = problem["type"].removeprefix("string_"), problem["input"]
    if kind == "too_short":
        return f"{_called(problem['loc'])} is empty."
    if kind == "too_long":
        most = f"{problem['ctx']['max_length']:,}"
        if isinstance(given, list):
            return f"There are {len(given)} topics; {most} are the most."
        return f"{_called(problem['loc'])} is too long: {most} characters are the most."
    where = ".".join(str(part) for part in problem["loc"]) or "it"
    said = _PROBLEMS.get(problem["type"], problem["msg"].removeprefix("Value error, "))
    return f"The answer “{action}” does not fit: {where}: {said}."


def _called(location: Sequence[int | str]) -> str:
    """What people call a part of an answer; they count topics from 1."""
    *_, last = location
    return f"Topic {last + 1}" if isinstance(last, int) else f"The {last.replace('_', ' ')}"


_PROBLEMS = {
    "missing": "is missing",
    "extra_forbidden": "does not belong there",
    "string_type": "must be text",
}
"""The commonest problems in plain words; the rest are pydantic's."""


def _either(actions: Sequence[str]) -> str:
    return (
        " or ".join(actions) if len(actions) < 3 else f"{', '.join(actions[:-1])} or {actions[-1]}"
    )


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
