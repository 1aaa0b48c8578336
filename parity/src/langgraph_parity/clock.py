"""A clock that a test moves, and that only moves forward."""

from __future__ import annotations

import asyncio
import datetime as real
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

__all__ = ["ForwardClock"]

BEGIN = real.datetime(2026, 1, 1, tzinfo=real.UTC)


class ForwardClock:
    """Time as a test has it; safe to use from several threads.

    Hand it to an application that takes a clock. For one that does not, `installed("app")` puts it in the place of
    `time` and `datetime` in the modules of the package `app`. `step` seconds pass at every look (0: time
    stands still until somebody sleeps or moves it); `slept` has every sleep, in seconds.
    """

    def __init__(self, begin: real.datetime = BEGIN, *, step: float = 0.0) -> None:
        if begin.tzinfo is None or step < 0:
            raise ValueError(
                "A clock begins at a time with a time zone, and its step is not negative."
            )
        self._begin = begin
        self._passed = 0.0
        self._lock = threading.Lock()
        self.step = step
        self.slept: list[float] = []

    def advance(self, seconds: float) -> float:
        """Let time pass; how much has passed since the beginning, in seconds."""
        if seconds < 0:
            raise ValueError(
                "This clock only moves forward: SQLite, checkpoints and ids count on that."
            )
        with self._lock:
            self._passed += seconds
            return self._passed

    def now(self, tz: real.tzinfo | None = real.UTC) -> real.datetime:
        """The time of day, in `tz`."""
        passed = real.timedelta(seconds=self.advance(self.step))
        return (self._begin + passed).astimezone(tz)

    def time(self) -> float:
        """Seconds since 1970."""
        return self._begin.timestamp() + self.advance(self.step)

    def time_ns(self) -> int:
        """Nanoseconds since 1970."""
        return int(self.time() * 1e9)

    def monotonic(self) -> float:
        """Seconds since the clock began."""
        return self.advance(self.step)

    perf_counter = monotonic

    def sleep(self, seconds: float) -> None:
        """Let that time pass at once."""
        self.advance(seconds)
        self.slept.append(seconds)

    async def asleep(self, seconds: float) -> None:
        """Let that time pass at once, and other tasks run."""
        self.sleep(seconds)
        await asyncio.sleep(0)

    @contextmanager
    def installed(self, *packages: str) -> Iterator[ForwardClock]:
        """Replace the time in the modules of these packages.

        Replaced are names of modules that are loaded already: `time`, `datetime`, and what was imported from
        them. Libraries keep the real time, so that timeouts, threads and event loops work. Not replaced are
        imports inside functions, values bound elsewhere (default arguments, `default_factory`), SQLite's own
        time, and the ids and stamps that LangGraph gives its checkpoints. Where those matter, use time-machine.
        """
        if not packages:
            raise ValueError("Name the application's packages, e.g. installed('app').")
        stand_ins = self._stand_ins()
        found = [
            (module, name, stand_ins[id(value)])
            for module in list(sys.modules.values())
            if isinstance(module, ModuleType) and _is_in(module.__name__, packages)
            for name, value in list(vars(module).items())
            if id(value) in stand_ins
        ]
        patches = [patch.object(module, name, new) for module, name, new in found]
        for one in patches:
            one.start()
        try:
            yield self
        finally:
            for one in patches:
                one.stop()

    def _stand_ins(self) -> dict[int, Any]:
        """What stands for what, by the id of the real thing."""
        names = ("time", "time_ns", "monotonic", "perf_counter", "sleep")
        functions = {name: getattr(self, name) for name in names}
        datetime, date = _datetime(self), _date(self)
        modules = {
            id(time): SimpleNamespace(**{**vars(time), **functions}),
            id(real): SimpleNamespace(**{**vars(real), "datetime": datetime, "date": date}),
        }
        return {
            **modules,
            **{id(getattr(time, name)): functions[name] for name in names},
            id(real.datetime): datetime,
            id(real.date): date,
        }


def _is_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


class _Like(type):
    """Classes that stand for a real one: its instances are theirs, and calling them makes such an instance."""

    real: type

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.real)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.real)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls.real(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.real, name)


def _datetime(clock: ForwardClock) -> type:
    def now(tz: real.tzinfo | None = None) -> real.datetime:
        return clock.now(tz) if tz else clock.now(None).replace(tzinfo=None)

    def utcnow() -> real.datetime:
        return clock.now().replace(tzinfo=None)

    ways = {"now": now, "today": now, "utcnow": utcnow}
    return _Like("datetime", (), {"real": real.datetime, **_static(ways)})


def _date(clock: ForwardClock) -> type:
    ways = {"today": lambda: clock.now(None).date()}
    return _Like("date", (), {"real": real.date, **_static(ways)})


def _static(ways: dict[str, Any]) -> dict[str, Any]:
    return {name: staticmethod(way) for name, way in ways.items()}
