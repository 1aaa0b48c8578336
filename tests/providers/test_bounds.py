"""No answer takes longer, or grows larger, than there is patience and room for; and no key is sent where one is led to."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import BaseModel
from reliability.fault_session import VENDOR_PATHS

from tests.providers.conftest import KEY, SERVED, Bench
from tests.providers.test_answers import Proposals
from tests.support.wire_server import Server
from virtual_agora.errors import PermanentProviderError
from virtual_agora.providers.bounds import ENDURANCE, TIMEOUTS, bound


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("wire")
    server = Server(0, folder / "log.jsonl", 0.0)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(params=SERVED)
def spoken_to(
    request: pytest.FixtureRequest, bench_for: Callable[[str], Bench], server: Server
) -> Bench:
    """Every vendor's integration, with the double for whole sessions at the far end."""
    bench = bench_for(request.param)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    bench.base_url = f"{address}/{VENDOR_PATHS[request.param]}"
    return bench


def fails(bench: Bench, schema: type[BaseModel] | None = Proposals, **options: float) -> str:
    """What is said of a call that fails for good, at the first attempt."""
    with pytest.raises(PermanentProviderError) as caught:
        bench.ask(schema, endurance=0.0, **options)
    assert bench.retries() == []
    assert KEY not in str(caught.value)
    return str(caught.value)


def test_a_server_that_dribbles_is_left_after_a_multiple_of_the_timeout(
    spoken_to: Bench, server: Server
) -> None:
    server.show("dribble", "", {""})
    # That of Grok has one client for forms and one for free text.
    for schema in (Proposals, None) if spoken_to.provider == "grok" else (Proposals,):
        began = time.monotonic()
        said = fails(spoken_to, schema, timeout=0.2)
        assert time.monotonic() - began >= 0.2 * TIMEOUTS
        assert "to the end of its answer within 1.2 seconds. Raise this agent's `timeout`" in said


@pytest.mark.parametrize("spoken_to", ["anthropic"], indirect=True)
def test_a_model_that_is_slow_but_never_silent_is_heard_to_its_end(
    spoken_to: Bench, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.show("", "", ())
    monkeypatch.setattr(server, "latency", 1.5)  # seconds, over all words of an answer
    assert TIMEOUTS * 0.2 < 1.5 < ENDURANCE
    assert spoken_to.ask(timeout=0.2)["text"].endswith("take it up.")


# The integrations use two HTTP libraries.
@pytest.mark.parametrize("spoken_to", ["anthropic", "google"], indirect=True)
@pytest.mark.parametrize("fault", ["dribbled headers", "endless early hints"])
def test_so_is_one_whose_answer_never_begins(spoken_to: Bench, server: Server, fault: str) -> None:
    server.show(fault, "", {""})
    assert "within 1.2 seconds" in fails(spoken_to, timeout=0.2)


def test_a_form_without_an_end_is_left_too(spoken_to: Bench, server: Server) -> None:
    server.show("endless", "", {""})
    for schema in (None, Proposals):
        assert re.search("did not come to (an|the) end", fails(spoken_to, schema))


def test_a_form_that_is_longer_than_any_model_writes_is_not_kept(
    spoken_to: Bench, server: Server
) -> None:
    server.show("5 MB", "", {""})
    assert "did not come to an end within 400,000 characters" in fails(spoken_to)


def test_an_answer_that_would_grow_when_it_is_unpacked_is_not_unpacked(
    spoken_to: Bench, server: Server
) -> None:
    server.show("compressed", "", {""})
    for schema in (None, Proposals):
        assert "sent a compressed answer although it was asked for" in fails(spoken_to, schema)


def test_no_key_is_sent_where_a_redirect_leads(spoken_to: Bench, server: Server) -> None:
    server.show("redirect", "", {""})
    before = server.log.read_text().count('"received"')
    for schema in (None, Proposals):
        said = fails(spoken_to, schema)
        assert "is not at this address: it redirects" in said
        assert "base_url" in said
    assert server.log.read_text().count('"received"') == before + 2


def test_models_that_share_a_client_bound_it_once_and_leave_its_other_hooks() -> None:
    class Model:
        client = httpx.Client(event_hooks={"response": [print]})

    for timeout in (1.0, 2.0):
        bound(Model(), "client", timeout=timeout, endurance=0.0)  # type: ignore[arg-type]
    (ours,) = Model.client.event_hooks["request"]
    assert ours.seconds == 2 * TIMEOUTS
    assert Model.client.event_hooks["response"][0] is print
    assert len(Model.client.event_hooks["response"]) == 2
    Model.client.close()
