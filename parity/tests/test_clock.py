"""The clock by itself, and in the place of the real one."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from langgraph_parity.clock import BEGIN, ForwardClock

APPLICATION = """
import datetime as dt
import time
from datetime import date, datetime, timezone
from time import sleep, time as seconds

def look():
    return {
        "now": datetime.now(timezone.utc), "naive": datetime.utcnow(), "today": date.today(),
        "module": dt.datetime.now(dt.timezone.utc), "time": time.time(), "seconds": seconds(),
        "made": datetime(2020, 1, 1), "parsed": datetime.fromisoformat("2020-01-01"),
        "is": isinstance(datetime.now(), datetime), "delta": dt.timedelta(1),
    }

def rest():
    sleep(3600)
    time.sleep(1800)
"""


@pytest.fixture
def application(tmp_path, monkeypatch):
    (tmp_path / "clocked_app.py").write_text(APPLICATION)
    monkeypatch.syspath_prepend(tmp_path)
    import clocked_app

    yield clocked_app
    del sys.modules["clocked_app"]


def test_it_stands_still_until_somebody_moves_it():
    clock = ForwardClock()
    assert clock.now() == clock.now() == BEGIN
    clock.sleep(90)
    assert clock.now() - BEGIN == timedelta(seconds=90)
    assert clock.time() - BEGIN.timestamp() == clock.monotonic() == 90
    assert clock.slept == [90]


def test_every_look_can_take_a_step():
    clock = ForwardClock(step=1)
    looks = [clock.now() for _ in range(3)]
    assert looks == sorted(set(looks))


def test_it_never_goes_back():
    clock = ForwardClock()
    with pytest.raises(ValueError, match="only moves forward"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="time zone"):
        ForwardClock(datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="step"):
        ForwardClock(step=-1)


def test_no_step_is_lost_between_threads():
    clock = ForwardClock(step=1)
    threads = [threading.Thread(target=lambda: [clock.now() for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.monotonic() == 2001


def test_async_code_sleeps_on_it_too():
    clock = ForwardClock()
    asyncio.run(clock.asleep(600))
    assert clock.now() == BEGIN + timedelta(minutes=10)


def test_it_can_stand_for_the_time_of_a_package(application):
    clock = ForwardClock()
    begun = time.monotonic()
    with clock.installed("clocked_app"):
        application.rest()
        seen = application.look()
    at = BEGIN + timedelta(seconds=5400)
    assert seen["now"] == seen["module"] == at
    assert seen["naive"] == at.replace(tzinfo=None)
    assert seen["time"] == seen["seconds"] == at.timestamp()
    assert seen["today"] == at.astimezone().date()
    assert seen["made"] == seen["parsed"] == datetime(2020, 1, 1)
    assert type(seen["now"]) is datetime
    assert seen["is"]
    assert time.monotonic() - begun < 60


def test_afterwards_the_real_time_is_back(application):
    with ForwardClock().installed("clocked_app"):
        pass
    assert abs(application.look()["now"] - datetime.now(UTC)) < timedelta(minutes=1)
    assert application.datetime is datetime
    assert application.time is time
    assert application.timezone is timezone


def test_other_modules_keep_the_real_time(application):
    with ForwardClock().installed("clocked_app"):
        assert datetime.now(UTC) > BEGIN + timedelta(days=1)
    with pytest.raises(ValueError, match="packages"), ForwardClock().installed():
        pass
