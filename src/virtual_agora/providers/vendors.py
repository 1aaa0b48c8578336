"""The table of vendors.

Every integration takes nearly the same arguments; `Vendor.arguments` says where one differs. Attempts are
counted in one place (`calls.py`), so the SDKs' own retrying is always switched off here.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from virtual_agora.errors import ConfigurationError, MissingKeyError
from virtual_agora.state.demo import SCRIPTED

if TYPE_CHECKING:
    from virtual_agora.config.models import AgentConfig

__all__ = [
    "VENDORS",
    "Vendor",
    "check_provider",
    "missing_key",
    "one_model",
    "require_key",
    "seen_keys",
]

SHORTEST_SECRET = 12
"""Keys shorter than this are placeholders such as `not-needed`; they are words, and stay in texts."""

OFFLINE_LATENCY = "VIRTUAL_AGORA_OFFLINE_LATENCY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a model is made from: what `create_provider` was asked for, and the key it found."""

    model: str
    key: str
    base_url: str | None
    temperature: float | None
    max_tokens: int | None
    timeout: float
    persona: str | None
    seed: int


def _common(settings: Settings) -> dict[str, Any]:
    arguments = {
        "model": settings.model,
        "api_key": settings.key,
        "base_url": settings.base_url,
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "timeout": settings.timeout,
        "max_retries": 0,
        "stream_usage": True,
    }
    return {name: value for name, value in arguments.items() if value is not None}


def _google(settings: Settings) -> dict[str, Any]:
    arguments = _common(settings)
    del arguments["stream_usage"]
    return {**arguments, "max_retries": 1}  # it counts attempts, not retries


def _ollama(settings: Settings) -> dict[str, Any]:
    arguments = {
        "model": settings.model,
        "base_url": settings.base_url,
        "temperature": settings.temperature,
        "num_predict": settings.max_tokens,
        "client_kwargs": {"timeout": settings.timeout},
    }
    return {name: value for name, value in arguments.items() if value is not None}


def _compatible(settings: Settings) -> dict[str, Any]:
    arguments = _common(settings)
    if settings.max_tokens is not None:
        # The integration would call it `max_completion_tokens`, which many servers do not know.
        arguments["extra_body"] = {"max_tokens": arguments.pop("max_tokens")}
    return arguments


def _offline(settings: Settings) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "model_name": settings.model,
        "persona": settings.persona,
        "seed": settings.seed,
        "latency": None,
    }
    if latency := os.environ.get(OFFLINE_LATENCY, "").strip():
        try:
            arguments["latency"] = float(latency)
        except ValueError:
            arguments["latency"] = math.nan
        if not 0 <= arguments["latency"] < math.inf:
            raise ConfigurationError(
                f"{OFFLINE_LATENCY} is “{latency}”, which is no number of seconds.",
                hint="Set it to a number such as 0.05, or leave it out.",
            )
    return arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One vendor: `keys` are its key's variables, the first one the proper name; `extra` is what to install.

    `pricing` is the vendor's name in genai-prices, `""` where calls cost nothing, None where prices are
    unknown. `default_model` is empty where only the user can know one. `clients` says where the integration keeps
    its HTTP clients; it is empty where nothing goes over the wire. `marked_cache` says that the vendor keeps of a prompt what it is told to
    keep; others find out by themselves.
    """

    name: str
    label: str
    keys: tuple[str, ...]
    key_required: bool
    extra: str
    module: str
    factory: str
    default_model: str
    pricing: str | None
    clients: tuple[str, ...]
    marked_cache: bool = False
    arguments: Callable[[Settings], dict[str, Any]] = _common


_VENDORS = (
    Vendor(
        name="openai",
        label="OpenAI",
        keys=("OPENAI_API_KEY",),
        key_required=True,
        extra="openai",
        module="langchain_openai",
        factory="ChatOpenAI",
        default_model="gpt-6-luna",
        pricing="openai",
        clients=("root_client._client",),
    ),
    Vendor(
        name="anthropic",
        label="Anthropic",
        keys=("ANTHROPIC_API_KEY",),
        key_required=True,
        extra="anthropic",
        module="langchain_anthropic",
        factory="ChatAnthropic",
        default_model="claude-sonnet-5-5",
        pricing="anthropic",
        clients=("_client._client",),
        marked_cache=True,
    ),
    Vendor(
        name="google",
        label="Google",
        keys=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        key_required=True,
        extra="google",
        module="langchain_google_genai",
        factory="ChatGoogleGenerativeAI",
        default_model="gemini-3.8-flash",
        pricing="google",
        clients=("client._api_client._httpx_client",),
        arguments=_google,
    ),
    Vendor(
        name="grok",
        label="xAI Grok",
        keys=("XAI_API_KEY", "GROK_API_KEY"),
        key_required=True,
        extra="grok",
        module="langchain_xai",
        factory="ChatXAI",
        default_model="grok-4.3",
        pricing="x-ai",
        clients=("root_client._client", "client._client._client"),
    ),
    Vendor(
        name="ollama",
        label="Ollama",
        keys=("OLLAMA_API_KEY",),
        key_required=False,
        extra="ollama",
        module="langchain_ollama",
        factory="ChatOllama",
        default_model="llama3.2",
        pricing="",
        clients=("_client._client",),
        arguments=_ollama,
    ),
    Vendor(
        name="openai_compatible",
        label="The OpenAI-compatible server",
        keys=("OPENAI_COMPATIBLE_API_KEY",),
        key_required=False,
        extra="openai",
        module="langchain_openai",
        factory="ChatOpenAI",
        default_model="",
        pricing=None,
        clients=("root_client._client",),
        arguments=_compatible,
    ),
    Vendor(
        name="offline",
        label="The offline provider",
        keys=(),
        key_required=False,
        extra="",
        module="virtual_agora.providers.offline",
        factory="OfflineChatModel",
        default_model="scripted",
        pricing="",
        clients=(),
        arguments=_offline,
    ),
)

VENDORS: Mapping[str, Vendor] = MappingProxyType({vendor.name: vendor for vendor in _VENDORS})
"""Every vendor by its name; `check_provider` also knows other names and spellings."""

_ALIASES = {"xai": "grok"}


def check_provider(name: str) -> Vendor:
    """The vendor called `name`, in any case. ConfigurationError, with the nearest name, if there is none."""
    wanted = name.strip().lower()
    vendor = VENDORS.get(_ALIASES.get(wanted, wanted))
    if vendor is None:
        near = difflib.get_close_matches(wanted, [*VENDORS, *_ALIASES], n=1)
        raise ConfigurationError(
            f"There is no provider “{name}”.",
            hint=f"Did you mean “{near[0]}”?" if near else f"Choose one of {', '.join(VENDORS)}.",
        )
    return vendor


def one_model(agents: Iterable[AgentConfig]) -> bool:
    """Whether the same model answers for all of them: of one name, at one vendor, at one address. Scripted text has none."""
    models = {
        (
            _ALIASES.get(agent.provider, agent.provider),
            agent.model,
            (agent.base_url or "").rstrip("/"),
        )
        for agent in agents
    }
    return len(models) == 1 and not any(vendor == SCRIPTED for vendor, _, _ in models)


def missing_key(provider: str, base_url: str | None = None) -> str | None:
    """The variable that should hold the provider's key and does not; None when nothing is missing.

    A server of one's own (`base_url`) may want no key, so there it is never missing.
    """
    vendor = check_provider(provider)
    if not vendor.key_required or base_url or key_of(vendor):
        return None
    return vendor.keys[0]


def require_key(provider: str, base_url: str | None = None) -> None:
    """MissingKeyError, with the variable to set, if the provider's key is missing."""
    if variable := missing_key(provider, base_url):
        raise MissingKeyError(
            f"{check_provider(provider).label} needs an API key, and {variable} is not set.",
            hint=f"Set {variable} in the environment or in a file named .env.",
        )


def seen_keys() -> Mapping[str, str]:
    """Every key that this process has come across, those of the environment too, and its variable."""
    for vendor in reversed(_VENDORS):  # a key in several variables goes by the first
        key_of(vendor)
    return _seen


def key_of(vendor: Vendor) -> str:
    """The vendor's key from the environment, or nothing."""
    # Stripped: a key with a line's end is refused by the HTTP library, in a message that shows it.
    found = {name: key for name in vendor.keys if (key := os.environ.get(name, "").strip())}
    named = reversed(found.items())
    _seen.update((key, name) for name, key in named if len(key) >= SHORTEST_SECRET)
    return next(iter(found.values()), "")


_seen: dict[str, str] = {}
"""Every key this process has come across, and its variable: a client made earlier may still hold an old one."""
