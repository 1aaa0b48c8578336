"""A session seen from outside, by a collector on loopback and the real command; and that nothing is sent unasked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from operator import itemgetter
from urllib.parse import urlsplit

import pytest
import yaml
from tests.conftest import THEME, TestClock, offline_config
from tests.support.collector import Collector
from tests.support.wire import Wire

from virtual_agora.errors import NodeExecutionError
from virtual_agora.execution.session import Agora
from virtual_agora.execution.telemetry import check_telemetry
from virtual_agora.hitl import default_answer

TOPIC = "Is it worth the hour?"
KEY = "sk-planted-4b1e77c2d9"
SCRIPTED = {"provider": "offline", "model": "scripted"}
SHORT = {"min_rounds": 1, "max_rounds": 1, "positions": "off", "seed": 7}
WATCH = """
import os, sys
def watch(event, args):
    where = {"socket.connect": args[1:2], "socket.sendto": args[1:2], "socket.getaddrinfo": [args[:2]]}
    if event in where:
        with open(os.environ["WATCHED"], "a") as file:
            print(*where[event], file=file)
sys.addaudithook(watch)
"""
"""Writes down every address that a process connects to or looks up."""


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("OTEL_", "LANGSMITH_", "LANGCHAIN_")):
            monkeypatch.delenv(name)


def carry_out(folder, *words, **settings):
    """The command in a process of its own, and what it connected to."""
    hook = folder / "hook"
    hook.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(WATCH)
    (folder / "connections").write_text("")
    watched = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(hook), os.environ.get("PYTHONPATH", "")])),
        "WATCHED": str(folder / "connections"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "virtual_agora.main", *words, "--data-dir", "data"],
        cwd=folder,
        env={**os.environ, **watched, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, set((folder / "connections").read_text().splitlines())


def whole(folder, agent, **settings):
    """A whole session of two such agents."""
    roles = dict.fromkeys(("moderator", "summarizer", "report_writer"), agent)
    config = {"agents": [{**agent, "count": 2}], **roles, "session": SHORT}
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    words = ("run", THEME, "--topic", TOPIC, "--yes", "--session", "s")
    return carry_out(folder, *words, **settings)


def to(collector):
    return {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.address}


def only(*addresses):
    """These addresses as `carry_out` gives them."""
    return {str((urlsplit(address).hostname, urlsplit(address).port)) for address in addresses}


# -- what is seen --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A session in two legs, with calls that are repaired and one that fails: what came of it, and what was sent."""
    folder = tmp_path_factory.mktemp("seen")
    with Wire(folder / "requests.jsonl") as wire, Collector() as collector:
        agent = {"provider": "openai", "base_url": wire.base_url, "model": "gpt-4o"}
        config = {
            "agents": [
                {**agent, "name": "Ada", "model": "off-form-once", "persona": "You bake at night."},
                {**agent, "name": "Bruno", "model": "500-on-statement"},
                {**agent, "name": "Celia"},
            ],
            **dict.fromkeys(("moderator", "summarizer", "report_writer"), agent),
            "session": {**SHORT, "checkpoint_interval": 1},
        }
        (folder / "config.yml").write_text(yaml.safe_dump(config))
        (folder / ".env").write_text(f"OPENAI_API_KEY={KEY}\n")
        asked = ("run", THEME, "--topic", TOPIC, "--session", "s")
        for words, code in ((asked, 3), (("resume", "s", "--yes"), 0)):
            done, connections = carry_out(folder, *words, **to(collector))
            assert (done.returncode, done.stderr) == (code, "")
            assert connections == only(wire.base_url, collector.address)
    state = json.loads((folder / "reports/session_s/session.json").read_text())
    log = (folder / "data/logs/s.jsonl").read_text().splitlines()
    return collector, state, [json.loads(line) for line in log]


def test_a_session_is_a_trace_of_legs_steps_and_calls(seen):
    collector, _, log = seen
    spans = {span.id: span for span in collector.spans()}
    assert len({span.trace for span in spans.values()}) == 1
    assert {span.service for span in spans.values()} == {"virtual-agora"}
    legs = [span for span in spans.values() if not span.above]
    assert [span.about["virtual_agora.outcome"] for span in legs] == ["waiting", "complete"]
    assert [span.about["virtual_agora.resumed"] for span in legs] == [False, True]
    assert {span.about["gen_ai.conversation.id"] for span in legs} == {"s"}
    below = [(spans[span.above], span) for span in spans.values() if span.above]
    for above, span in below:
        assert above.began <= span.began <= span.ended <= above.ended
        is_call = "gen_ai.operation.name" in span.about
        assert ("virtual_agora.step" in above.about) == is_call, span
    steps = [span for span in spans.values() if "virtual_agora.phase" in span.about]
    told = [line["node"] for line in log if line["event"] == "StepFinished"]
    assert Counter(span.name for span in steps) == Counter(told)
    calls = {(above.name, span.about.get("virtual_agora.task")) for above, span in below}
    # These steps run side by side, and each has its own calls below it.
    assert {
        ("topic_report_generation", "report_outline"),
        ("topic_report_generation", "report_section"),
        ("topic_summary_generation", "topic_summary"),
    } <= calls
    assert ("topic_summary_generation", "report_outline") not in calls


def test_the_spans_have_the_numbers_that_the_session_has(seen):
    collector, state, _ = seen
    found = {}
    for span in collector.spans():
        if span.about.get("gen_ai.operation.name") != "chat":
            continue
        about, model = span.about, f"openai/{span.about['gen_ai.request.model']}"
        assert (about["gen_ai.provider.name"], span.name) == ("openai", f"chat {model[7:]}")
        used = found.setdefault(model, dict.fromkeys(state["usage"][model], 0))
        used["calls"] += 1
        used["failed"] += not span.ok
        used["repaired"] += span.ok and about["virtual_agora.repairs"] > 0
        for name in ("input_tokens", "output_tokens"):
            used[name] += about[f"gen_ai.usage.{name}"]
        used["cached_tokens"] += about["gen_ai.usage.cache_read.input_tokens"]
        cost = about.get("virtual_agora.cost_usd")
        used["cost"] = None if cost is None or used["cost"] is None else used["cost"] + cost
    for model, used in state["usage"].items():
        del found[model]["prompt_chars"], used["prompt_chars"]
        assert found[model] == pytest.approx(used), model
    assert found["openai/gpt-4o"]["cost"] > 0
    assert found["openai/off-form-once"]["repaired"] > 0
    assert found.keys() == state["usage"].keys()


def test_a_call_says_how_often_it_was_made_again_and_how_it_failed(seen):
    collector, _, _ = seen
    spans = collector.spans()
    (failed,) = [span for span in spans if not span.ok]
    assert failed.about["error.type"] == "PermanentProviderError"
    assert failed.about["virtual_agora.task"] == "statement"
    assert failed.about["gen_ai.agent.name"] == "Bruno"
    assert failed.about["virtual_agora.attempts"] == 3
    again = [("TransientProviderError", 1), ("TransientProviderError", 2)]
    retried = itemgetter("error.type", "virtual_agora.attempt")
    assert [(name, *retried(about)) for name, about in failed.events] == [
        ("retry", *each) for each in again
    ]
    assert all(about["virtual_agora.wait_seconds"] > 0 for _, about in failed.events)
    repaired = [span for span in spans if span.about.get("virtual_agora.repairs")]
    for span in repaired:
        assert span.about["virtual_agora.attempts"] == 2
        assert [retried(about) for _, about in span.events] == [("MalformedAnswerError", 1)]


def test_the_pause_for_a_human_is_seen_in_both_legs(seen):
    collector, _, _ = seen
    asked, answered, *_ = [span for span in collector.spans() if span.name.startswith("pause ")]
    assert asked.name == answered.name
    assert "virtual_agora.answer" not in asked.about
    assert answered.about["virtual_agora.answer"]
    waiting = [span for span in collector.spans() if "virtual_agora.waiting" in span.about]
    assert waiting[0].ended <= asked.began


def test_nothing_that_was_said_and_no_key_is_in_what_was_sent(seen):
    collector, state, log = seen
    sent = collector.bytes()
    assert b"chat gpt-4o" in sent  # it can be searched
    texts = [message["content"] for message in state["messages"]]
    reasons = [line["reason"] for line in log if "reason" in line]
    assert texts
    assert reasons
    for text in (KEY, THEME, TOPIC, "You bake at night", "The task", *texts, *reasons):
        assert text.encode() not in sent
        assert text[:20].encode() not in sent


def test_a_step_that_fails_is_seen_with_the_type_of_its_error(tmp_path, monkeypatch):
    with Collector() as collector:
        for name, value in to(collector).items():
            monkeypatch.setenv(name, value)
        with Agora(tmp_path / "data") as agora:
            agora.create(
                offline_config(),
                reports_dir=tmp_path / "r",
                theme=THEME,
                session_id="s",
                topics=[TOPIC],
            )
            (tmp_path / "r").write_text("no folder")
            with pytest.raises(NodeExecutionError):
                agora.run_leg("s", default_answer)
    leg, step = [span for span in collector.spans() if not span.ok]
    assert (leg.name, leg.about["virtual_agora.outcome"]) == ("session", "failed")
    assert (step.name, step.about["error.type"]) == ("file_output", "StorageError")
    assert leg.about["error.type"] == "StorageError"
    assert str(tmp_path).encode() not in collector.bytes()


def test_sessions_at_once_have_a_trace_each_and_so_has_one_of_a_name_used_again(
    tmp_path, monkeypatch
):
    for name, value in to(collector := Collector()).items():
        monkeypatch.setenv(name, value)

    def hold(agora, names):
        about = {"reports_dir": tmp_path / "r", "theme": THEME, "topics": [TOPIC]}
        for name in names:
            agora.create(offline_config(**SHORT), session_id=name, **about)
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda name: agora.run_leg(name, default_answer), names))

    with collector:
        with Agora(tmp_path / "data", clock=TestClock()) as agora:
            hold(agora, ["one", "two"])
        with Agora(tmp_path / "elsewhere") as agora:
            hold(agora, ["one"])
    traces = defaultdict(list)
    for span in collector.spans():
        traces[span.trace].append(span)
    assert sorted(spans[0].about["gen_ai.conversation.id"] for spans in traces.values()) == [
        "one",
        "one",
        "two",
    ]
    for spans in traces.values():
        (leg,) = [span for span in spans if not span.above]
        assert leg.about["virtual_agora.outcome"] == "complete"
        assert {span.above for span in spans if "virtual_agora.phase" in span.about} == {leg.id}
    assert len({len(spans) for spans in traces.values()}) == 1


# -- what is not there ---------------------------------------------------------------------------------


def test_a_collector_that_hangs_neither_breaks_nor_holds_up_a_session(tmp_path):
    with Collector(hangs=True) as collector:
        # Long after the session's end the SDK would still be waiting; and it begins in the middle of it.
        patience = {"OTEL_EXPORTER_OTLP_TIMEOUT": "600", "OTEL_BSP_SCHEDULE_DELAY": "50"}
        done, _ = whole(tmp_path, SCRIPTED, **to(collector), **patience)
        ended = datetime.now(UTC)
        assert collector.received
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].endswith("index.md")
    (line,) = done.stderr.splitlines()
    assert f"the collector at {collector.address} did not take all spans" in line
    *_, last = map(json.loads, (tmp_path / "data/logs/s.jsonl").read_text().splitlines())
    assert last["event"] == "SessionFinished"
    assert (ended - datetime.fromisoformat(last["at"])).total_seconds() < 20


def test_a_collector_that_refuses_is_named_without_what_is_secret_in_its_address(
    tmp_path, monkeypatch, caplog
):
    with Collector(status=401) as collector:
        address = collector.address.replace("//", f"//me:{KEY}@")
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{address}/v1/traces")
        with Agora(tmp_path / "data") as agora:
            agora.create(offline_config(), reports_dir=tmp_path / "r", session_id="s")
            assert agora.run_leg("s").status == "waiting"
    (line,) = [record.message for record in caplog.records if record.name == "virtual_agora"]
    assert f"the collector at {collector.address} did not take all spans" in line
    assert KEY not in caplog.text


def test_spans_that_found_no_room_in_the_queue_are_spoken_of(tmp_path, monkeypatch, caplog):
    with Collector(hangs=True) as collector:
        small = {"OTEL_BSP_MAX_QUEUE_SIZE": "8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"}
        for name, value in (to(collector) | small).items():
            monkeypatch.setenv(name, value)
        with Agora(tmp_path / "data") as agora:
            about = {"reports_dir": tmp_path / "r", "theme": THEME, "topics": [TOPIC]}
            agora.create(offline_config(**SHORT), session_id="s", **about)
            assert agora.run_leg("s", default_answer).status == "complete"
            collector.ended.set()  # from here on it takes whatever comes
    assert 0 < len(collector.spans()) <= 4 + 8
    (line,) = [record.message for record in caplog.records if record.name == "virtual_agora"]
    assert "did not take all spans of this run; the session itself is saved." in line


def test_nothing_is_sent_anywhere_unasked(tmp_path):
    """Addresses and keys alone ask for nothing."""
    with Collector() as collector:
        addresses = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.address,
            "LANGSMITH_ENDPOINT": collector.address,
            "LANGSMITH_API_KEY": KEY,
        }
        done, connections = whole(tmp_path, SCRIPTED, **addresses)
        assert done.returncode == 0
        assert connections == set()
        assert not collector.received


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"},
        {"OTEL_TRACES_EXPORTER": ""},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"},
    ],
)
def test_it_is_off_where_nobody_asks_for_it(monkeypatch, settings):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert check_telemetry() == ()


@pytest.mark.parametrize(
    ("settings", "wrong", "hint"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "asks for “zipkin”", "Use otlp or console"),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "by the protocol “grpc”",
            "to http/protobuf",
        ),
    ],
)
def test_settings_that_make_no_sense_are_said_before_anything_begins(
    say, monkeypatch, settings, wrong, hint
):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    code, _, err = say("run", THEME, "--provider", "offline", "--yes", "--session", "s")
    assert code == 2
    assert wrong in err
    assert hint in err
    assert "s" not in say("sessions")[1].split()


def test_a_setting_that_the_sdk_refuses_is_said_and_the_session_waits(say, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "few")
    code, out, err = say("run", THEME, "--provider", "offline", "--yes", "--session", "s")
    assert code == 2
    assert "virtual-agora resume s" in out
    assert "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" in err


def test_spans_can_be_written_to_standard_error(say, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    code, _, err = say("run", THEME, "--provider", "offline")
    assert code == 3
    names = [json.loads(line)["name"] for line in err.splitlines()]
    assert names[-1] == "session"
    assert "agenda_voting" in names


def test_without_the_extra_it_says_what_to_install(say, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, "virtual_agora.execution.spans", None)
    code, _, err = say("run", THEME, "--provider", "offline", "--yes")
    assert code == 2
    assert "pip install 'virtual-agora[telemetry]'" in err


# -- LangSmith -----------------------------------------------------------------------------------------


def test_langsmith_receives_the_runs_by_its_own_settings_with_all_that_is_said(tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire, Collector() as collector:
        settings = {
            "OPENAI_API_KEY": KEY,
            "LANGSMITH_TRACING": "true",
            "LANGSMITH_ENDPOINT": collector.address,
            "LANGSMITH_API_KEY": "lsv2-for-langsmith",
            "LANGSMITH_DISABLE_RUN_COMPRESSION": "true",  # so that it can be read here
        }
        agent = {"provider": "openai", "base_url": wire.base_url, "model": "gpt-4o"}
        done, connections = whole(tmp_path, agent, **settings)
        assert connections == only(wire.base_url, collector.address)
    assert (done.returncode, done.stderr) == (0, "")
    runs = [sent for sent in collector.received if sent.path.startswith("/runs/")]
    assert {sent.headers["x-api-key"] for sent in runs} == {"lsv2-for-langsmith"}
    sent = collector.bytes()
    assert b'"name":"model_call"' in sent
    assert THEME.encode() in sent
    assert KEY.encode() not in sent
