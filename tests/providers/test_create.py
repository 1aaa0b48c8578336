"""Making a model, and the sentences for every reason why it cannot be made."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Callable

import pytest
from langchain_core.language_models import BaseChatModel

from tests.providers.conftest import KEY, SERVED, Bench
from virtual_agora import providers
from virtual_agora.errors import ConfigurationError, MissingExtraError, MissingKeyError
from virtual_agora.providers import VENDORS, check_provider, create_provider, missing_key
from virtual_agora.providers.create import require_extra
from virtual_agora.providers.redaction import redact

NEEDS_A_KEY = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "google": "GOOGLE_API_KEY",
    "grok": "XAI_API_KEY",
}


def run_python(code: str) -> str:
    """What `code` prints in an interpreter of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    ).stdout


SECRETIVE = [
    "https://user:s3cret@example.org/v1",
    "user:s3cret@example.org/v1",
    "https://example.org/v1?api_key=s3cret",
    "https://example.org/v1#s3cret",
]


class TestNames:
    @pytest.mark.parametrize("name", [*VENDORS, "OpenAI", " ANTHROPIC ", "xAI"])
    def test_they_are_known_in_any_case(self, name: str) -> None:
        vendor = check_provider(name)
        assert vendor is VENDORS[vendor.name]

    def test_xai_is_grok(self) -> None:
        assert check_provider("xai") is VENDORS["grok"]

    @pytest.mark.parametrize(
        ("wrong", "right"),
        [("opneai", "openai"), ("antropic", "anthropic"), ("ollma", "ollama"), ("gork", "grok")],
    )
    def test_misspelt(self, wrong: str, right: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            create_provider(wrong, "some-model")
        assert f"“{wrong}”" in caught.value.message
        assert f"“{right}”" in caught.value.hint

    def test_unlike_any(self) -> None:
        with pytest.raises(ConfigurationError, match="Choose one of openai, anthropic, google"):
            check_provider("skynet")


class TestKeys:
    @pytest.mark.parametrize(("provider", "variable"), NEEDS_A_KEY.items())
    def test_missing(self, monkeypatch: pytest.MonkeyPatch, provider: str, variable: str) -> None:
        monkeypatch.delenv(variable)
        assert missing_key(provider) == variable
        with pytest.raises(MissingKeyError) as caught:
            create_provider(provider, "some-model")
        assert variable in caught.value.message
        assert variable in caught.value.hint
        assert ".env" in caught.value.hint

    @pytest.mark.parametrize(("provider", "variable"), NEEDS_A_KEY.items())
    def test_blank_is_missing(
        self, monkeypatch: pytest.MonkeyPatch, provider: str, variable: str
    ) -> None:
        monkeypatch.setenv(variable, "  \n")
        assert missing_key(provider) == variable

    @pytest.mark.parametrize(
        ("provider", "proper", "other"),
        [
            ("google", "GOOGLE_API_KEY", "GEMINI_API_KEY"),
            ("grok", "XAI_API_KEY", "GROK_API_KEY"),
        ],
    )
    def test_other_names(
        self, monkeypatch: pytest.MonkeyPatch, provider: str, proper: str, other: str
    ) -> None:
        monkeypatch.delenv(proper)
        monkeypatch.setenv(other, KEY)
        assert missing_key(provider) is None
        assert create_provider(provider, "some-model")

    @pytest.mark.parametrize("provider", ["ollama", "openai_compatible", "offline"])
    def test_not_needed(self, monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
        for variable in VENDORS[provider].keys:
            monkeypatch.delenv(variable)
        assert missing_key(provider) is None

    @pytest.mark.parametrize("provider", [*NEEDS_A_KEY, "openai_compatible"])
    def test_a_server_of_ones_own_may_want_none(
        self, monkeypatch: pytest.MonkeyPatch, bench_for: Callable[[str], Bench], provider: str
    ) -> None:
        for variable in VENDORS[provider].keys:
            monkeypatch.delenv(variable, raising=False)
        bench = bench_for(provider)
        bench.says("Come in.")
        assert bench.ask()["text"] == "Come in."

    def test_a_stray_line_end_does_no_harm(
        self, monkeypatch: pytest.MonkeyPatch, bench_for: Callable[[str], Bench]
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
        bench = bench_for("openai")
        bench.says("Come in.")
        assert bench.ask()["text"] == "Come in."

    def test_redaction_takes_out_whole_keys_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GROK_API_KEY", "xai-another-key")
        monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", "none")
        said = redact(f"none of {KEY} and xai-another-key")
        assert said == "none of [OPENAI_API_KEY] and [GROK_API_KEY]"


class TestIntegrations:
    @pytest.mark.parametrize("provider", SERVED)
    def test_missing(self, monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
        vendor = VENDORS[provider]
        monkeypatch.setitem(sys.modules, vendor.module, None)
        with pytest.raises(MissingExtraError) as caught:
            create_provider(provider, "some-model", base_url="http://127.0.0.1:9")
        assert caught.value.message == f"{vendor.label} needs an integration that is not installed."
        assert caught.value.hint == f"Install it with: pip install 'virtual-agora[{vendor.extra}]'"

    @pytest.mark.parametrize("provider", VENDORS)
    def test_looked_for_before_it_is_needed(
        self, monkeypatch: pytest.MonkeyPatch, provider: str
    ) -> None:
        require_extra(provider)
        monkeypatch.setitem(sys.modules, VENDORS[provider].module, None)
        with pytest.raises(MissingExtraError, match="not installed"):
            require_extra(provider)

    def test_broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "langchain_ollama", raising=False)
        monkeypatch.delitem(sys.modules, "langchain_ollama.chat_models", raising=False)
        monkeypatch.setitem(sys.modules, "ollama", None)
        with pytest.raises(MissingExtraError, match=r"cannot be imported: .*ollama"):
            create_provider("ollama", "llama3.2")

    def test_none_is_imported_before_it_is_used(self) -> None:
        loaded = run_python(
            "import sys, virtual_agora, virtual_agora.providers\n"
            "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
        ).split()
        unwanted = {vendor.module for vendor in VENDORS.values() if vendor.extra} | {
            "anthropic",
            "genai_prices",
            "google",
            "httpx",
            "langchain_core",
            "langgraph",
            "ollama",
            "openai",
            "pydantic",
        }
        assert "virtual_agora" in loaded
        assert unwanted.isdisjoint(loaded)

    def test_only_the_one_in_use_is_imported(self) -> None:
        loaded = run_python(
            "import sys\nfrom virtual_agora.providers import create_provider\n"
            "create_provider('ollama', 'llama3.2')\nprint(*sys.modules)"
        ).split()
        assert "langchain_ollama" in loaded
        assert {"openai", "anthropic", "google.genai"}.isdisjoint(loaded)


class TestSettings:
    def test_a_compatible_server_must_be_named(self) -> None:
        with pytest.raises(ConfigurationError, match="Add `base_url`"):
            create_provider("openai_compatible", "some-model")

    @pytest.mark.parametrize("address", ["localhost:8000", "ftp://example.org", "my server"])
    def test_an_address_must_be_whole(self, address: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            create_provider("openai", "some-model", base_url=address)
        assert f"“{address}”" in caught.value.message

    @pytest.mark.parametrize("address", SECRETIVE)
    def test_an_address_holds_no_secret(self, address: str) -> None:
        with pytest.raises(
            ConfigurationError, match=r"a password or key belongs in .* \.env"
        ) as caught:
            create_provider("openai", "some-model", base_url=address)
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))

    @pytest.mark.parametrize(
        ("provider", "model"), [("openai", "gpt-6-luna"), ("anthropic", "claude-sonnet-5-5")]
    )
    def test_temperature_where_it_is_fixed(self, provider: str, model: str) -> None:
        with pytest.raises(ConfigurationError, match="Leave `temperature` out"):
            create_provider(provider, model, temperature=0.5)

    def test_compatible_servers_are_told_the_limit_by_its_old_name(
        self, bench_for: Callable[[str], Bench]
    ) -> None:
        bench = bench_for("openai_compatible")
        bench.says("Yes.")
        bench.ask(max_tokens=50)
        (body,) = bench.sent()
        assert body["max_tokens"] == 50
        assert "max_completion_tokens" not in body

    def test_offline_latency_comes_from_the_environment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VIRTUAL_AGORA_OFFLINE_LATENCY", "0.05")
        model = create_provider("offline", "scripted", persona="A beekeeper.", seed=3)
        assert isinstance(model, BaseChatModel)
        made = model.model_dump()
        assert (made["latency"], made["persona"], made["seed"]) == (0.05, "A beekeeper.", 3)
        monkeypatch.delenv("VIRTUAL_AGORA_OFFLINE_LATENCY")
        assert create_provider("offline", "scripted").model_dump()["latency"] is None

    @pytest.mark.parametrize("latency", ["fast", "-1", "nan", "inf"])
    def test_offline_latency_that_is_none(
        self, monkeypatch: pytest.MonkeyPatch, latency: str
    ) -> None:
        monkeypatch.setenv("VIRTUAL_AGORA_OFFLINE_LATENCY", latency)
        with pytest.raises(ConfigurationError, match=f"“{latency}”"):
            create_provider("offline", "scripted")


def test_every_vendor_has_what_the_table_promises() -> None:
    assert set(SERVED) | {"offline"} == set(VENDORS)
    for name, vendor in VENDORS.items():
        assert vendor.name == name
        assert not vendor.key_required or vendor.keys
        assert vendor.default_model or name == "openai_compatible"


def test_the_package_offers_what_it_says() -> None:
    assert sorted(providers.__all__) == providers.__all__
    assert all(hasattr(providers, name) for name in providers.__all__)
