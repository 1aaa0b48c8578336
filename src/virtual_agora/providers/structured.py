"""Answers in a given form: asking for one with the vendor's structured output, and reading it.

Every integration is told the JSON schema, so that the vendor can hold the model to it while it writes. What
comes back is read here all the same: not every server keeps the promise.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar, cast

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import Runnable
from langchain_core.utils.json import parse_json_markdown
from pydantic import BaseModel, ValidationError

__all__ = ["Asked", "ask_again", "bind_schema", "parse", "read_from_text"]

Answer = TypeVar("Answer", bound=BaseModel)

Asked = Runnable[LanguageModelInput, dict[str, Any]]
"""A model that answers in a given form; invoked, it gives `{"raw": message, …}`."""

JSON_FORM = "one JSON object in exactly the form asked for"

MAX_PROBLEMS = 5
"""Faults of one answer that are shown to the model; more of them rarely help it."""


def bind_schema(model: BaseChatModel, schema: type[BaseModel]) -> Asked:
    """`model`, to be asked for an answer in the form of `schema`."""
    families = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    # Models known not to decode by a schema are made to call a tool that has it as its arguments.
    unable = (model.profile or {}).get("structured_output") is False
    method = "function_calling" if unable else "json_schema"
    form: dict[str, Any] | type[BaseModel] = schema
    options: dict[str, Any] = {}
    if "langchain_openai" in families:
        # As plain JSON schema: given the class, the SDK throws an answer that does not fit away unread.
        form = schema.model_json_schema()
        options = {"method": method, "strict": True}
    elif families & {"langchain_anthropic", "langchain_google_genai", "langchain_ollama"}:
        options = {"method": method}
    return cast("Asked", model.with_structured_output(form, include_raw=True, **options))


def parse(schema: type[Answer], text: str) -> Answer:
    """The answer in `text`, bare or in a Markdown fence. ValueError, in words for the model, if there is none."""
    try:
        return schema.model_validate(parse_json_markdown(text, parser=json.loads))
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'the answer'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
        raise ValueError("; ".join(faults[:MAX_PROBLEMS])) from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from None


def read_from_text(schema: type[Answer], text: str) -> Answer | None:
    """The answer in natural language, where the form offers to read such and finds it beyond doubt."""
    reader = getattr(schema, "from_text", None)
    try:
        return cast("Answer | None", reader(text)) if reader else None
    except ValidationError:
        return None


def ask_again(answer: str, problem: str, *, form: str = JSON_FORM) -> list[BaseMessage]:
    """What is added to the conversation after an answer that did not fit: the answer, and what is wrong."""
    return [
        AIMessage(answer or "(no answer)"),  # some vendors refuse an empty message
        HumanMessage(
            f"That answer cannot be used: {problem}. Answer again, with nothing but {form}."
        ),
    ]
