"""A PostgreSQL server for one test session: in a temporary folder, reached by a socket only, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["program", "server"]

FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
"""Debian keeps the server's programs off the path."""


def program(name: str) -> str:
    """Where a program of PostgreSQL is.

    Raises:
        RuntimeError: it is not here.
    """
    path = os.pathsep.join([*map(str, FOLDERS), os.environ.get("PATH", os.defpath)])
    found = shutil.which(name, path=path)
    if found is None:
        raise RuntimeError(
            f"These tests need a PostgreSQL server, and its program {name} is not here. "
            "On Debian and Ubuntu: apt install postgresql."
        )
    return found


@contextmanager
def server() -> Iterator[str]:
    """Start a server of our own, and give what a client connects with.

    Raises:
        RuntimeError: PostgreSQL is not here, or does not start.
    """
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    # PostgreSQL does not run as root, so root starts it as the user that its package makes.
    owner = pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    # A socket's path must be short, and pytest's temporary folders are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="parity-", dir="/tmp"))
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    log = folder / "log"

    def run(*command: str) -> None:
        with log.open("a") as said:
            done = subprocess.run(
                [*command, f"--pgdata={folder / 'data'}"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                user=owner.pw_uid if os.getuid() == 0 else None,
                group=owner.pw_gid if os.getuid() == 0 else None,
            )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{log.read_text()}")

    try:
        run(initdb, "--no-sync", "--auth=trust", "--username=parity", "--encoding=UTF8")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run(pg_ctl, "start", "--wait", "-o", options)
        try:
            yield f"host={folder} user=parity dbname=postgres"
        finally:
            run(pg_ctl, "stop", "--mode=immediate")
    finally:
        shutil.rmtree(folder)
