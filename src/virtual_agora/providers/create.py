"""Making a chat model of any vendor, or saying plainly why it cannot be made."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from virtual_agora.addresses import refuse_secrets
from virtual_agora.errors import ConfigurationError, MissingExtraError
from virtual_agora.providers.bounds import ENDURANCE, bound
from virtual_agora.providers.vendors import Settings, Vendor, check_provider, key_of, require_key

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["create_provider", "require_address", "require_extra"]

DEFAULT_TIMEOUT = 300.0
"""Seconds of silence from a model that are borne where the configuration says nothing."""

NO_KEY = "not-needed"
"""Sent to servers that want no key, because the SDKs insist on one."""


def create_provider(
    provider: str,
    model: str,
    *,
    base_url: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    timeout: float | None = None,
    endurance: float = ENDURANCE,
    persona: str | None = None,
    seed: int = 0,
) -> BaseChatModel:
    """A chat model of `provider`. `timeout` is in seconds of silence, `max_tokens` bounds one answer.

    No answer takes longer than `bounds.TIMEOUTS` timeouts in all, or than `endurance` seconds if that is more.

    `persona` and `seed` shape the offline provider; other models are told their persona in the prompt.
    Raises ConfigurationError, MissingKeyError or MissingExtraError; nothing is sent anywhere.
    """
    vendor = check_provider(provider)
    require_address(vendor.name, base_url)
    require_key(vendor.name, base_url)
    settings = Settings(
        model=model,
        key=key_of(vendor) or NO_KEY,
        base_url=base_url,
        temperature=temperature,
        max_tokens=max_tokens,
        timeout=timeout or DEFAULT_TIMEOUT,
        persona=persona,
        seed=seed,
    )
    made: BaseChatModel = _integration(vendor)(**vendor.arguments(settings))
    for client in vendor.clients:
        bound(made, client, timeout=settings.timeout, endurance=endurance)
    if temperature is not None and (made.profile or {}).get("temperature") is False:
        raise ConfigurationError(
            f"{vendor.label} lets no one set the temperature of {model}.",
            hint="Leave `temperature` out for this model.",
        )
    return made


def require_address(provider: str, base_url: str | None) -> None:
    """ConfigurationError if `base_url` cannot be used, or is missing where the provider has none of its own."""
    try:
        refuse_secrets(base_url or "")
    except ValueError as error:
        raise ConfigurationError(
            f"The base_url cannot be used: {error}.", hint="Correct it."
        ) from None
    if base_url and not base_url.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"The base_url “{base_url}” is no web address.",
            hint="Write it in full, for example http://localhost:8000/v1.",
        )
    if check_provider(provider).name == "openai_compatible" and not base_url:
        raise ConfigurationError(
            "The provider openai_compatible needs to know its server.",
            hint="Add `base_url`, for example http://localhost:8000/v1.",
        )


def require_extra(provider: str) -> None:
    """MissingExtraError, with what to install, if the provider's integration is missing. Imports nothing."""
    vendor = check_provider(provider)
    if find_spec(vendor.module) is None:
        raise _not_installed(vendor)


def _integration(vendor: Vendor) -> Callable[..., BaseChatModel]:
    try:
        factory: Callable[..., BaseChatModel] = getattr(
            import_module(vendor.module), vendor.factory
        )
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] == vendor.module:
            raise _not_installed(vendor) from error
        raise MissingExtraError(
            f"{vendor.label} needs an integration that cannot be imported: {error}.",
            hint=_install(vendor),
        ) from error
    return factory


def _not_installed(vendor: Vendor) -> MissingExtraError:
    return MissingExtraError(
        f"{vendor.label} needs an integration that is not installed.", hint=_install(vendor)
    )


def _install(vendor: Vendor) -> str:
    return f"Install it with: pip install 'virtual-agora[{vendor.extra}]'"
