"""How a measure is written: in one way everywhere on the page."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

__all__ = ["figure", "percentage"]


def figure(value: float, digits: int, *, plus: bool = False) -> str:
    """`value` with so many digits after the point, halves rounded away from zero: `0.8` for 0.75, `−0.3` for −0.25.

    With `plus` what is above zero has its sign as well; what is rounded to zero has none.
    """
    # Nine digits take away what a sum of binary fractions leaves behind, such as 0.15000000000000002.
    exact = Decimal(f"{value:.9f}").quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    sign = "−" if exact < 0 else "+" if plus and exact > 0 else ""
    return f"{sign}{abs(exact):,}"


def percentage(share: float) -> str:
    """A share from 0 to 1 in whole percent."""
    return f"{figure(100 * share, 0)}%"
