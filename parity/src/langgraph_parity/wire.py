"""An OpenAI-compatible server in a process of its own, for applications that use real SDKs.

    with Wire(tmp_path / "requests.jsonl") as wire:
        model = ChatOpenAI(model="anything", base_url=wire.base_url, api_key="none")

It answers anything; the log says what it was asked, and outlives any client. So a test can kill its client at
any moment and count what was asked again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["Wire"]

Rule = Mapping[str, Any]

PATIENCE = 0.5
"""Seconds that the log is given to catch up; requests that hang do not end at all."""


class Wire:
    """The server, for the length of a `with` block.

    `rules` are tried in order; the first that fits answers. A rule has conditions (`model`, with `*`; `prompt`, a
    regular expression; `kind`: `text`, `schema` or `tools`), an `answer` (text, an object for a schema, or
    `{"tool_calls": [{"name", "arguments"}]}`), and may have `times`. `answer` is a function at the top
    of an importable module, or its `"module:name"`: given the request's body it returns such an answer, or
    None. What neither answers is answered from the request: text that is the same for the same request, a
    value that fits the JSON schema, or the tool that must be called.

    Faults go by the model's name (`FAULTS` in `wire_server`), or by `fail`. `latency` is in seconds an answer.
    """

    def __init__(
        self,
        log: Path,
        *,
        rules: Sequence[Rule] = (),
        answer: Callable[[dict[str, Any]], Any] | str | None = None,
        latency: float = 0.0,
    ) -> None:
        self.log = log
        self.rules = rules
        self.answer = answer if isinstance(answer, str | None) else _path(answer)
        self.latency = latency
        self.base_url = ""

    def __enter__(self) -> Wire:
        self.log.touch()
        command = [sys.executable, "-m", "langgraph_parity.wire_server", "--log", str(self.log)]
        command += ["--latency", str(self.latency), "--rules", json.dumps(list(self.rules))]
        command += ["--answer", self.answer] if self.answer else []
        paths = [path or os.getcwd() for path in sys.path]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        if not port:
            self._stop()
            raise RuntimeError("The wire did not start; what it said is on stderr.")
        self.base_url = f"http://127.0.0.1:{port}/v1"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        self._process.communicate()

    # -- what it is to do ------------------------------------------------------------------------------

    def fail(
        self,
        how: str,
        *,
        model: str = "*",
        prompt: str = "",
        times: int | None = None,
        **details: Any,
    ) -> None:
        """From here on, fail requests to `model` (with `*`) whose prompt matches `prompt` (a regular expression).

        `how` is one of `status` (details: `status`, `code`, `headers`), `hang` (`seconds`), `malformed`, `off-form`,
        `refusal`, `cut-off` (the stream just ends) and `reset` (the connection breaks off). `times` is the
        number of requests that fail; None: all.
        """
        fault = {"how": how, "model": model, "prompt": prompt, "times": times, **details}
        self._control("faults", fault)

    def mend(self) -> None:
        """From here on everything is answered, whatever the model's name."""
        self._control("mend", {})

    def _control(self, what: str, content: dict[str, Any]) -> None:
        url = self.base_url.removesuffix("/v1") + f"/control/{what}"
        request = urllib.request.Request(url, json.dumps(content).encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(request, timeout=10).close()

    # -- what it was asked -----------------------------------------------------------------------------

    def received(self) -> list[dict[str, Any]]:
        """The requests that came in, in order: `request` (a number), `sha256`, `model`, `body`."""
        return [line for line in self._lines() if line["event"] == "received"]

    def answered(self) -> list[dict[str, Any]]:
        """The requests whose answer went out whole, in the order in which that was done."""
        return [line for line in self._settled() if line["event"] == "answered"]

    def asked_again(self) -> list[dict[str, Any]]:
        """The requests that came in when the very same one had been answered: calls paid for twice."""
        done: set[str] = set()
        again = []
        for line in self._settled():
            if line["event"] == "answered":
                done.add(line["sha256"])
            elif line["event"] == "received" and line["sha256"] in done:
                again.append(line)
        return again

    def _settled(self) -> list[dict[str, Any]]:
        """The log, once it also says how every request ended; a client can be faster than the log."""
        until = time.monotonic() + PATIENCE
        while True:
            lines = list(self._lines())
            going_on = sum(1 if line["event"] == "received" else -1 for line in lines)
            if not going_on or time.monotonic() > until:
                return lines
            time.sleep(0.005)

    def _lines(self) -> Iterator[dict[str, Any]]:
        for line in self.log.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def _path(function: Callable[..., Any]) -> str:
    if "<" in function.__qualname__ or function.__module__ == "__main__":
        raise ValueError("The server imports `answer`: give it a function at the top of a module.")
    return f"{function.__module__}:{function.__qualname__}"
