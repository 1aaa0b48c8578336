"""Asking agents durably: every call is a LangGraph task, and what goes wrong follows the recovery table.

A finished task is not run again when its node is resumed; tasks are matched by their order in the node. So the
order of calls and questions here depends on nothing but the state and earlier answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from langgraph.config import get_config, get_stream_writer
from langgraph.errors import GraphDrained
from langgraph.func import task
from pydantic import BaseModel
from typing_extensions import TypedDict

from virtual_agora import hitl
from virtual_agora.agents.member import Request
from virtual_agora.agents.participant import Participant
from virtual_agora.errors import VirtualAgoraError
from virtual_agora.estimates.calls import CLOSING, WRITING
from virtual_agora.flow.assembly import Assembly
from virtual_agora.flow.budget import Budget
from virtual_agora.flow.error_recovery import QUORUM, Action
from virtual_agora.flow.ledger import Ledger
from virtual_agora.flow.pacing import Paced
from virtual_agora.hitl import Question
from virtual_agora.providers.calls import Caller, CallResult, ModelCall
from virtual_agora.providers.requests import NOTHING, CallStopped, Took
from virtual_agora.state.schema import AgentRecord, NoticeKind

__all__ = ["Asking", "Reply"]

T = TypeVar("T", bound=BaseModel | str)

UNMADE = "unmade"
"""The action of a call that was not made, because the session or its topic is concluded for its budget."""


class Outcome(TypedDict):
    """A finished task's value, plain data. `action` is empty when there is a `result`."""

    result: CallResult | None
    took: Took
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
    call: ModelCall | None = None
    try:
        call = ModelCall(
            assembly.model_for(request.member),
            request.call,
            caller,
            policy=assembly.recovery.call_policy(),
            clock=assembly.clock,
            emit=Paced(get_stream_writer(), assembly.clock),
            seed=assembly.seed,
            stopping=lambda: assembly.control.drain_requested,
        )
        result = call.complete()
    except CallStopped:
        # Not a value, so that the call is made again when the session goes on.
        raise GraphDrained(assembly.control.drain_reason or "stopping") from None
    except VirtualAgoraError as error:
        action = assembly.recovery.action_for(error)
        if action == Action.EMERGENCY:
            raise
        took = call.took if call else NOTHING
        return Outcome(result=None, took=took, action=action.value, reason=str(error))
    return Outcome(result=result, took=call.took, action="", reason="")


@task
def human_answer(assembly: Assembly, question: Question) -> dict[str, Any]:
    """The human's answer, durable like a call: what follows it in the step depends on it when replayed."""
    return assembly.ask_human(question)


class Asking:
    """The asking that one node does, and what it costs and loses, for the node's update.

    Of two nodes that run side by side, neither of which knows what the other uses, only one looks after the budget:
    the other is `beside`.
    """

    def __init__(
        self, assembly: Assembly, state: Mapping[str, Any], *, beside: bool = False
    ) -> None:
        self._assembly = assembly
        self._session_id: str = state["session_id"]
        self._round: int = state.get("current_round", 0)
        self._ledger = Ledger(state)
        self._budget = Budget(state)
        self._beside = beside
        self._calls = 0

    @property
    def cut_short(self) -> bool:
        """Whether the session, or its topic, is concluded for its budget, and only the writing is still asked for."""
        return bool(self._budget.concluding)

    def participants(self) -> list[Participant]:
        """Those who take part, in the panel's order."""
        active = self._ledger.active()
        return [Participant(self._ledger.agent(id_), self._assembly.prompts) for id_ in active]

    def one(self, request: Request[T]) -> Reply[T]:
        """Ask one member."""
        return self.all([request])[0]

    def all(self, requests: Sequence[Request[T]]) -> list[Reply[T]]:
        """Ask several members at once; the replies come in the order of the requests."""
        outcomes = dict(enumerate(self._call(requests)))
        while blocked := self._blocked(requests, outcomes):
            asked = [requests[number] for number in blocked]
            answer = self._ask_user(asked, [outcomes[number] for number in blocked])
            if answer["action"] == "exclude_agent":
                for number in blocked:
                    self._ledger.exclude(requests[number].member["id"], outcomes[number]["reason"])
                    outcomes[number]["action"] = Action.ABSTAIN.value
                continue
            if answer["action"] == "replace_model":
                for id_ in dict.fromkeys(request.member["id"] for request in asked):
                    self._ledger.replace_model(id_, answer)
            outcomes.update(zip(blocked, self._call(asked), strict=True))
        return [self._reply(request, outcomes[number]) for number, request in enumerate(requests)]

    def note(self, kind: NoticeKind, agent: str, text: str) -> None:
        """Record something that the reports must say."""
        self._ledger.note(kind, agent, text)

    def announce_topic(self) -> None:
        """A topic begins; what is used from here on counts for it."""
        self._budget.announce(self._ledger.usage())

    def update(self, **fields: Any) -> dict[str, Any]:
        """The node's update: `fields`, and what the asking changed."""
        if self._beside:
            return self._ledger.update() | fields
        self._tell_what_is_near()
        return self._ledger.update() | self._budget.update() | fields

    def check_budget(self, step: str, *, closing: bool = False, round: int = 0) -> None:
        """Ask the user about caps that leave room for nothing more, until they leave some or there is a conclusion.

        To be called before anything is begun: what is begun together is paid for together.
        """
        while caps := self._budget.reached(self._ledger.usage(), closing=closing):
            self._tell_what_is_near()
            question = self._budget.question(
                caps, self._ledger.usage(), round_number=round or self._round, step=step
            )
            answer = human_answer(self._assembly, question).result()
            told = self._budget.decide(answer, caps)
            by = "user" if answer["action"] == "extend" else ""
            self._ledger.note("user", by, told)

    def _tell_what_is_near(self) -> None:
        for text in self._budget.near(self._ledger.usage()):
            self._ledger.note("warning", "", text)

    def _call(self, requests: Sequence[Request[T]]) -> list[Outcome]:
        """Begin all calls that the budget leaves room for, and wait for them."""
        if requests and not self._beside:
            first, closing = requests[0].call, all(r.call.task in CLOSING for r in requests)
            self.check_budget(first.task, closing=closing, round=first.round)
        makes = [not self.cut_short or request.call.task in WRITING for request in requests]
        outcomes = iter(self._make([r for r, make in zip(requests, makes, strict=True) if make]))
        unmade = Outcome(result=None, took=NOTHING, action=UNMADE, reason="the budget is used up")
        return [next(outcomes) if make else unmade.copy() for make in makes]

    def _make(self, requests: Sequence[Request[T]]) -> list[Outcome]:
        """Start all calls, then wait for all of them; none is started once the run is to end."""
        self._assembly.check_may_go_on(self._session_id)
        members = [self._ledger.agent(request.member["id"]) for request in requests]
        node = get_config()["metadata"]["langgraph_node"]
        calls = []
        for request, member in zip(requests, members, strict=True):
            self._calls += 1
            caller = Caller(
                call_id=f"{request.call.task}/{request.call.topic}/{request.call.round}/{self._calls}",
                agent=member["name"],
                role=member["role"],
                provider=member["provider"],
                model=member["model"],
                node=node,
            )
            asked = Request(member, request.call, request.form)
            calls.append(model_call(self._assembly, asked, caller))
        # All of them, even if the first was not made: what the others bring is saved first.
        wait(calls)
        # `all` changes an outcome; a copy keeps the task's own value as it was.
        outcomes = [cast(Outcome, dict(call.result())) for call in calls]
        for member, request, outcome in zip(members, requests, outcomes, strict=True):
            self._ledger.count(
                member, request.call.task, outcome["took"], failed=outcome["result"] is None
            )
        return outcomes

    def _blocked(
        self, requests: Sequence[Request[T]], outcomes: Mapping[int, Outcome]
    ) -> list[int]:
        """The requests that only the user can help with: each by itself, or because too few are left."""
        lost = [
            number
            for number, outcome in outcomes.items()
            if outcome["action"] == Action.ASK_USER
            or (outcome["action"] == Action.SKIP and not requests[number].spare)
        ]
        blocked = [
            number
            for number in lost
            if outcomes[number]["action"] == Action.ASK_USER
            or requests[number].member["role"] != "participant"
        ]
        silent = {requests[number].member["id"] for number in lost}
        heard = {
            requests[number].member["id"]
            for number, outcome in outcomes.items()
            if outcome["result"] is not None
        }
        able = self._ledger.able() | heard & set(self._ledger.active())
        if not blocked and lost and len(able - silent) < QUORUM:
            return lost
        return blocked

    def _ask_user(self, asked: Sequence[Request[T]], outcomes: Sequence[Outcome]) -> dict[str, Any]:
        reasons = {
            request.member["id"]: outcome["reason"]
            for request, outcome in zip(asked, outcomes, strict=True)
        }
        members = [self._ledger.agent(id_) for id_ in reasons]
        left = set(self._ledger.active()) - {member["id"] for member in members}
        replaceable = all(member["role"] == "participant" for member in members)
        failures = [
            {
                "agent": member["name"],
                "provider": member["provider"],
                "model": member["model"],
                "reason": reasons[member["id"]],
            }
            for member in members
        ]
        question = hitl.provider_failure(
            failures, may_exclude=replaceable and len(left) >= QUORUM, step=asked[0].call.task
        )
        return human_answer(self._assembly, question).result()

    def _reply(self, request: Request[T], outcome: Outcome) -> Reply[T]:
        member = self._ledger.agent(request.member["id"])
        what = request.call.task.replace("_", " ")
        result = outcome["result"]
        if result is None:
            if outcome["action"] == UNMADE:
                return Reply(member, None, "", outcome["reason"])
            if outcome["action"] == Action.ABSTAIN:
                self._ledger.abstained(member, what, outcome["reason"])
            elif not request.spare:
                self._ledger.lost_turn(member, what, outcome["reason"])
            return Reply(member, None, "", outcome["reason"])
        self._ledger.heard(member, what, result)
        schema = request.call.schema
        value = result["text"] if schema is None else schema.model_validate(result["data"])
        return Reply(member, cast(T, value), result["at"], "")
