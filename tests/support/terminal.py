"""The command in a terminal of its own, with keys and a screen."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

__all__ = ["COMMAND", "Terminal"]

COMMAND = [sys.executable, "-m", "virtual_agora.main"]


class Terminal:
    """`words` of the command line, run in `folder` with `env` added to the environment.

    `screen` is what was written since a key was last pressed, with all its escape sequences.
    """

    def __init__(self, folder: Path, *words: str, env: Mapping[str, str] | None = None) -> None:
        self.screen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests run under nohup
            os.environ.update({"TERM": "xterm-256color", **(env or {})})
            os.execv(COMMAND[0], [*COMMAND, *words])

    def until(self, text: str, seconds: float = 60) -> None:
        """Read until `text` is on the screen."""
        deadline = time.monotonic() + seconds
        while text not in self.screen:
            assert time.monotonic() < deadline, self.screen[-2000:]
            if not self._read():
                break
        assert text in self.screen, self.screen[-2000:]

    def press(self, keys: str) -> None:
        """Type, and forget what was written before."""
        self.screen = ""
        os.write(self.fd, keys.encode())

    def end(self, seconds: float = 60) -> int:
        """Wait for the end; the exit code, or minus the signal that ended it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._read()
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self._read()
                self.hang_up()
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(self.screen[-2000:])

    def hang_up(self) -> None:
        """Close the terminal, as a window is closed or a connection lost."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _read(self) -> bool:
        """Take what is there, or comes at once; False when nothing can come any longer."""
        if self.fd < 0:
            time.sleep(0.02)
        elif not select.select([self.fd], [], [], 0.1)[0]:
            return True
        with contextlib.suppress(OSError):
            self.screen += os.read(self.fd, 65536).decode(errors="replace")
            return True
        return False
