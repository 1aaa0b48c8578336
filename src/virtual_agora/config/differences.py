"""In what two configurations differ, key by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from virtual_agora.config.models import ROLES, AgentConfig, Config
from virtual_agora.state.schema import Change

__all__ = ["differences"]


def differences(one: Config, other: Config) -> list[Change]:
    """The keys whose values are not the same, in the order of the configuration; participants are told apart by name.

    A moderator, summarizer or report writer that is not named is the first participant's model, and compared as such.
    """
    return [
        *_members(dict(one.participants()), dict(other.participants())),
        *(
            change
            for role in ROLES
            for change in _values(role, _plain(one.role(role)), _plain(other.role(role)))
        ),
        *_values("session", one.session.model_dump(), other.session.model_dump()),
        *_values(
            "budget", *(config.budget.model_dump(exclude={"topic"}) for config in (one, other))
        ),
        *_values("budget.topic", one.budget.topic.model_dump(), other.budget.topic.model_dump()),
        *_values("", {"prompts": one.prompts}, {"prompts": other.prompts}),
    ]


def _members(one: Mapping[str, AgentConfig], other: Mapping[str, AgentConfig]) -> Iterator[Change]:
    for name in dict.fromkeys([*one, *other]):
        if name in one and name in other:
            yield from _values(f"agents.{name}", _plain(one[name]), _plain(other[name]))
        else:
            before, after = one.get(name), other.get(name)
            yield Change(key=f"agents.{name}", before=_model(before), after=_model(after))


def _values(path: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Change]:
    for key, before in one.items():
        if before != other[key]:
            yield Change(key=f"{path}.{key}".lstrip("."), before=before, after=other[key])


def _plain(agent: AgentConfig) -> dict[str, Any]:
    """What an agent is besides its name, by which it is known, and how many there are of it."""
    return agent.model_dump(exclude={"name", "count"})


def _model(agent: AgentConfig | None) -> str | None:
    return f"{agent.provider}/{agent.model}" if agent else None
