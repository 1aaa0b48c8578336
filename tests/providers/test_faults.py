"""What every vendor's faults come to: another attempt, a pause for the user, or the end of the call."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime

import pytest

from tests.providers.conftest import KEY, KEYS, Bench, StillClock
from tests.providers.test_answers import GOOD, SPEECH, Proposals
from virtual_agora.errors import PermanentProviderError, ProviderAccessError, ProviderError
from virtual_agora.providers.calls import CallPolicy


def fails(bench: Bench, expected: type[ProviderError], **options: object) -> ProviderError:
    """Ask, be refused as expected, and check that the refusal gives no key away."""
    with pytest.raises(expected) as caught:
        bench.ask(**options)  # type: ignore[arg-type]
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in repr(bench.events)
    assert bench.kinds()[-1] == "CallFailed"
    assert (caught.value.provider, caught.value.model) == (bench.provider, bench.model)
    return caught.value


class TestPassing:
    """Faults that another attempt gets over."""

    def test_rate_limit_is_waited_out_for_as_long_as_was_asked(self, bench: Bench) -> None:
        bench.server.rate_limit(times=2, retry_after=7)
        bench.says(SPEECH)
        result = bench.ask()
        assert result["text"] == SPEECH
        assert result["attempts"] == len(bench.sent()) == 3
        assert len(bench.clock.slept) == 2
        assert all(7 <= wait <= 7.5 for wait in bench.clock.slept)
        assert [retry.wait for retry in bench.retries()] == bench.clock.slept
        assert [retry.attempt for retry in bench.retries()] == [1, 2]
        assert "limiting the rate" in bench.retries()[0].reason

    def test_server_error(self, bench: Bench) -> None:
        bench.server.fail(500)
        bench.says(SPEECH)
        assert bench.ask()["text"] == SPEECH
        assert len(bench.sent()) == 2

    def test_server_error_in_a_structured_call(self, bench: Bench) -> None:
        bench.server.fail(503, retry_after=2)
        bench.says(GOOD)
        result = bench.ask(Proposals)
        assert result["data"] == json.loads(GOOD)
        assert (result["attempts"], result["repairs"]) == (2, 0)
        assert 2 <= bench.clock.slept[0] <= 2.5

    def test_connection_lost_in_the_middle(self, bench: Bench) -> None:
        bench.server.disconnect(after_chunks=4)
        self.second_attempt_is_whole(bench)

    def test_stream_that_just_ends(self, bench: Bench) -> None:
        bench.server.truncate(after_chunks=4)
        self.second_attempt_is_whole(bench)
        assert "broke off before the end" in bench.retries()[0].reason

    def test_stream_that_ends_before_it_begins(self, bench: Bench) -> None:
        bench.server.truncate(after_chunks=0)
        self.second_attempt_is_whole(bench)

    def test_structured_answer_that_loses_its_end(self, bench_for: Callable[[str], Bench]) -> None:
        bench = bench_for("ollama")  # the one vendor whose structured answers are streamed too
        bench.server.truncate(after_chunks=2)
        bench.says(GOOD, times=2)
        result = bench.ask(Proposals)
        assert result["data"] == json.loads(GOOD)
        assert (result["attempts"], result["repairs"]) == (2, 0)

    def test_chunk_that_is_no_json(self, bench: Bench) -> None:
        bench.server.corrupt(after_chunks=4)
        self.second_attempt_is_whole(bench)
        assert "could not be understood" in bench.retries()[0].reason

    @pytest.mark.parametrize(("schema", "answer"), [(None, SPEECH), (Proposals, GOOD)])
    def test_silence_beyond_the_timeout(
        self, bench: Bench, schema: type[Proposals] | None, answer: str
    ) -> None:
        bench.server.delay(1.0)
        bench.says(answer, times=3)
        assert bench.ask(schema, timeout=0.4)["text"] == answer
        assert len(bench.sent()) > 1
        assert "did not answer in time" in bench.retries()[0].reason

    def second_attempt_is_whole(self, bench: Bench) -> None:
        bench.says(SPEECH, times=2)
        result = bench.ask()
        assert result["text"] == SPEECH
        assert result["attempts"] == len(bench.sent()) == 2
        after = bench.events.index(bench.retries()[0])
        bench.events = bench.events[after:]
        assert "".join(bench.tokens()) == SPEECH, "what streamed before the retry is void"

    def test_attempts_come_to_an_end(self, bench: Bench) -> None:
        bench.server.fail(500, times=9)
        error = fails(bench, PermanentProviderError)
        assert "Given up after 3 attempts" in error.message
        assert len(bench.sent()) == 3, "the SDK itself must not try again"

    def test_one_attempt_is_one_request(self, bench: Bench) -> None:
        bench.server.rate_limit(times=9, retry_after=0)
        fails(bench, PermanentProviderError, policy=CallPolicy(attempts=1))
        assert len(bench.sent()) == 1


class TestAccess:
    """Faults that only the user can do something about."""

    def test_key_refused(self, bench: Bench) -> None:
        bench.server.fail(401, message=f"Incorrect API key provided: {KEY}", times=9)
        error = fails(bench, ProviderAccessError)
        assert "refused the key" in error.message
        assert "_API_KEY" in error.hint
        assert len(bench.sent()) == 1

    def test_key_refused_that_was_replaced_meanwhile(
        self, bench_for: Callable[[str], Bench], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench = bench_for("openai")
        bench.server.fail(401, message=f"Incorrect API key provided: {KEY}", times=9)

        def replace_it() -> bool:
            for name in KEYS:
                monkeypatch.setenv(name, "sk-another-9876543210")
            return False

        bench.stopping = replace_it  # is asked when the client is made, and before it sends
        assert "[OPENAI_API_KEY]" in fails(bench, ProviderAccessError).message

    def test_quota_used_up(self, bench: Bench) -> None:
        bench.server.fail(
            429, code="insufficient_quota", message="You exceeded your quota", times=9
        )
        error = fails(bench, ProviderAccessError)
        assert "quota is used up: You exceeded your quota" in error.message
        assert len(bench.sent()) == 1

    def test_payment_required(self, bench: Bench) -> None:
        bench.server.fail(402, times=9)
        assert "quota" in fails(bench, ProviderAccessError).message

    def test_wait_that_nobody_would_sit_through(self, bench: Bench) -> None:
        bench.server.rate_limit(times=9, retry_after=3600)
        assert "another 3600 seconds" in fails(bench, ProviderAccessError).message
        assert bench.clock.slept == []


class TestFinal:
    """Faults that no attempt would get over."""

    @pytest.mark.parametrize("status", [400, 404, 422])
    def test_request_refused(self, bench: Bench, status: int) -> None:
        bench.server.fail(status, message="No such model here.", times=9)
        error = fails(bench, PermanentProviderError)
        assert "refused the request: No such model here." in error.message
        assert "name of the model" in error.hint
        assert len(bench.sent()) == 1

    def test_request_refused_in_a_structured_call(self, bench: Bench) -> None:
        bench.server.fail(400, message="Schema too deep.", times=9)
        assert "Schema too deep." in fails(bench, PermanentProviderError, schema=Proposals).message

    def test_nobody_there(self, bench: Bench) -> None:
        bench.base_url = "http://127.0.0.1:9"
        error = fails(bench, PermanentProviderError)
        assert "cannot be reached" in error.message
        assert len(bench.clock.slept) == 2


class TestWaits:
    def waits(self, bench: Bench, **options: object) -> list[float]:
        bench.server.reset()
        bench.server.fail(500, times=9)
        bench.clock = StillClock()
        policy = CallPolicy(attempts=6, base_delay=1.0, max_delay=5.0)
        with pytest.raises(PermanentProviderError):
            bench.ask(policy=policy, **options)  # type: ignore[arg-type]
        return bench.clock.slept

    def test_they_grow_up_to_a_limit(self, bench_for: Callable[[str], Bench]) -> None:
        waits = self.waits(bench_for("ollama"))
        longest = [1, 2, 4, 5, 5]
        assert len(waits) == 5
        assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))

    def test_they_depend_on_seed_and_call_alone(self, bench_for: Callable[[str], Bench]) -> None:
        bench = bench_for("ollama")
        assert self.waits(bench) == self.waits(bench)
        assert self.waits(bench, seed=8) != self.waits(bench)
        assert self.waits(bench, call_id="call-2") != self.waits(bench)

    def test_retry_after_may_be_a_date(self, bench_for: Callable[[str], Bench]) -> None:
        bench = bench_for("ollama")
        date = format_datetime(bench.clock.now() + timedelta(seconds=30), usegmt=True)
        bench.server.fail(429, retry_after=date)  # type: ignore[arg-type]
        bench.says(SPEECH)
        bench.ask()
        assert 30 <= bench.clock.slept[0] <= 30.5

    @pytest.mark.parametrize(
        "wait",
        [
            "soon",
            "nan",
            "inf",
            "1e400",
            "-7",
            "Wed, 21 Oct 99999999999 07:28:00 GMT",
        ],
    )
    def test_retry_after_that_makes_no_sense_is_passed_over(
        self, bench_for: Callable[[str], Bench], wait: str
    ) -> None:
        bench = bench_for("ollama")
        bench.server.fail(429, retry_after=wait)  # type: ignore[arg-type]
        bench.says(SPEECH)
        bench.ask()
        assert 0.25 <= bench.clock.slept[0] <= 0.5
