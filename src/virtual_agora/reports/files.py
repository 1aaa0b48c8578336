"""Files that are whole or not there at all, and names for them."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from virtual_agora.errors import StorageError
from virtual_agora.private import close_folder, make_folder, open_anew, protect

__all__ = ["slug", "write", "write_atomically", "write_own"]

RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9¹²³]")
"""Names that Windows keeps for devices."""

NOTHING_LOST = "nothing is lost, and resuming the session writes it"
INSTEAD = "or put a link to another folder in its place"


def slug(title: str, limit: int = 60) -> str:
    """A file name made of `title`: lower-case letters of any script, digits and `-`, at most `limit` bytes.

    Never empty, never a reserved name; two titles may have the same one.
    """
    folded = unicodedata.normalize("NFKC", title).lower()
    kept = "".join(c if unicodedata.category(c)[0] in "LNM" else "-" for c in folded)
    name = re.sub("-+", "-", kept).strip("-")
    if len(name.encode()) > limit:
        name = name.encode()[: limit + 1].decode(errors="ignore")
        name = (name.rpartition("-")[0] or name.encode()[:limit].decode(errors="ignore")).strip("-")
    return f"{name}-" if RESERVED.fullmatch(name) else name or "untitled"


def write(files: Mapping[str, str | bytes], folder: Path) -> list[Path]:
    """Write each text, or content, under its name, which is relative to `folder` and may have `/` in it."""
    paths = [folder / name for name in files]
    # Side by side, because most of the time goes into waiting for the disk.
    with ThreadPoolExecutor() as pool:
        list(pool.map(write_atomically, paths, files.values()))
    return paths


def write_own(files: Mapping[str, str | bytes], folder: Path) -> list[Path]:
    """`write` into a session's own folder, which is closed to everybody else, as are those in it."""
    for inside in dict.fromkeys([folder, *((folder / name).parent for name in files)]):
        with _explained(inside / "index.md"):
            close_folder(inside)
    return write(files, folder)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Have `content` in the file, a text as UTF-8, on the disk and not only on its way there.

    A reader finds the file as it was or as it shall be, never half of it, and only its owner may read it. One that
    holds the text already is not written again; folders that are missing are made. A link or a pipe in its place is
    replaced by the file, not followed.

    Raises:
        StorageError: the disk refuses; a file that was there is as it was.
    """
    if isinstance(content, str):
        content = content.encode("utf-8", "replace")
    with _explained(path):
        make_folder(path.parent)
        if _holds(path, content):
            protect(path)
            return
        # Always the same name: what a killed process left of it is overwritten by the next.
        unfinished = path.with_name(f".{path.name}.unfinished")
        try:
            with open(open_anew(unfinished), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise
        _sync_folder(path.parent)


def _holds(path: Path, content: bytes) -> bool:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    same = stat.S_ISREG(status.st_mode) and status.st_size == len(content)
    return same and path.read_bytes() == content


def _sync_folder(folder: Path) -> None:
    # The new name is kept in the folder. Windows cannot open one, and needs no syncing.
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _last_there(folder: Path) -> Path:
    """The folder, or what there is of its path: the last of its parents that exists, whatever it is."""
    return next(path for path in (folder, *folder.parents) if os.path.lexists(path))


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                reason, hint = "the disk is full", f"Make room; {NOTHING_LOST}."
            case errno.EROFS | errno.EACCES | errno.EPERM:
                reason = f"{_last_there(path.parent)} may not be written to"
                hint = f"Give yourself the right to write there, {INSTEAD}; {NOTHING_LOST}."
            case errno.ENAMETOOLONG:
                reason = "its name is too long for this disk"
                hint = "Choose a folder with a shorter path, with --reports-dir."
            case errno.ELOOP:
                reason = f"{path.parent} is a link that somebody else has made"
                hint = f"Remove it, {INSTEAD}; {NOTHING_LOST}."
            case errno.ENOTDIR | errno.EEXIST:
                reason = "there is a file where a folder on its path should be"
                hint = f"Move {_last_there(path.parent)} away, {INSTEAD}; {NOTHING_LOST}."
            case errno.EISDIR:
                reason = "there is a folder of that name"
                hint = f"Move {path} away; {NOTHING_LOST}."
            case _:
                reason, hint = error.strerror or str(error), f"Check the disk; {NOTHING_LOST}."
        raise StorageError(f"{path} cannot be written: {reason}.", hint=hint) from error
