"""A record of what an application did to the world, which outlives the application."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Effect", "Effects"]


@dataclass(frozen=True)
class Effect:
    """One thing done: `key` tells it from others of its name; `process` and `thread` did it."""

    name: str
    key: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    process: int = 0
    thread: int = 0


class Effects:
    """Effects in a file: one line each, appended in one write, so several threads and processes can share it.

    Call `record` where the effect is: in the double of the mail server, of the payment service, of the file
    store. After a crash, another process that opens the same file goes on in it. An effect that the
    application finished is in the file even when the process is killed right after.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.path.touch()

    def record(self, name: str, key: object = None, /, **data: Any) -> None:
        """Write an effect down. `data` is whatever JSON can say; the rest of it is kept as text."""
        line = {
            "name": name,
            "key": None if key is None else str(key),
            "data": data,
            "process": os.getpid(),
            "thread": threading.get_ident(),
        }
        raw = (json.dumps(line, ensure_ascii=False, default=str) + "\n").encode()
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            if os.write(handle, raw) != len(raw):
                raise OSError(f"{self.path}: the effect was not written whole.")
        finally:
            os.close(handle)

    def all(self, name: str | None = None) -> list[Effect]:
        """All effects, or those of a name, in the order in which they happened."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        found = [Effect(**json.loads(line)) for line in lines]
        return [effect for effect in found if name in (None, effect.name)]

    def count(self, name: str | None = None, key: object = None) -> int:
        """How often an effect happened; without `key` all of its name, without `name` all."""
        return sum(key is None or effect.key == str(key) for effect in self.all(name))

    def once_each(self, *names: str) -> None:
        """Every effect happened once (by name and key), and each of `names` did.

        Raises:
            AssertionError: says which did not, and how often they happened.
        """
        counts = Counter((effect.name, effect.key) for effect in self.all())
        wrong = [
            f"{name}{f' {key!r}' if key is not None else ''} happened {times} times"
            for (name, key), times in counts.items()
            if times > 1
        ]
        happened = {name for name, _ in counts}
        wrong += [f"{name} never happened" for name in names if name not in happened]
        if wrong:
            raise AssertionError("Not once each: " + "; ".join(wrong) + ".")
