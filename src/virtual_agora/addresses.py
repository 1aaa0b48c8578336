"""Addresses of servers. They are kept in sessions, logs and reports, so no key may be in one."""

from __future__ import annotations

import re

__all__ = ["refuse_secrets"]


def refuse_secrets(address: str) -> str:
    """`address`, if it names a server and a path and nothing that may be a secret.

    Raises:
        ValueError: it has room for one. The reason, without a full stop, does not repeat the address.
    """
    if re.search("[@?#]", address):
        raise ValueError(
            "an address has no “@”, “?” or “#” in it; a password or key belongs in the environment "
            "or in a file named .env"
        )
    return address
