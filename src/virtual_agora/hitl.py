"""The human's questions and answers, typed. Nothing here reads or prints.

A question travels as plain data: `type`, `message`, `options` (action → what it does; the first loses
nothing, and a form may offer it first), `default` (the action `--yes` takes, or None) and the facts needed to decide. An answer is `{"action": …, …}`; a bare
string is taken as the action. `check_answer` turns what a front end returned into a whole answer, or says
in one sentence why it cannot be one; what does not pass never reaches a node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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

from virtual_agora.addresses import refuse_secrets
from virtual_agora.cleaning import clean
from virtual_agora.errors import InvalidAnswerError, UsageError

__all__ = [
    "Answerer",
    "Question",
    "agenda_approval",
    "check_answer",
    "check_theme",
    "default_answer",
    "periodic_stop",
    "provider_failure",
    "theme_request",
    "topic_continuation",
    "user_turn",
]

Question = dict[str, Any]
"""A question as it travels: see the module's docstring for its keys."""

Answerer = Callable[[Question], Any]
"""Gives the human's answer to a question, or None for none.

If it is wrong, the question is asked again with `error` set.
"""

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


_FORMS: dict[str, type[_Answer]] = {
    "start": _Theme,
    "edit": _EditAgenda,
    "reorder": _ReorderAgenda,
    "reject": _RejectAgenda,
    "participate": _Participate,
    "replace_model": _ReplaceModel,
}
"""Actions that carry more than their name; every other is `_Plain`."""


def theme_request(theme: str = "", topics: Sequence[str] = ()) -> Question:
    """What shall be discussed, and who defines the topics?"""
    return {
        "type": "theme_request",
        "message": "What shall the assembly deliberate on?",
        "options": {"start": "begin; without topics of yours the participants propose the agenda"},
        "default": None,
        "theme": theme,
        "topics": list(topics),
    }


def agenda_approval(
    proposed_agenda: Sequence[str], tally: Mapping[str, Any], rejections_left: int
) -> Question:
    """Is this the agenda? `tally` is what the ballots gave; see `voting.tally`."""
    options = {
        "approve": "discuss these topics in this order",
        "edit": "give the list of topics as it should be",
        "reorder": "give the numbers of the topics in the order you want; left out is dropped",
    }
    if rejections_left:
        options["reject"] = f"have a new agenda proposed ({rejections_left} left)"
    return {
        "type": "agenda_approval",
        "message": "The assembly proposes this agenda.",
        "options": options,
        "default": "approve",
        "proposed_agenda": list(proposed_agenda),
        "tally": dict(tally),
        "rejections_left": rejections_left,
    }


def user_turn(topic: str, round_number: int, moment: str) -> Question:
    """Does the user want to speak in this round? `moment` is `start_of_round` or `end_of_round`."""
    return {
        "type": "user_turn",
        "message": "Would you like to speak in this round?",
        "options": {
            "continue": "listen",
            "participate": "say something; the participants hear it",
            "finalize": "close this topic now",
        },
        "default": "continue",
        "current_topic": topic,
        "current_round": round_number,
        "moment": moment,
    }


def periodic_stop(topic: str, round_number: int, poll: Mapping[str, Any]) -> Question:
    """A stop every few rounds. `poll` is the participants' latest: `yes`, `no`, `abstained` as counts."""
    return {
        "type": "periodic_stop",
        "message": "A regular stop: how shall the discussion go on?",
        "options": {
            "continue": "let the participants' poll decide",
            "end_topic": "close this topic after the final words",
            "skip_to_report": "close this topic and go straight to the final report",
            "modify_agenda": "let the poll decide, and revise the agenda after this topic",
        },
        "default": "continue",
        "current_topic": topic,
        "current_round": round_number,
        "poll": dict(poll),
    }


def topic_continuation(
    completed_topic: str, remaining_topics: Sequence[str], recommendation: Mapping[str, Any]
) -> Question:
    """A topic is closed. `recommendation` is the participants' poll on ending the session, as counts."""
    return {
        "type": "topic_continuation",
        "message": "This topic is closed. Shall the assembly go on?",
        "options": {
            "continue": "go on with the next topic",
            "end_session": "write the final report",
            "modify_agenda": "have the participants revise what is left of the agenda",
        },
        "default": "continue",
        "completed_topic": completed_topic,
        "remaining_topics": list(remaining_topics),
        "recommendation": dict(recommendation),
    }


def provider_failure(
    failures: Sequence[Mapping[str, str]], *, may_exclude: bool, step: str
) -> Question:
    """Models cannot be reached, and only the user can help.

    `failures` has `agent`, `provider`, `model` and `reason` for each. `may_exclude` is False when the session
    cannot do without them. `stop` leaves the question waiting: the session is saved and `resume` asks it again.
    """
    options = {
        "retry": "ask them again, once you have mended the cause",
        "replace_model": "give them another provider and model",
        "stop": "stop here; everything is saved",
    }
    if may_exclude:
        options["exclude_agent"] = "go on without them; every report says so"
    return {
        "type": "provider_failure",
        "message": "Some models cannot be reached.",
        "options": options,
        "default": "exclude_agent" if may_exclude else "stop",
        "failures": [dict(failure) for failure in failures],
        "step": step,
    }


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
