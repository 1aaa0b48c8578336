"""The models an assembly can be made of, as LangChain chat models.

Importing this package imports no vendor's SDK, and not LangChain either: `create_provider` loads what the
provider it is asked for needs.
"""

from __future__ import annotations

from virtual_agora.providers.create import create_provider
from virtual_agora.providers.vendors import VENDORS, Vendor, check_provider, missing_key

__all__ = ["VENDORS", "Vendor", "check_provider", "create_provider", "missing_key"]
