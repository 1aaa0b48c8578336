"""What a call cost, by the price list that genai-prices brings along; nothing is looked up online."""

from __future__ import annotations

from collections.abc import Iterable

from virtual_agora.config.models import AgentConfig, Config
from virtual_agora.errors import ConfigurationError
from virtual_agora.providers.vendors import check_provider

__all__ = ["price", "require_prices", "unpriced"]


def price(
    provider: str,
    model: str,
    *,
    input_tokens: int,
    output_tokens: int,
    cached_tokens: int = 0,
    written_to_cache: int = 0,
) -> float | None:
    """The price in US dollars, or None where it is unknown. Tokens from and for the vendor's cache are among the input tokens."""
    vendor = check_provider(provider)
    if not vendor.pricing:
        return None if vendor.pricing is None else 0.0

    from genai_prices import Usage, calc_price

    cached = min(cached_tokens, input_tokens)
    usage = Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=cached,
        cache_write_tokens=min(written_to_cache, input_tokens - cached),
    )
    try:
        return float(calc_price(usage, model, provider_id=vendor.pricing).total_price)
    except LookupError:
        return None


def unpriced(agents: Iterable[AgentConfig]) -> list[str]:
    """The models among these whose price is unknown, as `provider/model`, each once."""
    models = dict.fromkeys((agent.provider, agent.model) for agent in agents)
    return [
        f"{provider}/{model}"
        for provider, model in models
        if price(provider, model, input_tokens=1, output_tokens=1) is None
    ]


def require_prices(config: Config) -> None:
    """Refuse a cap on the cost of models whose price is unknown: it could not be held.

    Raises:
        ConfigurationError: there is such a model.
    """
    if config.budget.cost is None and config.budget.topic.cost is None:
        return
    if unknown := unpriced(config.everyone()):
        which = "price" if len(unknown) == 1 else "prices"
        raise ConfigurationError(
            f"A cap on the cost cannot be held: the {which} of {', '.join(unknown)} "
            f"{'is' if len(unknown) == 1 else 'are'} unknown.",
            hint="Cap calls or tokens instead, under `budget` in the configuration.",
        )
