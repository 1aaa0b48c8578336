"""The texts a user gives the assembly to read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from virtual_agora.errors import ConfigurationError
from virtual_agora.state.schema import ContextDocument

__all__ = ["MAX_TOTAL_BYTES", "load_documents"]

MAX_TOTAL_BYTES = 2_000_000
"""About 500,000 tokens, sent with every call: more helps nobody."""

SUFFIXES = (".md", ".txt")
CHARACTERS_PER_TOKEN = 4


def load_documents(folder: Path) -> list[ContextDocument]:
    """Every `.txt` and `.md` file in `folder` and the folders in it, by name.

    A document's name is its path within the folder, with `/`; its token count is an estimate, four characters
    to a token. Hidden files and folders, files of other kinds and files without text are passed over. Links are
    followed to files only, and only within the folder.

    Raises:
        ConfigurationError: the folder or a file cannot be read, a file is not UTF-8 text, a link leads out of
            the folder, there is nothing to read, or there is too much.
    """
    try:
        os.listdir(folder)
    except OSError as error:
        raise ConfigurationError(
            f"The context folder {folder} cannot be read: {error.strerror}.",
            hint="Name a folder with .txt or .md files that you may read.",
        ) from error
    documents: list[ContextDocument] = []
    left = MAX_TOTAL_BYTES
    for path in _files(folder):
        raw = _read(path, left + 1)
        left -= len(raw)
        if left < 0:
            raise ConfigurationError(
                f"The documents in {folder} are larger than {MAX_TOTAL_BYTES:,} bytes together.",
                hint="Every call carries all of them; leave out what the question does not need.",
            )
        if text := _decoded(path, raw):
            tokens = -(-len(text) // CHARACTERS_PER_TOKEN)
            documents.append(ContextDocument(name=_name(path, folder), text=text, tokens=tokens))
    if not documents:
        raise ConfigurationError(
            f"The context folder {folder} has no .txt or .md file with text in it.",
            hint="Put the texts there in one of these two forms, or leave out --context.",
        )
    return documents


def _files(folder: Path) -> Iterator[Path]:
    root = Path(os.path.realpath(folder))
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if name.startswith(".") or path.suffix.lower() not in SUFFIXES:
                continue
            if not Path(os.path.realpath(path)).is_relative_to(root):
                raise ConfigurationError(
                    f"{path} is a link to a file outside the context folder.",
                    hint="Copy the file into the folder, or remove the link.",
                )
            if os.path.isfile(path):
                yield path


def _refuse(error: OSError) -> None:
    raise ConfigurationError(
        f"The folder {error.filename} cannot be read: {error.strerror}.",
        hint="Check its permissions.",
    ) from error


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        raise ConfigurationError(
            f"The document {path} cannot be read: {error.strerror}.", hint="Check its permissions."
        ) from error


def _decoded(path: Path, raw: bytes) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ConfigurationError(
            f"The document {path} is not UTF-8 text.", hint="Save it as UTF-8, or remove it."
        )
    return "\n".join(text.splitlines()).strip()


def _name(path: Path, folder: Path) -> str:
    # A file name may hold bytes that are no text; a document's name is kept, sent and printed.
    return os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "replace")
