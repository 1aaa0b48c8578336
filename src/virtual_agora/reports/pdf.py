"""`report.pdf`: the HTML report on paper, with page numbers, bookmarks and links."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any, NoReturn

from virtual_agora.errors import MissingExtraError

__all__ = ["pdf", "require_weasyprint"]

EXTRA = "Install it with: pip install 'virtual-agora[pdf]'"
LIBRARY = (
    "Install it, on Debian and Ubuntu with apt install libpango-1.0-0 libpangoft2-1.0-0, "
    "on macOS with brew install pango; everything else is there without it."
)


def require_weasyprint() -> ModuleType:
    """WeasyPrint, which makes the PDF.

    Raises MissingExtraError where the package, or the library Pango that it needs, is not installed.
    """
    try:
        return import_module("weasyprint")
    except ImportError as error:
        raise MissingExtraError("A PDF needs the package weasyprint.", hint=EXTRA) from error
    except OSError as error:
        raise MissingExtraError("A PDF needs the library Pango.", hint=LIBRARY) from error


def pdf(html: str) -> bytes:
    """The page as PDF; nothing is fetched for it."""
    weasyprint = require_weasyprint()
    made: bytes = weasyprint.HTML(string=html, url_fetcher=_refuse).write_pdf()
    return made


def _refuse(url: str, *_: Any, **__: Any) -> NoReturn:
    raise ValueError(f"nothing is fetched for a report, {url} neither")
