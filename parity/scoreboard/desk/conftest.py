"""What stands in for the world of the order desk, for both suites."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

STOCK = {"tea": 9, "milk": 2, "bread": 5, "jam": 1}


class World:
    """Stock, bank, warehouse and mail; remembers what was done to it, and does nothing twice for one key."""

    def __init__(self, record: Any = None) -> None:
        self.done: list[tuple[str, Any]] = []
        self._keys: Counter[tuple[str, str]] = Counter()
        self._record = record

    def level(self, sku: str) -> int:
        return STOCK[sku]

    def charge(self, amount: int, key: str | None = None) -> str:
        self._do("charge", amount, key)
        return f"receipt for {amount}"

    def reserve(self, sku: str, quantity: int, key: str | None = None) -> None:
        self._do("reserve", (sku, quantity), key)

    def mail(self, to: str, text: str, key: str | None = None) -> None:
        self._do("mail", to, key)

    def _do(self, name: str, what: Any, key: str | None) -> None:
        if key is not None:
            self._keys[name, key] += 1
            if self._keys[name, key] > 1:
                return
        self.done.append((name, what))
        if self._record is not None:
            self._record.record(name, key or what)


@pytest.fixture
def world() -> World:
    return World()
