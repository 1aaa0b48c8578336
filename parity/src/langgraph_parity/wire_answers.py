"""What the wire says: answers computed from the request, and from nothing else."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

__all__ = ["Said", "answered", "example", "fits", "kind_of"]

Body = Mapping[str, Any]

Said = tuple[str, list[dict[str, Any]]]
"""The text, and the tools called: `{"id", "type", "function": {"name", "arguments"}}` each."""


def kind_of(body: Body) -> str:
    """What is asked for: `schema`, `tools` or `text`."""
    form = body.get("response_format") or {}
    if form.get("type") in ("json_schema", "json_object"):
        return "schema"
    return "tools" if body.get("tools") else "text"


def fits(rule: Mapping[str, Any], body: Body) -> bool:
    """Whether the conditions of a rule or fault hold for a request."""
    prompt = "\n".join(_text(message.get("content")) for message in body.get("messages", ()))
    return (
        fnmatchcase(str(body.get("model", "")), rule.get("model", "*"))
        and rule.get("kind", kind_of(body)) == kind_of(body)
        and bool(re.search(rule.get("prompt", ""), prompt))
    )


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(part.get("text", "") for part in content if isinstance(part, dict))
    return str(content or "")


def answered(answer: Any, body: Body, digest: str) -> Said:
    """A rule's answer, or the answer computed where there is none, as it goes over the wire."""
    if isinstance(answer, Mapping) and "tool_calls" in answer:
        made = [
            _call(call["name"], call.get("arguments", {}), f"{digest}{at}")
            for at, call in enumerate(answer["tool_calls"])
        ]
        return str(answer.get("content") or ""), made
    if answer is None:
        return _computed(body, digest)
    if kind_of(body) == "tools" and not isinstance(answer, str) and (name := _forced(body)):
        return "", [_call(name, answer, digest)]
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False), []


def _computed(body: Body, digest: str) -> Said:
    salt = digest[:6]
    if kind_of(body) == "schema":
        schema = body["response_format"].get("json_schema", {}).get("schema", {"type": "object"})
        return json.dumps(example(schema, salt), ensure_ascii=False), []
    if name := _forced(body):
        tool = next(t["function"] for t in body["tools"] if t["function"]["name"] == name)
        return "", [_call(name, example(tool.get("parameters", {}), salt), digest)]
    return f"This is the answer to request {salt}. It says one thing, then it ends.", []


def _forced(body: Body) -> str:
    """The name of the tool that must be called, `""` if none must."""
    choice = body.get("tool_choice")
    if isinstance(choice, Mapping):
        return str(choice["function"]["name"])
    return str(body["tools"][0]["function"]["name"]) if choice in ("required", "any") else ""


def _call(name: str, arguments: Any, digest: str) -> dict[str, Any]:
    said = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    id_ = f"call_{hashlib.sha256(f'{name}{digest}'.encode()).hexdigest()[:12]}"
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": said}}


def example(schema: Mapping[str, Any], salt: str = "") -> Any:
    """A value that fits a JSON schema. Strings are told apart by their place and by `salt`."""
    return _Example(schema, salt).value(schema, "answer", "1", 0)


class _Example:
    def __init__(self, root: Mapping[str, Any], salt: str) -> None:
        self.root = root
        self.salt = salt

    def value(self, schema: Mapping[str, Any], name: str, place: str, depth: int) -> Any:
        schema = self.resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        match kind:
            case "object":
                needed = schema.get("required", []) if depth > 4 else schema.get("properties", {})
                parts = schema.get("properties", {})
                return {k: self.value(parts[k], k, place, depth + 1) for k in needed}
            case "array":
                return self.array(schema, name, place, depth)
            case "string":
                return self.text(schema, name, place)
            case "integer" | "number":
                return self.number(schema, kind)
        return kind == "boolean" or None

    def resolved(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """`schema` with references followed, parts merged, and its first real alternative chosen."""
        found = dict(schema)
        while True:
            if "$ref" in found:
                target: Any = self.root
                for step in found.pop("$ref").removeprefix("#").strip("/").split("/"):
                    target = target[step.replace("~1", "/").replace("~0", "~")] if step else target
                found = {**target, **found}
            elif "allOf" in found:
                for part in found.pop("allOf"):
                    part = self.resolved(part, depth)
                    both = {**found.get("properties", {}), **part.get("properties", {})}
                    needed = [*found.get("required", []), *part.get("required", [])]
                    found = {**found, **part, "properties": both, "required": needed}
                if not found["properties"]:
                    del found["properties"]
            elif options := found.pop("anyOf", None) or found.pop("oneOf", None):
                # Deep inside, nothing rather than more: a schema may contain itself. An empty alternative is
                # what is left of that when references were written out.
                null = [one for one in options if one.get("type") == "null"]
                real = [one for one in options if one and one.get("type") != "null"]
                found = {**found, **((null or real) if depth > 4 else (real or null or [{}]))[0]}
            else:
                return found

    def array(self, schema: Mapping[str, Any], name: str, place: str, depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        count = min(max(2 if depth < 5 else 0, least), schema.get("maxItems", 2 + least))
        if first := schema.get("prefixItems"):
            return [
                self.value(one, name, f"{place}.{at}", depth + 1) for at, one in enumerate(first)
            ]
        items = schema.get("items", {})
        if options := self.resolved(items, depth).get("enum"):
            return list(options[: max(1, least)])
        return [self.value(items, name, f"{place}.{at}", depth + 1) for at in range(1, count + 1)]

    def number(self, schema: Mapping[str, Any], kind: str) -> float:
        step = schema.get("multipleOf", 1)
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        if low is None:
            low = 1 if high is None or high > 1 else high - 2 * step
        value = -(-low // step) * step if kind == "integer" or "multipleOf" in schema else low
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            value += step if high is None or value + step < high else (high - value) / 2
        return int(value) if kind == "integer" else value

    def text(self, schema: Mapping[str, Any], name: str, place: str) -> str:
        if known := _FORMATS.get(schema.get("format", "")):
            return known
        said = f"{name.replace('_', ' ').capitalize()} {self.salt} {place}".strip()
        said = said.ljust(schema.get("minLength", 0), ".")
        return said[: schema.get("maxLength", len(said))]


_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "PT1H",
    "email": "somebody@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000001",
}
