"""Every vendor's real integration, with the far end of the wire replaced: llmock, or a double of Ollama."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Reply
from llmock.testing import LLMockServer
from pydantic import BaseModel

from tests.providers.ollama_double import OllamaDouble
from virtual_agora.clock import Clock
from virtual_agora.events import CallRetried, Event, Token
from virtual_agora.providers import create_provider
from virtual_agora.providers.calls import Caller, CallPolicy, CallResult, ModelCall, ModelRequest

KEY = "sk-test-0123456789abcdef"

KEYS = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GOOGLE_API_KEY",
    "XAI_API_KEY",
    "OLLAMA_API_KEY",
    "OPENAI_COMPATIBLE_API_KEY",
)

SERVED = {  # provider → a model of it, and llmock's name for the wire format
    "openai": ("gpt-6-luna", "openai"),
    "anthropic": ("claude-sonnet-5-5", "anthropic"),
    "google": ("gemini-3.8-flash", "gemini"),
    "grok": ("grok-4.3", "xai"),
    "ollama": ("llama3.2", ""),
    "openai_compatible": ("llama-3.3-70b", "groq"),
}


class StillClock(Clock):
    """Time that moves only when it is slept through, which takes none."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 11, 22, 12, 0, tzinfo=UTC) + timedelta(seconds=self.elapsed())

    def elapsed(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float, *_: object) -> None:
        self.slept.append(seconds)


@dataclass
class Bench:
    """One vendor to be asked, and the server that answers for it."""

    provider: str
    model: str
    base_url: str
    server: LLMock | OllamaDouble
    clock: StillClock = field(default_factory=StillClock)
    events: list[Event] = field(default_factory=list)
    stopping: Callable[[], bool] = lambda: False

    def ask(
        self,
        schema: type[BaseModel] | None = None,
        *,
        policy: CallPolicy | None = None,
        seed: int = 7,
        call_id: str = "call-1",
        request: ModelRequest | None = None,
        **options: Any,
    ) -> CallResult:
        """Make one call through the vendor's own integration. `options` go to `create_provider`."""
        asked = ModelRequest("statement", "You are brief.", "What do you say?", schema, "Bees", 2)
        model = create_provider(self.provider, self.model, base_url=self.base_url, **options)
        try:
            return ModelCall(
                model,
                request or asked,
                Caller(call_id, "participant-1", "participant", self.provider, self.model),
                policy=policy or CallPolicy(),
                clock=self.clock,
                emit=self.events.append,
                seed=seed,
                stopping=self.stopping,
            ).complete()
        finally:
            hang_up(self.provider, model)

    def says(self, text: str, *, finish: str = "stop", times: int = 1) -> None:
        """Queue what the model says next; `finish` is its finish reason in OpenAI's words."""
        if isinstance(self.server, LLMock):
            self.server.add(Reply(text=text, finish_reason=finish, times=times))
        else:
            self.server.reply(text, finish_reason=finish, times=times)

    def sent(self) -> list[dict[str, Any]]:
        """The bodies of all requests so far."""
        return [request.body for request in self.server.requests]

    def tokens(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Token)]

    def retries(self) -> list[CallRetried]:
        return [event for event in self.events if isinstance(event, CallRetried)]

    def kinds(self) -> list[str]:
        """The kinds of events, tokens in a row counted as one."""
        names = [type(event).__name__ for event in self.events]
        return [
            name for i, name in enumerate(names) if i == 0 or (name, names[i - 1]) != ("Token",) * 2
        ]


def hang_up(provider: str, model: Any) -> None:
    """Close the connections of integrations that leave it to the end of the process, which is a warning here."""
    if provider == "google":
        model.client.close()
    elif provider == "grok":
        model.client._client.close()
        model.root_client.close()
    elif provider == "ollama":
        model._client.close()


@pytest.fixture(scope="session")
def ollama_double() -> Iterator[OllamaDouble]:
    double = OllamaDouble()
    yield double
    double.stop()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Known keys, and nothing else that the SDKs would heed."""
    for name in ("GEMINI_API_KEY", "GROK_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in KEYS:
        monkeypatch.setenv(name, KEY)


@pytest.fixture
def bench_for(llmock_server: LLMockServer, ollama_double: OllamaDouble) -> Callable[[str], Bench]:
    """Makes the bench of one provider."""

    def make(provider: str) -> Bench:
        model, path = SERVED[provider]
        if not path:
            return Bench(provider, model, ollama_double.url, ollama_double.reset())
        llmock = LLMock(llmock_server).reset()
        return Bench(provider, model, llmock.base_url(path), llmock)

    return make


@pytest.fixture(params=SERVED)
def bench(request: pytest.FixtureRequest, bench_for: Callable[[str], Bench]) -> Bench:
    """Every provider that is reached over HTTP, in turn."""
    return bench_for(request.param)
