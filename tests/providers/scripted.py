"""Asking the scripted model: prompts in the form in which the agents write them, and forms to answer in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, Field, create_model

from virtual_agora.config.defaults import PERSONAS
from virtual_agora.providers.offline import OfflineChatModel

THEME = "Should a city of 200,000 make its public transport free?"
TOPICS = (
    "The cost of public transport, and who pays it",
    "What could go wrong with public transport",
)
FREE_TASKS = ("statement", "round_summary", "topic_summary", "final_words", "report_section")


class Topic(BaseModel):
    title: str = Field(min_length=3, max_length=200)
    why: str


class Topics(BaseModel):
    topics: list[Topic] = Field(min_length=1, max_length=20)


class Poll(BaseModel):
    conclude: Literal["yes", "no"]
    reason: str


class Section(BaseModel):
    title: str
    brief: str


class Outline(BaseModel):
    sections: list[Section] = Field(min_length=2, max_length=5)


def ballot_on(options: Sequence[str]) -> type[BaseModel]:
    """A form that can name these options only."""
    ranking: Any = list[Literal[tuple(options)]]  # type: ignore[misc]
    return create_model("Ballot", ranking=(ranking, ...), reason=(str, ...))


def change_of(remaining: Sequence[str]) -> type[BaseModel]:
    """A form that can remove these topics only."""
    add: Any = Annotated[list[Topic], Field(max_length=3)]
    remove: Any = list[Literal[tuple(remaining)]]  # type: ignore[misc]
    return create_model("Modification", add=(add, ...), remove=(remove, ...))


def tag(name: str, body: str, /, **attributes: str | int) -> str:
    named = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<{name}{named}>\n{body}\n</{name}>"


def prompt(
    task: str,
    name: str = "Ada",
    *material: str,
    theme: str = THEME,
    topic: str = "",
    closed: Sequence[tuple[str, str]] = (),
    rounds: Sequence[str] = (),
    live: Sequence[str] = (),
    instruction: str = "Do as you are asked.",
) -> list[BaseMessage]:
    """What an agent writes. `live` entries that begin with `user:` are the user's."""
    statements = [
        tag(
            "statement",
            said.removeprefix("user:"),
            **({"from": "user"} if said.startswith("user:") else {}),
        )
        for said in live
    ]
    summaries = [tag("summary", text, round=at) for at, text in enumerate(rounds, 1)]
    conclusions = [tag("conclusion", text, topic=title) for title, text in closed]
    parts = [
        tag("theme", theme),
        tag("topic", topic) if topic else "",
        tag("earlier_topics", "\n".join(conclusions)) if closed else "",
        tag("earlier_rounds", "\n".join(summaries)) if rounds else "",
        tag("live_round", "\n".join(statements), round=len(rounds) + 1) if live else "",
        *material,
        tag("you", PERSONAS.get(name, ""), name=name),
        tag("task", instruction, name=task),
    ]
    return [SystemMessage("You are a member."), HumanMessage("\n\n".join(filter(None, parts)))]


def proposals(*lists: Sequence[tuple[str, str]]) -> str:
    blocks = [
        tag("proposal", "\n".join(f"- {title}: {why}" for title, why in each)) for each in lists
    ]
    return tag("proposals", "\n\n".join(blocks))


def assigned(heading: str) -> str:
    return tag("assignment", "It covers what its heading says.", heading=heading)


def model(seed: int = 7, latency: float | None = 0, **more: Any) -> OfflineChatModel:
    return OfflineChatModel(model_name="scripted", seed=seed, latency=latency, **more)


def say(messages: list[BaseMessage], seed: int = 7) -> str:
    return str(model(seed).invoke(messages).text)


def ask(form: type[BaseModel], messages: list[BaseMessage], seed: int = 7) -> Any:
    """A structured answer that must fit at once."""
    answer: Any = model(seed).with_structured_output(form, include_raw=True).invoke(messages)
    assert answer["parsing_error"] is None
    assert isinstance(answer["parsed"], form)
    return answer["parsed"]


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text)


def proposed(
    name: str, theme: str = THEME, *material: str, task: str = "proposal"
) -> list[tuple[str, str]]:
    answer = ask(Topics, prompt(task, name, *material, theme=theme))
    return [(topic.title, topic.why) for topic in answer.topics]


def collated(*lists: Sequence[tuple[str, str]], theme: str = THEME) -> list[str]:
    answer = ask(Topics, prompt("collation", "Moderator", proposals(*lists), theme=theme))
    return [topic.title for topic in answer.topics]


def ranked(
    name: str, options: Sequence[str], theme: str = THEME, task: str = "ballot", seed: int = 7
) -> list[str]:
    messages = prompt(task, name, tag("options", "\n".join(f"- {o}" for o in options)), theme=theme)
    answer: Any = (
        model(seed).with_structured_output(ballot_on(options), include_raw=True).invoke(messages)
    )
    if answer["parsed"] is None:
        messages += [AIMessage(answer["raw"].text), HumanMessage("That answer cannot be used.")]
        return list(ask(ballot_on(options), messages, seed).ranking)
    return list(answer["parsed"].ranking)
