"""What a fork changes in the state that it begins with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from virtual_agora.config.differences import differences
from virtual_agora.config.loader import config_hash
from virtual_agora.config.models import ROLES, Config
from virtual_agora.errors import UsageError
from virtual_agora.execution.standing import Step
from virtual_agora.flow.budget import recapped
from virtual_agora.flow.error_recovery import QUORUM
from virtual_agora.flow.nodes_v13.opening import agent_record
from virtual_agora.providers.vendors import one_model
from virtual_agora.state.schema import SCHEMA_VERSION, AgentRecord, Fork, merge_agents
from virtual_agora.state.validator import validate_state_consistency
from virtual_agora.voting.ballots import needed

__all__ = ["forked"]

State = Mapping[str, Any]


def forked(state: State, step: Step, wanted: Config | None) -> dict[str, Any]:
    """New values for fields of the whole `state`, as it was before `step`, for a fork there; `wanted` goes on with another configuration.

    Of the seed and of a member, only what the configuration changes is changed: whoever was excluded, or was given
    another model on the way, stays so unless the two configurations differ in that very member.

    Raises:
        UsageError: the session cannot go on from there under that configuration.
    """
    update = _update(state, step, wanted)
    errors = validate_state_consistency({**state, **update})["errors"]
    if errors:
        raise UsageError(
            f"Session “{state['session_id']}” could not go on from step {step.number}: {errors[0]}.",
            hint="Fork at an earlier step.",
        )
    return update


def _update(state: State, step: Step, wanted: Config | None) -> dict[str, Any]:
    before = Config.model_validate(state["config"])
    after = _with_seed_of(before, wanted or before)
    changes = differences(before, after)
    _check_rules(state, step, before, after)
    members = _Members(state, before, after) if changes and state.get("agents") else None
    origin = Fork(
        session=state["session_id"],
        step=step.number,
        node=step.node,
        changes=changes,
        joined=members.joined if members else [],
        left=members.left if members else [],
        concluded=len(state.get("completed_topics", [])) + bool(_concluded(state)),
        usage=dict(state.get("usage", {})),
        one_model=one_model(member for _, member in after.participants()),
    )
    update: dict[str, Any] = {"forked_from": [*state.get("forked_from", []), origin]}
    if state.get("schema_version") != SCHEMA_VERSION:
        update["schema_version"] = SCHEMA_VERSION
    if not changes:
        return update
    update |= {"config": after.model_dump(mode="json"), "config_hash": config_hash(after)}
    if after.session.seed not in (None, before.session.seed):
        update["seed"] = after.session.seed
    caps = [_cap(change["key"]) for change in changes if change["key"].startswith("budget.")]
    if caps:
        update |= recapped(state, update["config"], caps, step.node)
    if members:
        update |= members.update()
    if state.get("poll") and after.session.conclude != before.session.conclude:
        update["poll"] = {**state["poll"], "needed": _needed(state, after)}
    return update


def _with_seed_of(before: Config, wanted: Config) -> Config:
    """`wanted`, under the earlier seed where it names none."""
    if wanted.session.seed is not None:
        return wanted
    session = wanted.session.model_copy(update={"seed": before.session.seed})
    return wanted.model_copy(update={"session": session})


def _check_rules(state: State, step: Step, before: Config, after: Config) -> None:
    """Refuse rules under which the state could not have come to be, or the next step would go astray."""
    most = after.session.max_rounds
    if step.round > most:
        raise UsageError(
            f"Step {step.number} belongs to round {step.round}, and max_rounds is {most} in the new configuration.",
            hint=f"Fork at an earlier step, or allow at least {step.round} rounds.",
        )
    if "user_turn" in step.node and after.session.participation != before.session.participation:
        raise UsageError(
            f"At step {step.number} it is the user's turn, and the new configuration has another participation.",
            hint="Fork one step earlier or later.",
        )


def _cap(key: str) -> str:
    """What a cap is called in the state: `topic.calls` for the key `budget.topic.calls`, `session.calls` for `budget.calls`."""
    name = key.removeprefix("budget.")
    return name if name.startswith("topic.") else f"session.{name}"


def _concluded(state: State) -> str:
    """The topic under way, if its discussion has ended."""
    return state.get("current_topic", "") if state.get("concluded_by") else ""


def _needed(state: State, config: Config) -> int:
    """How many of those who could answer the latest poll have to say yes."""
    excluded = state.get("excluded", [])
    asked = [a for a in state["agents"] if a["role"] == "participant" and a["id"] not in excluded]
    return needed(config.session.conclude, len(asked))


class _Members:
    """The assembly once the configuration is another.

    A participant is known by its name. One that the panel did not have joins under a new id; one that it has no more is
    excluded, and its record stays, for what it said and how it voted.
    """

    def __init__(self, state: State, before: Config, after: Config) -> None:
        self._state = state
        self._known: list[AgentRecord] = state["agents"]
        excluded: list[str] = state["excluded"]
        ids = {
            agent["name"]: agent["id"] for agent in self._known if agent["role"] == "participant"
        }
        new = dict(after.participants())
        self.left = [i for name, i in ids.items() if name not in new and i not in excluded]
        self._changed = [*_changed_members(ids, before, after), *_changed_roles(before, after)]
        changed = [agent["id"] for agent in self._changed]
        there = {agent["id"] for agent in self._known} - set(excluded)
        self.joined = [i for i in changed if i not in there]
        self._excluded = [i for i in excluded if i not in changed] + self.left
        self._failures = {i: n for i, n in state["failures"].items() if i not in changed}

    def update(self) -> dict[str, Any]:
        """The fields that say who takes part.

        Raises:
            UsageError: too few do.
        """
        agents = merge_agents(self._known, self._changed)
        agents.sort(key=lambda agent: agent["role"] != "participant")
        present = [
            agent["name"]
            for agent in agents
            if agent["role"] == "participant" and agent["id"] not in self._excluded
        ]
        if len(present) < QUORUM:
            raise UsageError(
                f"Of the new panel only {', '.join(present) or 'nobody'} could speak: the others had been excluded.",
                hint="Give those another model in the new configuration, or fork at an earlier step.",
            )
        update: dict[str, Any] = {
            "agents": agents,
            "excluded": self._excluded,
            "failures": self._failures,
        }
        if "speaking_order" in self._state:
            order = [*self._state["speaking_order"], *self.joined]
            update["speaking_order"] = list(dict.fromkeys(order))
        return update


def _changed_members(
    ids: Mapping[str, str], before: Config, after: Config
) -> Iterator[AgentRecord]:
    """The participants that were not there, by new ids, and those that are there with other settings."""
    ids, old = dict(ids), dict(before.participants())
    for name, member in after.participants():
        id_ = ids.setdefault(name, f"participant-{len(ids) + 1}")
        record = agent_record(id_, name, "participant", member)
        if name not in old or record != agent_record(id_, name, "participant", old[name]):
            yield record


def _changed_roles(before: Config, after: Config) -> Iterator[AgentRecord]:
    for role in ROLES:
        one, other = (
            agent_record(role, agent.name or role.replace("_", " "), role, agent)
            for agent in (before.role(role), after.role(role))
        )
        if one != other:
            yield other
