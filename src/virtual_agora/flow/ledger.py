"""What the asking of one node cost and lost: usage, notices, turns lost, members excluded or replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from virtual_agora.flow.error_recovery import EXCLUDED_AFTER
from virtual_agora.providers.requests import CallResult, Took
from virtual_agora.state.schema import AgentRecord, Notice, NoticeKind, Usage, add_usage

__all__ = ["Ledger"]


class Ledger:
    """Begins with what the state says, and ends as an update to it."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._state = state
        self._agents: dict[str, AgentRecord] = {agent["id"]: agent for agent in state["agents"]}
        self._failures = dict(state["failures"])
        self._excluded = list(state["excluded"])
        self._usage: dict[str, Usage] = {}
        self._notices: list[Notice] = []

    def agent(self, id_: str) -> AgentRecord:
        """A member as it is, which may be with another model than at the beginning."""
        return self._agents[id_]

    def active(self) -> list[str]:
        """The participants that are not excluded, in the panel's order."""
        return [
            id_
            for id_, agent in self._agents.items()
            if agent["role"] == "participant" and id_ not in self._excluded
        ]

    def able(self) -> set[str]:
        """The active participants whose latest turn was not lost."""
        return {id_ for id_ in self.active() if not self._failures.get(id_)}

    def count(self, member: AgentRecord, took: Took, *, failed: bool) -> None:
        """Add a call to the usage; one that sent no request was none."""
        if not took["attempts"]:
            return
        used = Usage(
            calls=1,
            failed=int(failed),
            repaired=int(took["repairs"] > 0 and not failed),
            input_tokens=took["input_tokens"],
            output_tokens=took["output_tokens"],
            cached_tokens=took["cached_tokens"],
            prompt_chars=took["prompt_chars"],
            cost=took["cost"],
        )
        self._usage = add_usage(self._usage, {f"{member['provider']}/{member['model']}": used})

    def usage(self) -> dict[str, Usage]:
        """What the session has used, this step included."""
        return add_usage(self._state.get("usage", {}), self._usage)

    def heard(self, member: AgentRecord, what: str, result: CallResult) -> None:
        """The member has answered; an answer that had to be repaired is noted."""
        self._spare(member["id"])
        if result["read_from_text"]:
            self.note(
                "repaired", member["id"], f"{member['name']}'s {what} was read from its plain text."
            )
        elif result["repairs"]:
            self.note(
                "repaired", member["id"], f"{member['name']}'s {what} had to be asked for again."
            )

    def abstained(self, member: AgentRecord, what: str, reason: str) -> None:
        """The member answered, but not usably. One that was just excluded needs no second notice."""
        if member["id"] not in self._excluded:
            self.note(
                "abstained", member["id"], f"{member['name']}'s {what} was unusable: {reason}"
            )

    def lost_turn(self, member: AgentRecord, what: str, reason: str) -> None:
        """The member could not be reached; after `EXCLUDED_AFTER` steps in a row it is excluded.

        Two questions of one step that are lost together count once.
        """
        self.note("skipped", member["id"], f"{member['name']}'s {what} was skipped: {reason}")
        self._failures[member["id"]] = self._state["failures"].get(member["id"], 0) + 1
        if self._failures[member["id"]] >= EXCLUDED_AFTER:
            self.exclude(member["id"], f"{EXCLUDED_AFTER} turns lost in a row")

    def exclude(self, id_: str, reason: str) -> None:
        """Go on without a participant; of one that is excluded already nothing more is said."""
        if id_ in self._excluded:
            return
        self._excluded.append(id_)
        self._spare(id_)
        self.note("excluded", id_, f"{self._agents[id_]['name']} was excluded: {reason}")

    def replace_model(self, id_: str, answer: Mapping[str, Any]) -> None:
        """Give a member the provider, model and base_url of the user's answer; `update` notes what came of it."""
        after = self._agents[id_].copy()
        after["provider"] = answer["provider"].lower()
        after["model"] = answer["model"]
        after["base_url"] = answer["base_url"]
        self._agents[id_] = after

    def note(self, kind: NoticeKind, agent: str, text: str) -> None:
        """Record something that the reports must say."""
        self._notices.append(
            Notice(
                kind=kind,
                agent=agent,
                text=text,
                topic=self._state.get("current_topic", ""),
                round=self._state.get("current_round", 0),
            )
        )

    def update(self) -> dict[str, Any]:
        """What changed, as an update to the state."""
        replaced = []
        for before in self._state["agents"]:
            after = self._agents[before["id"]]
            if after != before and after["id"] not in self._excluded:
                replaced.append(after)
                self._note_replacement(before, after)
        grown = {"agents": replaced, "usage": self._usage, "notices": self._notices}
        update: dict[str, Any] = {name: new for name, new in grown.items() if new}
        before = self._state["failures"]
        if self._failures != before:
            update["failures"] = {
                id_: lost for id_, lost in self._failures.items() if before.get(id_) != lost
            }
        if excluded := self._excluded[len(self._state["excluded"]) :]:
            update["excluded"] = excluded
        return update

    def _spare(self, id_: str) -> None:
        """Count a member's lost turns from the beginning."""
        if id_ in self._failures:
            self._failures[id_] = 0

    def _note_replacement(self, before: AgentRecord, after: AgentRecord) -> None:
        self.note(
            "replaced",
            after["id"],
            f"{before['name']} was given {after['provider']}/{after['model']} from here on, "
            f"in place of {before['provider']}/{before['model']}.",
        )
