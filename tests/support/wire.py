"""A server in a process of its own that speaks the vendors' APIs, answers anything and keeps a log of what it was asked.

    python -m tests.support.wire --port 0 --log requests.jsonl --latency 0.05

prints its port and serves chats until it is ended: OpenAI's at `/v1/chat/completions`, and those of `formats.py`. Free
text is streamed when the client asks for that; a request with a JSON schema gets an answer that fits it. Answers depend
on the request alone.

Some models misbehave, by their name (`wire_faults.py`, `wire_server.py`), until the file `<log>.mended` exists.

The log outlives any client: one JSON line for every request received, one more when its answer has been sent
in full, or when the client hung up before. So a test can kill its client at any moment and count what was asked
again. A request's line has its `messages`. `at_once` in it says how many requests for the same task, this one included, were in hand when the request
came, `at` the time on the machine's steady clock, and `client` the key, where that begins with `client-`: so several processes can be told apart.
The second line also has the `answer`'s fingerprint, and the time `until` which it was in hand. `Wire` runs all this.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.wire_server import TOGETHER, Server
from tests.support.wire_words import fingerprint

__all__ = ["ROOT", "TOGETHER", "Wire", "fingerprint"]

ROOT = Path(__file__).parents[2]


class Wire:
    """The server as a process of its own, for the length of a `with` block."""

    def __init__(self, log: Path, *, latency: float = 0.0, uneven: bool = False) -> None:
        self.log = log
        self.latency = latency
        self.uneven = uneven
        self.base_url = ""

    def __enter__(self) -> Wire:
        self.log.touch()
        command = [sys.executable, "-m", "tests.support.wire", "--log", str(self.log)]
        self._process = subprocess.Popen(
            [*command, "--latency", str(self.latency), *(["--uneven"] if self.uneven else [])],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.base_url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/v1"
        return self

    def __exit__(self, *raised: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def mend(self) -> None:
        """From here on every model behaves."""
        self.log.with_suffix(".mended").touch()

    def spoil(self) -> None:
        """From here on models misbehave again."""
        self.log.with_suffix(".mended").unlink()

    def received(self) -> list[dict[str, Any]]:
        """The requests that came in, in order."""
        return [line for line in self.lines() if line["event"] == "received"]

    def answered(self) -> list[dict[str, Any]]:
        """The requests whose answer went out whole, in the order in which that was done."""
        return [line for line in self.lines() if line["event"] == "answered"]

    def abandoned(self) -> list[dict[str, Any]]:
        """The requests whose client hung up in the middle of the answer."""
        return [line for line in self.lines() if line["event"] == "abandoned"]

    def lines(self) -> Iterator[dict[str, Any]]:
        """Everything in the log, in order."""
        for line in self.log.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--log", type=Path, required=True, help="where requests are written down")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds an answer takes")
    parser.add_argument(
        "--uneven", action="store_true", help="so long for the first in hand, twice for the second"
    )
    options = parser.parse_args()
    server = Server(options.port, options.log, options.latency)
    server.uneven = options.uneven
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
