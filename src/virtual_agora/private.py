"""Files and folders that nobody but their owner may read, whatever the umask is and whatever was there before.

Links are followed where their owner, or root, made them; one that somebody else has put there would lead what is written to a
place of theirs. What cannot be had is an `OSError`, which says why.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

__all__ = ["close_folder", "make_folder", "open_anew", "open_to_append", "protect"]

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
"""A pipe that nobody reads is refused at once."""
_OTHERS = 0o077
NO_FILE = "it is a pipe or a device, not a file"


def make_folder(folder: Path) -> None:
    """Make `folder`, and what is missing on the way to it, for the owner alone; one that is there stays as it is."""
    _refuse_strange_link(folder)
    missing = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(exist_ok=True)  # for the error, where it is a file


def close_folder(folder: Path) -> None:
    """Make a folder of ours, and close it to others if it is there and open."""
    make_folder(folder)
    protect(folder)


def protect(path: Path) -> None:
    """Take a file, or a folder, from everybody but its owner."""
    _refuse_strange_link(path)
    status = path.stat()
    if stat.S_IMODE(status.st_mode) & _OTHERS:
        try:
            path.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS)
        except PermissionError:
            # Some disks know no permissions; but what belongs to somebody else is theirs to read.
            if not _is_ours(status):
                raise


def open_to_append(path: Path) -> int:
    """A descriptor of a file to which is appended; it is made when missing. A link, pipe or device in its place is refused."""
    how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_LINK | _BINARY | _NO_WAIT
    try:
        descriptor = os.open(path, how, 0o600)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.EINVAL, NO_FILE, str(path)) from error
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, NO_FILE, str(path))
        protect(path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def open_anew(path: Path) -> int:
    """A descriptor of a file that was not there before; what was is taken away, be it a link or a pipe."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK | _BINARY, 0o600)


def _refuse_strange_link(path: Path) -> None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(status.st_mode) and not (_is_ours(status) or status.st_uid == 0):
        raise OSError(errno.ELOOP, "it is a link that somebody else has made", str(path))


def _is_ours(status: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
