"""Asking agents durably: every call is a LangGraph task, and what goes wrong follows the recovery table.

A finished task is not run again when its node is resumed; tasks are matched by their order in the node. So the
order of calls and questions here depends on nothing but the state and earlier answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from langgraph.config import get_stream_writer
from langgraph.func import task
from pydantic import BaseModel
from typing_extensions import TypedDict

from virtual_agora import hitl
from virtual_agora.agents.member import Request
from virtual_agora.agents.participant import Participant
from virtual_agora.errors import VirtualAgoraError
from virtual_agora.flow.assembly import Assembly
from virtual_agora.flow.error_recovery import EXCLUDED_AFTER, QUORUM, Action
from virtual_agora.flow.pacing import Paced
from virtual_agora.providers.calls import Caller, CallResult, complete
from virtual_agora.state.schema import AgentRecord, Notice, Usage, add_usage

__all__ = ["Asking", "Reply"]

T = TypeVar("T", bound=BaseModel | str)


class Outcome(TypedDict):
    """A finished task's value, plain data. `action` is empty when there is a `result`."""

    result: CallResult | None
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """A member's answer; `value` is None when it was not heard, and then `reason` says why."""

    member: AgentRecord
    value: T | None
    at: str
    reason: str


@task
def model_call(assembly: Assembly, request: Request[Any], caller: Caller) -> Outcome:
    """One call to one model, with its retries. A failure is a value too: it is not repeated unasked."""
    try:
        result = complete(
            assembly.model_for(request.member),
            request.call,
            caller,
            policy=assembly.recovery.call_policy(),
            clock=assembly.clock,
            emit=Paced(get_stream_writer(), assembly.clock),
            seed=assembly.seed,
        )
    except VirtualAgoraError as error:
        return Outcome(
            result=None, action=assembly.recovery.action_for(error).value, reason=str(error)
        )
    return Outcome(result=result, action="", reason="")


class Asking:
    """The asking that one node does: collects what it costs and what is lost, for the node's update."""

    def __init__(self, assembly: Assembly, state: Mapping[str, Any]) -> None:
        self._assembly = assembly
        self._state = state
        self._records = {agent["id"]: agent for agent in state["agents"]}
        self._failures = dict(state["failures"])
        self._excluded = list(state["excluded"])
        self._usage: dict[str, Usage] = {}
        self._notices: list[Notice] = []
        self._calls = 0

    def participants(self) -> list[Participant]:
        """Those who take part, in the panel's order."""
        return [Participant(self._records[id_], self._assembly.prompts) for id_ in self._active()]

    def one(self, request: Request[T]) -> Reply[T]:
        """Ask one member."""
        return self.all([request])[0]

    def all(self, requests: Sequence[Request[T]]) -> list[Reply[T]]:
        """Ask several members at once; the replies come in the order of the requests."""
        outcomes = dict(zip(range(len(requests)), self._call(requests), strict=True))
        while blocked := self._blocked(requests, outcomes):
            asked = [requests[number] for number in blocked]
            answer = self._ask_user(asked, [outcomes[number] for number in blocked])
            if answer["action"] == "exclude_agent":
                for number in blocked:
                    self._exclude(requests[number].member, outcomes[number]["reason"])
                    outcomes[number]["action"] = Action.ABSTAIN.value
                break
            if answer["action"] == "replace_model":
                self._replace(asked, answer)
            outcomes.update(zip(blocked, self._call(asked), strict=True))
        return [self._reply(request, outcomes[number]) for number, request in enumerate(requests)]

    def note(self, kind: str, agent: str, text: str) -> None:
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

    def update(self, **fields: Any) -> dict[str, Any]:
        """The node's update: `fields`, and what the asking changed."""
        replaced = [agent for agent in self._records.values() if agent not in self._state["agents"]]
        grown = {"agents": replaced, "usage": self._usage, "notices": self._notices}
        update: dict[str, Any] = {name: new for name, new in grown.items() if new}
        if self._failures != self._state["failures"]:
            update["failures"] = self._failures
        if self._excluded != self._state["excluded"]:
            update["excluded"] = self._excluded
        return update | fields

    def _call(self, requests: Sequence[Request[T]]) -> list[Outcome]:
        calls: list[Callable[[], Outcome]] = []
        for request in requests:
            self._calls += 1
            member = self._records[request.member["id"]]
            caller = Caller(
                call_id=f"{request.call.task}/{request.call.topic}/{request.call.round}/{self._calls}",
                agent=member["name"],
                role=member["role"],
                provider=member["provider"],
                model=member["model"],
            )
            calls.append(
                model_call(
                    self._assembly, Request(member, request.call, request.form), caller
                ).result
            )
        # An outcome is changed below; a copy keeps the task's own value as it was.
        return [cast(Outcome, dict(call())) for call in calls]

    def _blocked(
        self, requests: Sequence[Request[T]], outcomes: Mapping[int, Outcome]
    ) -> list[int]:
        """The requests that only the user can help with: each by itself, or because too few are left."""
        lost = [
            n
            for n, outcome in outcomes.items()
            if outcome["action"] in (Action.SKIP, Action.ASK_USER)
        ]
        blocked = [
            n
            for n in lost
            if outcomes[n]["action"] == Action.ASK_USER
            or requests[n].member["role"] != "participant"
        ]
        if blocked or not lost:
            return blocked
        silent = {requests[n].member["id"] for n in lost} | set(self._failures)
        return lost if len(set(self._active()) - silent) < QUORUM else []

    def _ask_user(self, asked: Sequence[Request[T]], outcomes: Sequence[Outcome]) -> dict[str, Any]:
        lost = {request.member["id"] for request in asked}
        failures = [
            {
                "agent": self._records[request.member["id"]]["name"],
                "provider": self._records[request.member["id"]]["provider"],
                "model": self._records[request.member["id"]]["model"],
                "reason": outcome["reason"],
            }
            for request, outcome in zip(asked, outcomes, strict=True)
        ]
        question = hitl.provider_failure(
            failures,
            may_exclude=all(request.member["role"] == "participant" for request in asked)
            and len(set(self._active()) - lost) >= QUORUM,
            step=asked[0].call.task,
        )
        return self._assembly.ask_human(question)

    def _replace(self, asked: Sequence[Request[T]], answer: Mapping[str, Any]) -> None:
        for request in asked:
            record = self._records[request.member["id"]]
            before = f"{record['provider']}/{record['model']}"
            after = f"{answer['provider']}/{answer['model']}"
            self._records[record["id"]] = {
                **record,
                "provider": answer["provider"].lower(),
                "model": answer["model"],
                "base_url": answer["base_url"],
            }
            self.note(
                "replaced",
                record["id"],
                f"{record['name']} spoke as {after} from here on, not as {before}.",
            )

    def _reply(self, request: Request[T], outcome: Outcome) -> Reply[T]:
        member = self._records[request.member["id"]]
        result = outcome["result"]
        if result is None:
            self._count(member, failed=1)
            self._lose(member, request.call.task, outcome)
            return Reply(member, None, "", outcome["reason"])
        self._failures.pop(member["id"], None)
        self._count(member, result)
        if result["repairs"]:
            how = (
                "was read from its plain text"
                if result["read_from_text"]
                else "had to be asked for again"
            )
            self.note(
                "repaired", member["id"], f"{member['name']}'s {_name(request.call.task)} {how}."
            )
        value = (
            result["text"]
            if request.form is str
            else _schema(request).model_validate(result["data"])
        )
        return Reply(member, cast(T, value), result["at"], "")

    def _lose(self, member: AgentRecord, task_name: str, outcome: Outcome) -> None:
        what = _name(task_name)
        if member["id"] in self._excluded:
            return
        if outcome["action"] == Action.ABSTAIN:
            self.note(
                "abstained",
                member["id"],
                f"{member['name']}'s {what} was unusable: {outcome['reason']}",
            )
            return
        self.note(
            "skipped", member["id"], f"{member['name']}'s {what} was skipped: {outcome['reason']}"
        )
        self._failures[member["id"]] = self._failures.get(member["id"], 0) + 1
        if self._failures[member["id"]] >= EXCLUDED_AFTER:
            self._exclude(member, f"{EXCLUDED_AFTER} turns lost in a row")

    def _exclude(self, member: AgentRecord, reason: str) -> None:
        self._excluded.append(member["id"])
        self._failures.pop(member["id"], None)
        self.note("excluded", member["id"], f"{member['name']} was excluded: {reason}")

    def _count(
        self, member: AgentRecord, result: CallResult | None = None, *, failed: int = 0
    ) -> None:
        model = f"{member['provider']}/{member['model']}"
        used = Usage(
            calls=1,
            failed=failed,
            repaired=1 if result and result["repairs"] else 0,
            input_tokens=result["input_tokens"] if result else 0,
            output_tokens=result["output_tokens"] if result else 0,
            cached_tokens=result["cached_tokens"] if result else 0,
            prompt_chars=result["prompt_chars"] if result else 0,
            cost=result["cost"] if result else 0.0,
        )
        self._usage = add_usage(self._usage, {model: used})

    def _active(self) -> list[str]:
        return [
            id_
            for id_, agent in self._records.items()
            if agent["role"] == "participant" and id_ not in self._excluded
        ]


def _schema(request: Request[Any]) -> type[BaseModel]:
    assert request.call.schema is not None
    return request.call.schema


def _name(task_name: str) -> str:
    return task_name.replace("_", " ")
