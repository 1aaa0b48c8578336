"""Is everything there that a session needs? Each thing is looked at by itself, and says what to do about it."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sqlite3
import stat
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import httpx

from virtual_agora import providers
from virtual_agora.clock import Clock
from virtual_agora.config.models import AgentConfig, Config
from virtual_agora.errors import EncryptedSessionError, VirtualAgoraError
from virtual_agora.prompts import Prompts
from virtual_agora.providers.calls import Caller, CallPolicy, ModelCall, ModelRequest
from virtual_agora.providers.create import require_extra
from virtual_agora.providers.redaction import redact, remember
from virtual_agora.providers.vendors import Vendor, check_provider, one_model, require_key
from virtual_agora.state.databases import VARIABLE, Database, examine
from virtual_agora.state.serializer import ENCRYPTION_KEY, make_serializer
from virtual_agora.state.sqlite import DATABASE
from virtual_agora.state.stores import storage_errors

__all__ = ["Check", "checks"]

PACKAGES = ("virtual-agora", "langgraph", "langchain-core", "pydantic")
OLLAMA = "http://localhost:11434"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1", "0.0.0.0")
SERVER_SECONDS = 3.0
CALL_SECONDS = 60.0
LITTLE_SPACE, NO_SPACE = 200_000_000, 10_000_000


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `ok` is None for a warning; `hint` says what to do, if there is something."""

    name: str
    ok: bool | None
    message: str
    hint: str = ""


def checks(
    config: Config,
    *,
    data_dir: Path,
    database: str | None = None,
    reports_dir: Path,
    call_models: bool,
) -> Iterator[Check]:
    """Look at everything in turn: at the database at the address `database`, or without one at that of the data folder.

    `call_models` also makes one tiny, paid call to every model in use.
    """
    yield _versions()
    yield _panel(config)
    yield from _prompts(config)
    agents = {(a.provider, a.model, a.base_url): a for a in reversed(config.everyone())}
    usable = []
    for place in dict.fromkeys((a.provider, a.base_url) for a in config.everyone()):
        group = [agent for agent in agents.values() if (agent.provider, agent.base_url) == place]
        found = list(_provider(group))
        yield from found
        if all(check.ok is not False for check in found):
            usable += group
    if call_models:
        yield from map(_call, usable)
    yield _folder("data folder", data_dir)
    yield _folder("reports folder", reports_dir)
    yield _server_database(database) if database else _database(data_dir / DATABASE)
    encryption = _encryption()
    unread = _latest_session(data_dir / DATABASE) if encryption.ok and not database else None
    yield unread or encryption


def _versions() -> Check:
    found = {name: _version(name) for name in PACKAGES}
    said = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    message = f"Python {platform.python_version()}, {said}."
    if missing := [name for name, number in found.items() if not number]:
        return Check(
            "versions",
            None,
            f"{message} Not installed as a package: {', '.join(missing)}.",
            "Install Virtual Agora with pip, into an environment of its own.",
        )
    return Check("versions", True, message)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _panel(config: Config) -> Check:
    models = Counter(f"{agent.provider}/{agent.model}" for _, agent in config.participants())
    seats = ", ".join(f"{count} × {model}" for model, count in models.items())
    rules = config.session
    message = (
        f"{models.total()} participants ({seats}); {rules.min_rounds} to {rules.max_rounds} rounds "
        f"a topic, {rules.voting_rule} for the agenda, {rules.conclude} to close a topic."
    )
    if one_model(agent for _, agent in config.participants()):
        return Check(
            "panel",
            None,
            f"{message} All share one model, and will agree more than a mixed panel would.",
            "Give some of the seats to another vendor's model.",
        )
    return Check("panel", True, message)


def _prompts(config: Config) -> Iterator[Check]:
    if config.prompts is None:
        return
    try:
        Prompts(Path(config.prompts)).check()
    except VirtualAgoraError as error:
        yield Check("prompts", False, error.message, error.hint)
    else:
        yield Check("prompts", True, f"{config.prompts} replaces packaged prompts.")


def _provider(agents: Iterable[AgentConfig]) -> Iterator[Check]:
    """Agents of one provider at one address."""
    agents = list(agents)
    base_url = agents[0].base_url
    try:
        vendor = check_provider(agents[0].provider)
        require_extra(vendor.name)
        require_key(vendor.name, base_url)
    except VirtualAgoraError as error:
        yield Check(agents[0].provider, False, error.message, error.hint)
        return
    key = next((name for name in vendor.keys if os.environ.get(name, "").strip()), None)
    said = f"its key is in {key}" if key else "no key is set, and none is needed"
    yield Check(vendor.name, True, f"{vendor.label} is installed; {said}.")
    if base_url or vendor.name == "ollama":
        yield from _server(vendor, base_url or _ollama_host(), [agent.model for agent in agents])


def _ollama_host() -> str:
    host = os.environ.get("OLLAMA_HOST", "").strip()
    return (host if "://" in host else f"http://{host}") if host else OLLAMA


def _server(vendor: Vendor, address: str, models: Iterable[str]) -> Iterator[Check]:
    """A server on this machine is asked whether it is there; any other is left alone."""
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        yield Check(
            vendor.name,
            False,
            f"The base_url “{address}” is no web address.",
            "Write it in full, for example http://localhost:8000/v1.",
        )
        return
    if url.host not in LOCAL_HOSTS:
        return
    shown = f"{url.scheme}://{url.netloc.decode()}{url.path.rstrip('/')}"
    is_ollama = vendor.name == "ollama"
    try:
        with httpx.Client(timeout=SERVER_SECONDS, trust_env=False) as client:
            answer = client.get(f"{str(url).rstrip('/')}/api/tags" if is_ollama else url)
    except httpx.HTTPError as error:
        yield Check(
            vendor.name,
            False,
            f"No server answers at {shown} ({type(error).__name__}).",
            "Start it with: ollama serve" if is_ollama else "Start it, or correct its base_url.",
        )
        return
    yield Check(vendor.name, True, f"A server answers at {shown}.")
    if is_ollama:
        yield from _ollama_models(answer, shown, models)


def _ollama_models(answer: httpx.Response, shown: str, models: Iterable[str]) -> Iterator[Check]:
    try:
        present = {str(model["name"]) for model in answer.json()["models"]}
    except (ValueError, KeyError, TypeError):
        yield Check(
            "ollama",
            False,
            f"What answers at {shown} is no Ollama server (status {answer.status_code}).",
            "Correct its base_url; that of Ollama has no /v1 at the end.",
        )
        return
    for model in models:
        if not {model, f"{model}:latest"} & present:
            yield Check(
                "ollama",
                False,
                f"The model {model} is not on this machine.",
                f"Fetch it with: ollama pull {model}",
            )


def _call(agent: AgentConfig) -> Check:
    name = f"{agent.provider}/{agent.model}"
    try:
        model = providers.create_provider(
            agent.provider,
            agent.model,
            base_url=agent.base_url,
            temperature=agent.temperature,
            max_tokens=agent.max_tokens,
            timeout=agent.timeout or CALL_SECONDS,
        )
        result = ModelCall(
            model,
            ModelRequest("doctor", "You answer in one word.", "Say: ready"),
            Caller("doctor", "doctor", "doctor", agent.provider, agent.model),
            policy=CallPolicy(attempts=1, reasks=0),
            clock=Clock(),
            emit=lambda _: None,
            seed=0,
        ).complete()
    except VirtualAgoraError as error:
        if _was_unreached(error):
            hint = "Check the network and the proxy (HTTPS_PROXY)"
            hint += f", and the base_url {agent.base_url}." if agent.base_url else "."
        else:
            hint = error.hint or "Check the model's name, and your account with the provider."
        return Check(name, False, redact(error.message, passwords=True), hint)
    return Check(name, True, f"It answered in {result['seconds']:.1f} s.")


def _was_unreached(error: BaseException | None) -> bool:
    """Whether it came to no answer at all: one of those that led to the error is of the connection."""
    while error is not None and not isinstance(error, httpx.TransportError | ConnectionError):
        error = error.__context__
    return error is not None


def _folder(name: str, folder: Path) -> Check:
    folder = folder.absolute()
    place = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"ready")
            file.flush()
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Check(
            name,
            False,
            f"{folder} cannot be written to: {error.strerror}.",
            "Choose another folder, or make room or permission in this one.",
        )
    made = "" if place == folder else " (made when needed)"
    message = f"{folder}{made} has {free / 1e9:,.1f} GB free."
    mode = place.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        return Check(
            name,
            None,
            f"{message} Everybody may write to {place}, and put something of theirs in the place of what is written.",
            f"Take that right from them: chmod o-w {shlex.quote(str(place))}",
        )
    if free < LITTLE_SPACE:
        return Check(name, None if free >= NO_SPACE else False, message, "Make room on this disk.")
    return Check(name, True, message)


def _server_database(address: str) -> Check:
    try:
        database = Database(address)
        remember(database.secrets, VARIABLE)
        said = examine(database)
    except VirtualAgoraError as error:
        return Check("database", False, redact(error.message, passwords=True), error.hint)
    return Check("database", True, said)


def _encryption() -> Check:
    try:
        encrypts = make_serializer().encrypts
    except VirtualAgoraError as error:
        return Check("encryption", False, error.message, error.hint)
    if encrypts:
        return Check("encryption", True, f"Sessions are encrypted; the key is in {ENCRYPTION_KEY}.")
    return Check("encryption", True, f"Sessions are kept unencrypted: {ENCRYPTION_KEY} is not set.")


def _latest_session(path: Path) -> Check | None:
    """A warning, if the latest session in SQLite is encrypted and the key does not fit. Other defects are told elsewhere."""
    if not path.exists():
        return None
    latest = (
        "SELECT thread_id, type, checkpoint FROM checkpoints ORDER BY checkpoint_id DESC LIMIT 1"
    )
    name = ""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            if found := database.execute(latest).fetchone():
                name, *value = found
                make_serializer().loads_typed(tuple(value))
    except EncryptedSessionError as error:
        told = f"The latest session, “{name}”, cannot be read. {error.message}"
        return Check("encryption", None, told, error.hint)
    except (VirtualAgoraError, sqlite3.Error):
        return None
    return None


def _database(path: Path) -> Check:
    if not path.exists():
        return Check("database", True, "There is none yet; the first session makes it.")
    try:
        with (
            storage_errors(path),
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database,
        ):
            (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except VirtualAgoraError as error:
        return Check("database", False, error.message, error.hint)
    if verdict != "ok":
        return Check(
            "database",
            False,
            f"{path} is damaged: {verdict}.",
            "Restore it from a copy, or move it away to start afresh.",
        )
    return Check("database", True, f"{path} is sound.")
