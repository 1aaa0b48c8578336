"""What is wrong with a configuration, said to the person who wrote it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from virtual_agora.config.models import ROLES, AgentConfig, Config
from virtual_agora.errors import ConfigurationError

__all__ = ["check_providers", "describe", "line_of"]

_UNKNOWN = ("extra_forbidden", "invalid_key")

Location = Sequence[int | str]

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text (put it in quotes)",
    "dict_type": "named entries, each on a line of its own such as “name: …”",
    "tuple_type": "a list, each entry beginning with “- ”",
    "model_type": "settings, each on a line of its own such as “provider: openai”",
    "literal_error": "one of {expected}",
    "greater_than": "more than {gt:,}",
    "greater_than_equal": "{ge:,} or more",
    "less_than_equal": "{le:,} or less",
    "string_too_short": "some text",
    "too_short": "a list with at least one entry",
}


def describe(
    error: ValidationError, root: yaml.Node, file: str, model: type[BaseModel] = Config
) -> ConfigurationError:
    """The first mistake, as one sentence and a hint. A misspelt key comes first: others may follow from it.

    `model` is what the whole file was to be.
    """
    problems = error.errors(include_url=False)
    problem = min(problems, key=lambda p: p["type"] not in _UNKNOWN)
    location = tuple(part for part in problem["loc"] if part != "[key]")
    place = f"{file}, line {line_of(root, location)}"
    if problem["type"] in _UNKNOWN:
        return ConfigurationError(
            f"{place}: there is no key “{_path(location)}”.", hint=_suggestion(model, location)
        )
    if problem["type"] == "missing":
        return ConfigurationError(
            f"{place}: “{_path(location)}” is missing.",
            hint=f"Add a line “{location[-1]}: …” there"
            + ("; `virtual-agora init` writes an example." if model is Config else "."),
        )
    if problem["type"] == "value_error":
        where = f" in “{_path(location)}”" if location else ""
        return ConfigurationError(
            f"{place}{where}: {problem['ctx']['error']}.",
            hint="Change these settings so that they fit together."
            if isinstance(problem["input"], dict)
            else "Correct it.",
        )
    return ConfigurationError(
        f"{place}: “{_path(location)}” should be {_expected(problem)}, not {_given(problem)}.",
        hint="Correct it, or remove it to have the default."
        if _has_default(model, location)
        else "Correct it.",
    )


def check_providers(
    config: Config,
    check: Callable[[str], object],
    root: yaml.Node,
    file: str,
    within: Location = (),
) -> None:
    """Have `check` look at the provider of every agent in the file; what it raises is told with its place.

    `within` is where in the file the configuration is.

    Raises:
        ConfigurationError: by `check`, with file and line.
    """
    named: list[tuple[Location, AgentConfig]] = [
        (("agents", number), member) for number, member in enumerate(config.agents)
    ]
    named += [((role,), agent) for role in ROLES if (agent := getattr(config, role)) is not None]
    for location, agent in named:
        try:
            check(agent.provider)
        except ConfigurationError as error:
            line = line_of(root, (*within, *location, "provider"))
            raise ConfigurationError(
                f"{file}, line {line}: {error.message[0].lower()}{error.message[1:]}",
                hint=error.hint,
            ) from None


def _expected(problem: ErrorDetails) -> str:
    pattern = _EXPECTED.get(problem["type"])
    if _lacks_entries(problem):
        pattern = "a group of keys with at least one entry"
    if not pattern:
        return f"different ({problem['msg']})"
    # Bounds of a fraction are fractions too, but read better as the whole numbers that they are.
    bounds = {
        name: int(value) if isinstance(value, float) else value
        for name, value in problem.get("ctx", {}).items()
    }
    return pattern.format(**bounds)


def _lacks_entries(problem: ErrorDetails) -> bool:
    """Whether it is about a group of named entries that has none."""
    return problem["type"] == "too_short" and problem["input"] == {}


def _given(problem: ErrorDetails) -> str:
    return "an empty one" if _lacks_entries(problem) else _shown(problem["input"])


def _shown(value: object) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return "yes" if value else "no"
        case str():
            return f"“{value if len(value) <= 40 else value[:39] + '…'}”"
        case int() if value.bit_length() > 64:
            return "one far out of range"
        case int() | float():
            return str(value)
        case []:
            return "an empty one"
        case list():
            return "a list"
        case dict():
            return "a group of keys"
    return f"a {type(value).__name__}"


def _path(location: Location) -> str:
    """`agents[0].model`; entries of a list count from 0."""
    first, *rest = location
    return f"{first}" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in rest)


def line_of(root: yaml.Node, location: Location) -> int:
    """The line of the innermost part of `location` that is in the file, from 1."""
    node, line = root, root.start_mark.line
    for part in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
            continue
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in pairs if key.value == str(part)), None)
        if found is None:
            break
        line, node = found[0].start_mark.line, found[1]
    return line + 1


def _suggestion(root: type[BaseModel], location: Location) -> str:
    *parents, key = location
    if "key" in str(key).lower() or "secret" in str(key).lower():
        return "API keys belong in the environment or in a file named .env, never in here."
    fields = list(_model_at(root, parents).model_fields)
    if near := difflib.get_close_matches(str(key).lower(), fields, n=1):
        return f"Did you mean “{near[0]}”?"
    for path, model in _models(root):
        if key in model.model_fields:
            return (
                f"“{key}” belongs under “{path}”." if path else f"“{key}” belongs at the top level."
            )
    where = f"under “{_path(parents)}”" if parents else "at the top level"
    return f"The keys {where} are: {', '.join(fields)}."


def _has_default(root: type[BaseModel], location: Location) -> bool:
    field = _model_at(root, location[:-1]).model_fields.get(str(location[-1]))
    return field is not None and not field.is_required()


def _model_at(root: type[BaseModel], location: Location) -> type[BaseModel]:
    """The model of what is at `location`, or of the entries there."""
    model, named = root, False
    for part in location:
        if isinstance(part, int):
            continue
        if named:  # the user's own name of an entry
            named = False
            continue
        annotation = model.model_fields[part].annotation
        named = get_origin(annotation) is dict
        model = _model_in(annotation) or model
    return model


def _models(root: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    yield "", root
    for name, field in root.model_fields.items():
        if model := _model_in(field.annotation):
            yield name, model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as `tuple[PanelConfig, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for part in get_args(annotation) if (m := _model_in(part))), None)
