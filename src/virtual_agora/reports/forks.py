"""Where a session left the history of another, and what is different since: sentences for people."""

from __future__ import annotations

from virtual_agora.config.models import AgentConfig
from virtual_agora.reports.facts import State, amount
from virtual_agora.reports.words import cost_words
from virtual_agora.state.schema import Change, Fork
from virtual_agora.state.usage import spent

__all__ = ["change_words", "fork_words", "paid_before"]

LONGEST_VALUE = 60


def fork_words(state: State) -> list[str]:
    """A sentence or two on each fork that led to the session, the earliest first; the text is plain."""
    return [_fork(fork) for fork in state.get("forked_from", [])]


def paid_before(state: State) -> str:
    """How much of the usage was paid for before the latest fork; empty for a session that is none."""
    forks = state.get("forked_from", [])
    if not forks:
        return ""
    usage = forks[-1]["usage"]
    used = spent(usage)
    what = (
        f"{amount(used['calls'], 'call')}, {amount(used['tokens'], 'token')}, {cost_words(usage)}"
    )
    return f"Paid for before the fork, in session “{forks[-1]['session']}”: {what}."


def change_words(change: Change) -> str:
    """What a change of the configuration comes to: `voting_rule schulze instead of borda`, `Carol joins`."""
    path, _, key = change["key"].rpartition(".")
    if path.startswith("agents") and key not in AgentConfig.model_fields:
        name = change["key"].removeprefix("agents.")
        return f"{name} joins" if change["before"] is None else f"{name} is left out"
    if path.startswith("budget"):
        key = f"cap on {key}" if path == "budget" else f"cap on {key} of each topic"
        path = ""
    member = path.removeprefix("agents.").replace("_", " ")
    of = "" if member in ("", "session") else f" of {member}"
    if key in ("persona", "prompts"):
        return f"another {key}{of}" if change["after"] else f"no {key}{of}"
    return f"{key}{of} {_value(change['after'])} instead of {_value(change['before'])}"


def _fork(fork: Fork) -> str:
    origin = f"Up to step {fork['step']}, {fork['node']}, it is the session “{fork['session']}”."
    words = [change_words(change) for change in fork["changes"]]
    panel_changed = any(change["key"].startswith("agents.") for change in fork["changes"])
    if fork["one_model"] and panel_changed:
        words.append(
            "all participants share one model, and will agree more than a mixed panel would"
        )
    return (
        f"{origin} From there on: {'; '.join(words)}."
        if words
        else f"{origin} The configuration is the same."
    )


def _value(value: object) -> str:
    named = {None: "none", True: "on", False: "off"}
    plain = value is None or isinstance(value, bool)
    text = named[value] if plain else str(value)  # type: ignore[index]
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
