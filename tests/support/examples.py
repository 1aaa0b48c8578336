"""Values that fit a JSON schema: what the double for models answers when it is asked for a form."""

from __future__ import annotations

from typing import Any


def example(schema: dict[str, Any], salt: str = "") -> Any:
    """A value that fits a JSON schema. Strings are told apart by their place and by `salt`."""
    return _Example(schema, salt).value(schema, "answer", "1")


class _Example:
    def __init__(self, root: dict[str, Any], salt: str) -> None:
        self.root = root
        self.salt = salt

    def value(self, schema: dict[str, Any], name: str, place: str) -> Any:
        schema = self.resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next(one for one in kind if one != "null")
        if kind == "object":
            properties = schema.get("properties", {})
            return {key: self.value(part, key, place) for key, part in properties.items()}
        if kind == "array":
            return self.array(schema, name, place)
        if kind == "string":
            return self.text(schema, name, place)
        if kind in ("integer", "number"):
            return schema.get("minimum", 1)
        return kind == "boolean" or None

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """`schema` with its reference followed and its first real alternative chosen."""
        while True:
            if "$ref" in schema:
                target = self.root
                for step in schema["$ref"].removeprefix("#/").split("/"):
                    target = target[step]
                schema = target
            elif "allOf" in schema:
                schema = schema["allOf"][0]
            elif options := schema.get("anyOf") or schema.get("oneOf"):
                schema = next(option for option in options if option.get("type") != "null")
            else:
                return schema

    def array(self, schema: dict[str, Any], name: str, place: str) -> list[Any]:
        items = schema.get("items", {})
        least = schema.get("minItems", 0)
        if options := self.resolved(items).get("enum"):
            return list(options[: max(1, least)])
        count = min(max(2, least), schema.get("maxItems", 2 + least))
        return [self.value(items, name, f"{place}.{number}") for number in range(1, count + 1)]

    def text(self, schema: dict[str, Any], name: str, place: str) -> str:
        said = f"{name.replace('_', ' ').capitalize()} {self.salt} {place}".strip()
        return said.ljust(schema.get("minLength", 0), ".")[
            : schema.get("maxLength", len(said) + 1000)
        ]
