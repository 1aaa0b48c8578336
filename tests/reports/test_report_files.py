from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.obstacles import nobodys_folder, tiny_disk
from virtual_agora.errors import StorageError
from virtual_agora.reports import write
from virtual_agora.reports.files import _explained, slug, write_atomically

__all__ = ["nobodys_folder", "tiny_disk"]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Who would pay, and how much?", "who-would-pay-and-how-much"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\temp\\x.md", "c-temp-x-md"),
        ("...", "untitled"),
        ("\x00\n\u202e", "untitled"),
        ("🚌🚋", "untitled"),
        ("", "untitled"),
        ("CON", "con-"),
        ("LPT1", "lpt1-"),
        ("Öffentlicher Nahverkehr", "öffentlicher-nahverkehr"),
        ("公共交通は無料であるべきか", "公共交通は無料であるべきか"),
        ("क्या यह मुफ़्त है?", "क्या-यह-मुफ़्त-है"),
        ("x" * 300, "x" * 60),
        (
            "a whole word is dropped where the name would end in the middle of it",
            "a-whole-word-is-dropped-where-the-name-would-end-in-the",
        ),
        ("交" * 40, "交" * 20),
    ],
)
def test_titles_become_names(title: str, name: str) -> None:
    assert slug(title) == name


@given(st.text())
def test_every_title_becomes_a_safe_name(title: str) -> None:
    name = slug(title, 40)
    assert 0 < len(name.encode()) <= 41
    assert not set(name) & set('/\\.:*?"<>|\x00 \n')
    assert name.isprintable()
    assert not name.startswith("-")


def test_files_are_written_where_they_belong(tmp_path: Path) -> None:
    paths = write({"index.md": "a\n", "topics/01_x.md": "b – ü\n"}, tmp_path / "new")
    assert paths == [tmp_path / "new" / "index.md", tmp_path / "new" / "topics" / "01_x.md"]
    assert paths[1].read_bytes() == "b – ü\n".encode()
    assert sorted(path.name for path in (tmp_path / "new").rglob("*")) == [
        "01_x.md",
        "index.md",
        "topics",
    ]


def test_what_is_there_already_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    write_atomically(path, "one")
    os.utime(path, ns=(1, 1))
    before = path.stat()
    write_atomically(path, "one")
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (1, before.st_ino)
    write_atomically(path, "two")
    assert path.read_text() == "two"
    assert path.stat().st_mtime_ns > 1


def test_what_a_killed_process_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".a.md.unfinished").write_text("half of a much longer text")
    write_atomically(tmp_path / "a.md", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.md"]
    assert (tmp_path / "a.md").read_text() == "whole"


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    texts = {letter * 200_000 for letter in "ab"}
    write_atomically(path, "a" * 200_000)
    done = threading.Event()

    def alternate() -> None:
        for _ in range(30):
            for text in sorted(texts):
                write_atomically(path, text)
        done.set()

    writer = threading.Thread(target=alternate)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(path.read_text())
    writer.join()
    assert seen <= texts


def test_lone_surrogates_do_not_stop_a_report(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.md", "a\ud800b")
    assert (tmp_path / "a.md").read_bytes() == b"a?b"


def test_a_full_disk_is_said_and_leaves_the_old_file(
    tmp_path: Path, tiny_disk: Callable[[int], Path]
) -> None:
    path = tiny_disk(64 * 1024) / "a.md"
    write_atomically(path, "old")
    with pytest.raises(StorageError, match=r"a\.md cannot be written: the disk is full") as caught:
        write_atomically(path, "x" * 100_000)
    assert "Make room" in caught.value.hint
    assert path.read_text() == "old"
    assert [found.name for found in path.parent.iterdir()] == ["a.md"]


def test_a_device_that_takes_nothing_is_a_full_disk(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match="the disk is full"),
        _explained(tmp_path / "a.md"),
        open("/dev/full", "wb", buffering=0) as device,
    ):
        device.write(b"text")


def test_a_file_in_place_of_a_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("x")
    for name in ("reports/a.md", "reports/topics/a.md"):
        with pytest.raises(
            StorageError, match="a file where a folder on its path should be"
        ) as caught:
            write_atomically(tmp_path / name, "text")
        assert f"Move {tmp_path / 'reports'} away" in caught.value.hint


def test_a_folder_in_place_of_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.md").mkdir()
    with pytest.raises(StorageError, match="there is a folder of that name"):
        write_atomically(tmp_path / "a.md", "text")


def test_a_name_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="too long") as caught:
        write_atomically(tmp_path / ("x" * 300), "text")
    assert "--reports-dir" in caught.value.hint


def test_a_read_only_folder_is_said(nobodys_folder: Path) -> None:
    (nobodys_folder / "reports").mkdir(mode=0o500)
    for name in ("a.md", "session_s/topics/a.md"):
        with pytest.raises(StorageError, match="reports may not be written to") as caught:
            write_atomically(nobodys_folder / "reports" / name, "text")
        assert "nothing is lost" in caught.value.hint


def test_any_other_refusal_is_said_in_the_words_of_the_system() -> None:
    with pytest.raises(StorageError, match="cannot be written: No such file or directory"):
        write_atomically(Path("/proc/none/a.md"), "text")
