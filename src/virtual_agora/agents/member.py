"""What all members of the assembly share: an identity, and the way a request to them is put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from virtual_agora.agents.context import fence, join, shared, shared_context
from virtual_agora.prompts import Prompts
from virtual_agora.providers.calls import ModelRequest
from virtual_agora.state.schema import AgentRecord

__all__ = ["Member", "Request"]

T = TypeVar("T", bound=BaseModel | str)


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """A question to one member; `form` is the type of its answer (`str`: free text).

    If it fails for good, that is the member's loss of a turn, unless it is `spare`: then whoever asked goes on without.
    """

    member: AgentRecord
    call: ModelRequest
    form: type[T]
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """One agent in its role."""

    record: AgentRecord
    prompts: Prompts

    def request(
        self,
        task: str,
        form: type[T],
        state: Mapping[str, Any],
        *material: str,
        topic: str = "",
        round: int = 0,
        own: str = "",
        charge: str = "",
        check: Callable[[str], str] | None = None,
        spare: bool = False,
        **values: str | int,
    ) -> Request[T]:
        """Put together what this member hears: the shared context, the task's `material`, itself, the task.

        `own` is what it alone knows; `charge` names a further prompt, which gives its turn a charge of its own.
        """
        instruction = self.prompts.fill(task, round=round, **values)
        charged = {"charge": charge} if charge else {}
        if charge:
            instruction = join([instruction, self.prompts.fill(charge)])
        context = shared_context(state, topic=topic)
        before = join([context, *material])
        places = shared(before)
        known = [place for place in places if place <= len(context) + 1]
        prompt = join(
            [
                before,
                fence("you", self.record["persona"] or "", name=self.record["name"]),
                own,
                fence("task", instruction, name=task, **charged),
            ]
        )
        schema = form if issubclass(form, BaseModel) else None
        call = ModelRequest(
            task=task,
            system=self.prompts.fill("system"),
            prompt=prompt,
            schema=schema,
            topic=topic,
            round=round,
            charge=charge,
            shared=places,
            # Documents, what is known of the topic, and what was said in the round so far: each stays when the next is another.
            kept=tuple(sorted({*known[:1], *known[-1:], *places[-1:]})),
            check=check,
        )
        return Request(self.record, call, form, spare)
