"""A server that repeats the key it was sent: what is left of it, vendor by vendor and piece by piece."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from tests.providers.conftest import KEY, Bench
from virtual_agora.clock import Clock
from virtual_agora.errors import MalformedAnswerError, NodeExecutionError
from virtual_agora.execution.log import SessionLog
from virtual_agora.main import _tell_bug
from virtual_agora.providers.redaction import RedactedStream, redact, redacted

SECRET = "sk-p/lanted+7d1f0c9a4b"
FORMS = [
    SECRET,
    quote(SECRET, safe=""),
    base64.b64encode(SECRET.encode()).decode(),
    base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
]


class Said(BaseModel):
    word: str


class Strict(Said):
    model_config = ConfigDict(extra="forbid")


def test_an_answer_is_kept_and_streamed_without_the_key(bench: Bench) -> None:
    bench.says(f"I was called with {KEY}, and that is all.")
    result = bench.ask()
    assert "with [OPENAI_API_KEY], and" in result["text"]
    assert "".join(bench.tokens()) == result["text"]


def test_a_form_is_kept_without_the_key_however_it_is_written(bench: Bench) -> None:
    escaped = f"\\u{ord(KEY[0]):04x}{KEY[1:]}"
    bench.says(f'{{"word": "{KEY} and {escaped}"}}')
    result = bench.ask(Said)
    assert result["data"] == {"word": "[OPENAI_API_KEY] and [OPENAI_API_KEY]"}
    assert json.loads(result["text"]) == result["data"]


@pytest.mark.parametrize(
    "written",
    [
        SECRET.replace("/", r"\/"),
        r"\u0073k-p\u002Flanted+7d1f0c9a4b",
        r"sk\u002dp\/lanted+7d1f0c9a4\u0062",
    ],
)
def test_an_answer_off_form_is_kept_and_told_without_the_key_too(
    bench_for: Callable[[str], Bench], monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("XAI_API_KEY", SECRET)
    bench = bench_for("openai_compatible")
    bench.says(f'{{"word": "x", "{written}": "{written}"}}', times=3)
    with pytest.raises(MalformedAnswerError) as caught:
        bench.ask(Strict)
    assert caught.value.answer == '{"word": "x", "[XAI_API_KEY]": "[XAI_API_KEY]"}'
    said = f"{caught.value}{bench.events}"
    assert "[XAI_API_KEY]: Extra inputs" in said
    assert "lanted" not in said


def test_letters_that_json_must_escape_are_known_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAI_API_KEY", r'sk-"quoted"\and so on')
    assert redact(json.dumps(r'It is sk-"quoted"\and so on.')) == '"It is [XAI_API_KEY]."'


def test_the_arguments_of_a_tool_are_kept_without_the_key(
    bench_for: Callable[[str], Bench],
) -> None:
    bench = bench_for("openai")
    bench.model = "gpt-3.5-turbo"  # it does not decode by a schema
    bench.server.call_tool("Said", {"word": f"It is {KEY}."})
    result = bench.ask(Said)
    assert bench.sent()[0]["tools"]
    assert result["data"] == {"word": "It is [OPENAI_API_KEY]."}
    assert KEY not in result["text"]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_key_is_known(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setenv("XAI_API_KEY", SECRET)
    assert redact(f"<{form}>").rstrip("=>") == "<[XAI_API_KEY]"
    assert redacted({"a": [form, 1, None]}) == {"a": [redact(form), 1, None]}


@given(
    st.lists(st.sampled_from([*FORMS, SECRET[:9], SECRET[3:], "sk-", "words ", "k", "="])),
    st.randoms(use_true_random=False),
)
def test_a_key_in_pieces_is_known_however_it_is_cut(parts: list[str], random) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XAI_API_KEY", SECRET)
        text, stream, shown = "".join(parts), RedactedStream(), ""
        while text:
            cut = random.randint(1, 12)
            shown += stream.feed(text[:cut])
            text = text[cut:]
        shown += stream.close()
        assert shown == redact("".join(parts))


def test_a_trace_is_logged_and_shown_without_the_key(tmp_path, capsys) -> None:
    cause = ValueError(f"Illegal header value b'Bearer {KEY}\\n'")
    error = NodeExecutionError("opening_positions", cause, told=redact)
    error.__cause__ = cause
    with SessionLog(tmp_path / "logs", "s", Clock()) as log:
        log.failed(error)
    _tell_bug(ValueError, cause, None)
    written = (tmp_path / "logs" / "s.jsonl").read_text() + capsys.readouterr().err + str(error)
    assert written.count("Bearer [OPENAI_API_KEY]") >= 3
    assert KEY not in written
