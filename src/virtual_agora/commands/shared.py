"""What several commands need."""

from __future__ import annotations

import os
import re
import shlex
import sys
from argparse import Namespace
from pathlib import Path

from platformdirs import user_data_path

from virtual_agora.config.defaults import offline_panel, panel_of
from virtual_agora.config.environment import load_env
from virtual_agora.config.loader import load_config
from virtual_agora.config.models import Config
from virtual_agora.errors import (
    ConfigurationError,
    SessionNotFoundError,
    StorageError,
    UsageError,
)
from virtual_agora.execution.session import Agora
from virtual_agora.execution.telemetry import check_telemetry
from virtual_agora.private import make_folder
from virtual_agora.prompts import Prompts
from virtual_agora.providers.create import require_address, require_extra
from virtual_agora.providers.pricing import require_prices
from virtual_agora.providers.vendors import VENDORS, Vendor, check_provider, require_key
from virtual_agora.state.databases import VARIABLE, Database
from virtual_agora.state.sqlite import DATABASE

__all__ = [
    "check_ready",
    "configuration",
    "data_dir",
    "database",
    "existing",
    "is_interactive",
    "make_reports_folder",
    "on_provider",
    "placed",
    "relative",
    "resume_command",
    "where",
]

_ABOUT_A_SESSION = re.compile(r"virtual-agora (resume|show|fork) [\w.-]+( --steps| --at STEP)?$")


def check_ready(config: Config) -> None:
    """Find out before anything begins what would stop it."""
    for agent in config.everyone():
        vendor = check_provider(agent.provider)
        require_address(vendor.name, agent.base_url)
        require_extra(vendor.name)
        require_key(vendor.name, agent.base_url)
    require_prices(config)
    Prompts(Path(config.prompts) if config.prompts else None).check()
    check_telemetry()


def configuration(chosen: Namespace) -> tuple[Config, str]:
    """The configuration to use, and a sentence on where it comes from."""
    config, remark = _panel(chosen)
    most = getattr(chosen, "budget", None)
    if most is None:
        return config, remark
    budget = config.budget.model_copy(update={"cost": most})
    return config.model_copy(update={"budget": budget}), remark


def _panel(chosen: Namespace) -> tuple[Config, str]:
    config = load_config(chosen.config, check_provider)
    provider = getattr(chosen, "provider", None)
    if provider is not None:
        panel, vendor = on_provider(config, provider)
        if vendor.name == "offline":
            return panel, "A scripted panel speaks. For real models: virtual-agora init"
        return panel, f"Every member speaks through {vendor.label}."
    if config is not None:
        names = ", ".join(name for name, _ in config.participants())
        return config, f"The panel: {names}."
    return offline_panel(), (
        "No config.yml here, so a scripted panel speaks. For real models: virtual-agora init"
    )


def on_provider(config: Config | None, provider: str) -> tuple[Config, Vendor]:
    """The panel of `config`, or a panel of its own, on one provider's model.

    Raises:
        UsageError: there is no such provider, or it has no model that goes without saying.
    """
    try:
        vendor = check_provider(provider)
    except ConfigurationError as error:
        raise UsageError(error.message, hint=f"Choose one of {', '.join(VENDORS)}.") from None
    if not vendor.default_model:
        raise ConfigurationError(
            f"The provider {vendor.name} needs to know which model.",
            hint="Name provider, model and base_url in a configuration: virtual-agora init",
        )
    if config is None:
        return panel_of(vendor.name, vendor.default_model), vendor
    return config.speaking_through(vendor.name, vendor.default_model), vendor


def is_interactive() -> bool:
    """Whether somebody sits at a terminal, to read and to answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def data_dir(chosen: Namespace) -> Path:
    """The folder of `--data-dir`, of VIRTUAL_AGORA_HOME, or the user's own for such data."""
    home = os.environ.get("VIRTUAL_AGORA_HOME")
    return chosen.data_dir or (Path(home) if home else user_data_path("virtual-agora"))


def database(chosen: Namespace) -> str | None:
    """The address of `--database`, or of VIRTUAL_AGORA_DATABASE; None for SQLite in the data folder."""
    named = os.environ.get(VARIABLE, "") if chosen.database is None else chosen.database
    return str(named).strip() or None


def make_reports_folder(folder: Path, option: str = "--reports-dir") -> None:
    """Found out before the first call, not when the first report is written."""
    try:
        make_folder(folder)
    except OSError as error:
        raise StorageError(
            f"The reports folder {folder} cannot be made: {error.strerror}.",
            hint=f"Name another with {option}.",
        ) from error


def existing(chosen: Namespace) -> Agora:
    """The sessions that are there; looking at none makes no folder. What `.env` sets counts: the key to them, and where they are.

    Raises:
        ConfigurationError: `.env` cannot be read.
        UsageError: a folder was named, and there is none: a mistyped path is not an empty one.
        SessionNotFoundError: nothing has been held there yet.
    """
    load_env(Path())
    folder = data_dir(chosen)
    if address := database(chosen):
        return Agora(folder, address)
    if (chosen.data_dir or os.environ.get("VIRTUAL_AGORA_HOME")) and not folder.is_dir():
        wrong = "is a file, not a folder" if folder.exists() else "does not exist"
        raise UsageError(
            f"The folder of the sessions, {folder}, {wrong}.",
            hint="Name the one in which they are kept with --data-dir or VIRTUAL_AGORA_HOME.",
        )
    if not (folder / DATABASE).exists():
        raise SessionNotFoundError(
            f"There are no sessions yet in {folder}.",
            hint='Begin one with virtual-agora run "Your question", or name another folder with --data-dir.',
        )
    return Agora(folder)


def resume_command(session_id: str, chosen: Namespace) -> str:
    """The command that goes on with a session."""
    return placed(f"virtual-agora resume {session_id}", chosen)


def where(chosen: Namespace) -> list[str]:
    """The words that name the same sessions again. They may be read by others, so a password is left out."""
    words = ["--data-dir", str(chosen.data_dir)] if chosen.data_dir else []
    if chosen.database:
        words += ["--database", Database(chosen.database.strip()).shown]
    return words


def placed(hint: str, chosen: Namespace) -> str:
    """A hint that ends with a command about a session, with the words that name where the session is; any other as it is."""
    if not _ABOUT_A_SESSION.search(hint):
        return hint
    return " ".join([hint, *map(shlex.quote, where(chosen))])


def relative(path: Path) -> str:
    """A path as it is written from here, if it is below."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
