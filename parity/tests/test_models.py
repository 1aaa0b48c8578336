"""The scripted model in the hands of real LangChain and LangGraph."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from pydantic import BaseModel

from langgraph_parity.models import (
    CutOff,
    Malformed,
    Refusal,
    ScriptedChatModel,
    ScriptEndedError,
    calls,
)


class Vote(BaseModel):
    choice: str
    weight: int = 1


class State(TypedDict):
    messages: Annotated[list[Any], add_messages]


def test_answers_are_used_up_in_order_and_the_end_is_told():
    model = ScriptedChatModel(["one", AIMessage("two")])
    assert [model.invoke("a").text, model.invoke("b").text] == ["one", "two"]
    with pytest.raises(ScriptEndedError, match="no more answers; this was call 3"):
        model.invoke("c")


def test_a_generator_may_go_on_for_ever():
    model = ScriptedChatModel(f"answer {number}" for number in iter(int, 1))
    assert {model.invoke("a").text for _ in range(5)} == {"answer 0"}


def test_every_call_is_kept_with_its_prompt_and_size():
    model = ScriptedChatModel(lambda messages: messages[-1].text.upper())
    model.invoke([HumanMessage("hello"), HumanMessage("there")])
    list(model.bind(temperature=0).stream("again"))
    first, second = model.calls
    assert (first.number, first.prompt, first.chars, first.streamed) == (
        1,
        "hello\nthere",
        11,
        False,
    )
    assert (second.answer, second.streamed, second.options) == ("AGAIN", True, {"temperature": 0})


def test_whole_and_streamed_answers_are_the_same():
    answer = AIMessage("It says three words.", tool_calls=calls("find", text="x").tool_calls)
    whole = ScriptedChatModel([answer]).invoke("a")
    chunks = list(ScriptedChatModel([answer]).stream("a"))
    assert len(chunks) == 4 + 2 + 1
    joined = chunks[0]
    for chunk in chunks[1:]:
        joined += chunk
    for name in ("content", "tool_calls", "usage_metadata", "response_metadata", "id"):
        assert getattr(joined, name) == getattr(whole, name), name
    assert whole.usage_metadata["total_tokens"] > 0
    assert whole.response_metadata["finish_reason"] == "tool_calls"


def test_ids_are_the_same_in_every_run_and_differ_within_one():
    runs = [ScriptedChatModel(lambda _: "yes") for _ in range(2)]
    ids = [[model.invoke("a").id, model.invoke("a").id, model.invoke("b").id] for model in runs]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("answer", [Vote(choice="yes", weight=2), {"choice": "yes", "weight": 2}])
def test_structured_answers(method, answer):
    model = ScriptedChatModel([answer] * 4)
    assert model.with_structured_output(Vote, method=method).invoke("a") == Vote(
        choice="yes", weight=2
    )
    raw = model.with_structured_output(Vote, method=method, include_raw=True).invoke("a")
    assert (raw["parsed"], raw["parsing_error"]) == (Vote(choice="yes", weight=2), None)
    as_dict = model.with_structured_output(Vote.model_json_schema(), method=method)
    assert as_dict.invoke("a") == {"choice": "yes", "weight": 2}
    streamed = list(model.with_structured_output(Vote, method=method).stream("a"))
    assert streamed[-1] == Vote(choice="yes", weight=2)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_malformed_structured_answers_fail_where_a_vendors_do(method):
    model = ScriptedChatModel([Malformed(), Malformed()])
    raw = model.with_structured_output(Vote, method=method, include_raw=True).invoke("a")
    assert raw["parsed"] is None
    if method == "json_schema":
        assert isinstance(raw["parsing_error"], OutputParserException)
        with pytest.raises(OutputParserException):
            model.with_structured_output(Vote, method=method).invoke("a")
    else:
        assert raw["raw"].invalid_tool_calls[0]["args"] == '{"unfinished": '


def test_a_refusal_and_an_error():
    model = ScriptedChatModel([Refusal("No."), TimeoutError("too slow"), ValueError])
    refused = model.invoke("a")
    assert (refused.text, refused.additional_kwargs["refusal"]) == ("", "No.")
    with pytest.raises(TimeoutError, match="too slow"):
        model.invoke("a")
    with pytest.raises(ValueError):  # noqa: PT011
        list(model.stream("a"))
    assert len(model.calls) == 3


def test_a_stream_that_breaks_off():
    model = ScriptedChatModel(
        [CutOff("one two three four"), CutOff("one two", ConnectionError("gone"))]
    )
    ended = list(model.stream("a"))
    assert "".join(chunk.text for chunk in ended) == "one two "
    assert not any(chunk.response_metadata.get("finish_reason") for chunk in ended)
    seen = []
    with pytest.raises(ConnectionError, match="gone"):
        seen.extend(chunk.text for chunk in model.stream("a"))
    whole = ScriptedChatModel([CutOff("one two three four")]).invoke("a")
    assert whole.response_metadata["finish_reason"] == "length"
    assert whole.text == "one two t"


def test_the_same_without_waiting_for_anyone():
    async def main() -> tuple[str, str]:
        model = ScriptedChatModel(["one", "two three"], latency=0.001)
        whole = await model.ainvoke("a")
        parts = [chunk.text async for chunk in model.astream("b")]
        return whole.text, "|".join(parts)

    assert asyncio.run(main()) == ("one", "two |three|")


@pytest.mark.parametrize("by_key", [True, False])
def test_calls_side_by_side_get_the_same_answers_in_every_run(by_key):
    names = [f"Agent-{number}" for number in range(8)]

    def run() -> dict[str, list[str]]:
        script = {name: [f"{name} first", f"{name} second"] for name in names}
        key = (lambda messages: messages[0].text.split()[0]) if by_key else None
        model = ScriptedChatModel(script, key=key, latency=0.002)

        @task
        def ask(name: str, turn: int) -> str:
            return model.invoke(f"{name} speaks, turn {turn}").text

        @entrypoint()
        def debate(_: Any) -> dict[str, list[str]]:
            said: dict[str, list[str]] = {name: [] for name in names}
            for turn in range(2):
                for name, future in [(name, ask(name, turn)) for name in names]:
                    said[name].append(future.result())
            return said

        (update,) = (u["debate"] for u in debate.stream("begin") if "debate" in u)
        return update

    first, second = run(), run()
    assert first == second == {name: [f"{name} first", f"{name} second"] for name in names}


def test_a_prompt_that_the_script_does_not_name():
    with pytest.raises(ScriptEndedError, match="No answer is scripted for 'Who is it"):
        ScriptedChatModel({"Ada": "yes"}).invoke("Who is it?")


def test_latency_is_the_time_an_answer_takes():
    begun = time.monotonic()
    list(ScriptedChatModel(["one two three"], latency=0.05).stream("a"))
    assert 0.05 <= time.monotonic() - begun < 2


def test_tokens_reach_the_stream_of_a_graph():
    model = ScriptedChatModel(["one two"])
    builder = StateGraph(State)
    builder.add_node("speak", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_edge(START, "speak")
    graph = builder.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}
    chunks = list(graph.stream({"messages": [("user", "hi")]}, config, stream_mode="messages"))
    assert "|".join(chunk.text for chunk, _ in chunks) == "one |two|"
    assert model.calls[0].streamed


@tool
def weather(city: str) -> str:
    """The weather."""
    return f"{city}: rain"


def test_an_agent_calls_tools_as_the_script_says():
    model = ScriptedChatModel([calls("weather", city="Oslo"), "It rains."])
    agent = create_agent(model, [weather])
    updates = list(agent.stream({"messages": [("user", "Oslo?")]}, stream_mode="updates"))
    assert [next(iter(update)) for update in updates] == ["model", "tools", "model"]
    assert model.calls[1].messages[-1].text == "Oslo: rain"
    assert model.calls[0].tools == ("weather",)


@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy])
def test_an_agent_gets_its_structured_answer(strategy):
    model = ScriptedChatModel([Vote(choice="no")])
    agent = create_agent(model, [weather], response_format=strategy(Vote))
    *_, values = agent.stream({"messages": [("user", "?")]}, stream_mode="values")
    assert values["structured_response"] == Vote(choice="no")
