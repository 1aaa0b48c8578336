"""Structured answers by JSON schema, for a model that has none of its own."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.base import BaseOutputParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema
from pydantic import BaseModel

__all__ = ["by_json_schema"]


def by_json_schema(
    model: BaseChatModel, schema: dict[str, Any] | type, *, include_raw: bool
) -> Runnable[Any, Any]:
    """`model` with answers parsed by `schema`: what `with_structured_output` returns."""
    made = convert_to_json_schema(schema)
    bound = model.bind(
        response_format={
            "type": "json_schema",
            "json_schema": {"name": made.get("title", "answer"), "schema": made},
        },
        ls_structured_output_format={"kwargs": {"method": "json_schema"}, "schema": schema},
    )
    typed = isinstance(schema, type) and issubclass(schema, BaseModel)
    parser: BaseOutputParser[Any] = (
        PydanticOutputParser(pydantic_object=schema) if typed else JsonOutputParser()  # type: ignore[arg-type]
    )
    if not include_raw:
        return bound | parser
    parsed = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
    )
    unparsed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | parsed.with_fallbacks([unparsed], exception_key="parsing_error")
