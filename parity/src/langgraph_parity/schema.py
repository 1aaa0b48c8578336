"""What a graph's state schema says: types, reducers, and which types are plain data."""

from __future__ import annotations

import dataclasses
import functools
import operator
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, NotRequired, Required, get_args, get_origin, get_type_hints

import typing_extensions
from langgraph._internal._serde import build_serde_allowlist
from langgraph.channels import BinaryOperatorAggregate
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph.message import add_messages
from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

__all__ = ["Fields", "defaulted", "fields_of", "kinds_of", "listed", "plain", "same"]

MARK = object()
_TypedDict: Any = typing_extensions.TypedDict
MODERN: Any = type(_TypedDict("MODERN", {}))


class Fields:
    """Checks values against the fields of a schema: TypedDict, dataclass or pydantic model."""

    def __init__(self, schema: type) -> None:
        self.names = _hints(schema)
        self.required = frozenset(_required(schema, self.names))
        """Fields a finished state must have, as far as the schema tells (see `validate_state_consistency`)."""
        self._types = {name: _adapter(hint) for name, hint in self.names.items()}

    def wrong(self, name: str, value: Any) -> str | None:
        """What is wrong with the value of a field, in a few words; None if nothing is."""
        adapter = self._types.get(name)
        if adapter is None:
            return None
        try:
            adapter.validate_python(value, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            place = "".join(f"[{part!r}]" for part in first["loc"])
            got = type(first["input"]).__name__
            return f"{name}{place}: {first['msg'].lower()}, got {got} {_clip(first['input'])}"
        return None


@functools.lru_cache(maxsize=64)
def fields_of(schema: type) -> Fields:
    """The checker of a schema, made once."""
    return Fields(schema)


def kinds_of(graph: Any, declared: Mapping[str, str] | None = None) -> dict[str, str]:
    """Field -> `append`, `merge`, `sum`, `messages` or `any`, for every field with a reducer."""
    kinds = {
        name: _kind(channel)
        for name, channel in graph.channels.items()
        if isinstance(channel, BinaryOperatorAggregate | DeltaChannel)
    }
    return kinds | dict(declared or {})


def defaulted(state: Any) -> set[str]:
    """The fields of a dataclass or a pydantic model that hold their default; none of anything else."""
    if isinstance(state, BaseModel):
        return type(state).model_fields.keys() - state.model_fields_set
    if not dataclasses.is_dataclass(state) or isinstance(state, type):
        return set()
    return {f.name for f in dataclasses.fields(state) if getattr(state, f.name) == _default(f)}


def _default(field: dataclasses.Field[Any]) -> Any:
    made = field.default_factory
    return field.default if made is dataclasses.MISSING else made()


def plain(graph: Any) -> Callable[[Any], bool]:
    """A function that says whether a value survives strict msgpack, the schema's own types allowed."""
    builder = getattr(graph, "builder", None)
    schemas = list(getattr(builder, "schemas", ()))
    allowed = build_serde_allowlist(schemas=schemas, channels=dict(graph.channels))
    serde = JsonPlusSerializer(allowed_msgpack_modules=tuple(allowed))

    def survives(value: Any) -> bool:
        try:
            return same(serde.loads_typed(serde.dumps_typed(value)), value)
        except Exception:  # whatever the serialiser cannot do
            return False

    return survives


def listed(value: Any) -> Any:
    """The value as the checkpoint gives it back: every tuple in it is a list."""
    if isinstance(value, dict):
        return {key: listed(one) for key, one in value.items()}
    return [listed(one) for one in value] if type(value) in (list, tuple) else value


def same(one: Any, other: Any) -> bool:
    """Equal, or objects of one type that cannot say whether they are equal."""
    if one is other or type(one) is not type(other):
        return one is other
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if getattr(type(one), "__eq__", None) is object.__eq__:
        return True
    return bool(one == other) or bool(one != one)


def _kind(channel: Any) -> str:
    """What a reducer does, found out by trying it: does it append, merge or add up?"""
    delta = isinstance(channel, DeltaChannel)
    reducer: Any = channel.reducer if delta else channel.operator
    name, module = getattr(reducer, "__name__", ""), str(getattr(reducer, "__module__", ""))
    if reducer is add_messages or ("messages" in name and module.startswith("langgraph.")):
        return "messages"
    long, one = [MARK] * 1000, object()
    for kind, old, new, made in (
        ("append", long, [MARK, one], [*long, MARK, one]),
        ("merge", {"a": MARK, "b": MARK}, {"b": one, "c": one}, {"a": MARK, "b": one, "c": one}),
        ("sum", 2, 3, 5),
        ("sum", 2.0, 3.0, 5.0),
    ):
        if not isinstance(old, _bare_type(channel.typ)):
            continue
        try:
            result = reducer(old, [new] if delta else new)
        except Exception:  # it is not made for such values
            continue
        if type(result) is type(made) and result == made:
            return kind
    return "any"


def _bare_type(hint: Any) -> type:
    """The class behind a type: without Annotated, its parameters, and so on."""
    while get_origin(hint) in (typing.Annotated, Required, NotRequired):
        hint = get_args(hint)[0]
    bare = get_origin(hint) or hint
    return bare if isinstance(bare, type) else object


def _hints(schema: type) -> dict[str, Any]:
    try:
        return get_type_hints(schema, include_extras=True)
    except Exception:  # names that only a type checker knows
        return {}


def _required(schema: Any, names: Mapping[str, Any]) -> set[str]:
    if dataclasses.is_dataclass(schema):
        fields = dataclasses.fields(schema)
        return {f.name for f in fields if f.default is f.default_factory is dataclasses.MISSING}
    if hasattr(schema, "model_fields"):
        return {name for name, one in schema.model_fields.items() if one.is_required()}
    if not typing_extensions.is_typeddict(schema):
        return set()
    # In a module that postpones annotations __required_keys__ does not know what is Required.
    marks = {name: get_origin(hint) for name, hint in names.items()}
    needed = {name for name in schema.__required_keys__ if marks.get(name) is not NotRequired}
    needed |= {name for name, mark in marks.items() if mark is Required}
    return needed if needed < marks.keys() else set()


def _adapter(hint: Any) -> TypeAdapter[Any] | None:
    try:
        hint = _modern(hint)
    except Exception:  # a TypedDict that contains itself
        return None
    for config in (ConfigDict(arbitrary_types_allowed=True), None):
        try:
            return TypeAdapter(hint, config=config)
        except PydanticUserError:
            continue
        except Exception:  # a type pydantic has no check for
            return None
    return None


def _modern(hint: Any) -> Any:
    """The type with TypedDicts that pydantic takes on every version of Python, and lists for tuples."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is tuple or origin is tuple:  # a checkpoint gives it back as a list
        return typing.Annotated[_of(hint, tuple(map(_modern, args))), BeforeValidator(_tupled)]
    if origin in (Required, NotRequired, typing_extensions.ReadOnly):
        return _modern(args[0])
    if typing.is_typeddict(hint):
        return hint if isinstance(hint, MODERN) else _typed_dict(hint)
    modern = tuple(map(_modern, args)) if origin is not typing.Literal else args
    if all(one is other for one, other in zip(modern, args, strict=True)):
        return hint
    if origin is typing.Annotated:
        return typing.Annotated[(modern[0], *hint.__metadata__)]
    if origin in (types.UnionType, typing.Union):
        return functools.reduce(operator.or_, modern)
    return _of(hint, modern)


def _of(hint: Any, args: tuple[Any, ...]) -> Any:
    """The type with other parameters."""
    if args == get_args(hint):
        return hint
    return hint.copy_with(args) if hasattr(hint, "copy_with") else get_origin(hint)[args]


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@functools.lru_cache(maxsize=256)
def _typed_dict(hint: Any) -> Any:
    needed = hint.__required_keys__
    maybe: Any = typing_extensions.NotRequired
    modern = {name: _modern(kind) for name, kind in _hints(hint).items()}
    return _TypedDict(hint.__name__, {n: k if n in needed else maybe[k] for n, k in modern.items()})


def _clip(value: Any, length: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= length else f"{text[: length - 1]}…"
