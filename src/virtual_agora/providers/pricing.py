"""What a call cost, by the price list that genai-prices brings along; nothing is looked up online."""

from __future__ import annotations

from virtual_agora.providers.vendors import check_provider

__all__ = ["price"]


def price(
    provider: str, model: str, *, input_tokens: int, output_tokens: int, cached_tokens: int = 0
) -> float | None:
    """The price in US dollars, or None where it is unknown. `cached_tokens` are among the input tokens."""
    vendor = check_provider(provider)
    if not vendor.pricing:
        return None if vendor.pricing is None else 0.0

    from genai_prices import Usage, calc_price

    usage = Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=min(cached_tokens, input_tokens),
    )
    try:
        return float(calc_price(usage, model, provider_id=vendor.pricing).total_price)
    except LookupError:
        return None
