"""Reports: what is in them is computed from the state alone, and writing them twice changes nothing.

What writes them is imported when it is wanted: a session has none to write before its first topic is closed.
"""

from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any

from virtual_agora.reports.files import write, write_own
from virtual_agora.reports.pdf import pdf, require_weasyprint

if TYPE_CHECKING:
    from virtual_agora.reports.data import session_json
    from virtual_agora.reports.rendering import HTML, final_report, topic_report

__all__ = [
    "HTML",
    "final_report",
    "pdf",
    "prepare",
    "require_weasyprint",
    "session_json",
    "topic_report",
    "write",
    "write_own",
]

_MODULES = {
    "HTML": "rendering",
    "final_report": "rendering",
    "session_json": "data",
    "topic_report": "rendering",
}


def prepare() -> None:
    """Have what writes reports ready, imported and with its templates compiled, while there is something to wait for."""

    def make_ready() -> None:
        import_module(f"{__name__}.rendering")
        import_module(f"{__name__}.html").compile_templates()

    Thread(target=make_ready, name="reports", daemon=True).start()


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
