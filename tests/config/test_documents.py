from __future__ import annotations

import os
from pathlib import Path

import pytest

from virtual_agora.config.documents import MAX_TOTAL_BYTES, load_documents
from virtual_agora.errors import ConfigurationError


def test_texts_are_read_in_order_with_an_estimate(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# Budget\r\nfour\n", newline="")
    (tmp_path / "a.TXT").write_text("Zoë", encoding="utf-8-sig")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.txt").write_text("deep")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    assert load_documents(tmp_path) == [
        {"name": "a.TXT", "text": "Zoë", "tokens": 1},
        {"name": "b.md", "text": "# Budget\nfour", "tokens": 4},
        {"name": "sub/c.txt", "text": "deep", "tokens": 1},
    ]


def test_hidden_and_blank_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".secret.md").write_text("no")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "note.txt").write_text("no")
    (tmp_path / "blank.txt").write_text(" \n\n")
    (tmp_path / "real.txt").write_text("yes")
    assert [document["name"] for document in load_documents(tmp_path)] == ["real.txt"]


def test_links_within_the_folder_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("yes")
    (tmp_path / "link.md").symlink_to("real.txt")
    (tmp_path / "loop.md").symlink_to("loop.md")
    (tmp_path / "gone.md").symlink_to("nothing.txt")
    (tmp_path / "cycle").symlink_to(".")
    assert [document["name"] for document in load_documents(tmp_path)] == ["link.md", "real.txt"]


def test_a_folder_that_is_itself_a_link_is_read(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.md").write_text("yes")
    (tmp_path / "link").symlink_to("real")
    assert len(load_documents(tmp_path / "link")) == 1


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.txt").symlink_to("../outside.txt")
    with pytest.raises(ConfigurationError, match="outside the context folder"):
        load_documents(tmp_path / "in")


@pytest.mark.parametrize("content", [b"caf\xe9", b"text\0more"])
def test_what_is_no_text_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.txt").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"odd\.txt is not UTF-8 text"):
        load_documents(tmp_path)


def test_too_much_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * (MAX_TOTAL_BYTES - 1))
    (tmp_path / "b.txt").write_bytes(b"x")
    assert len(load_documents(tmp_path)) == 2
    (tmp_path / "c.txt").write_bytes(b"x")
    with pytest.raises(ConfigurationError, match="larger than 2,000,000 bytes"):
        load_documents(tmp_path)


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "paper.pdf").write_bytes(b"%PDF")
    with pytest.raises(ConfigurationError, match=r"has no \.txt or \.md file"):
        load_documents(tmp_path)


def test_a_folder_that_is_none_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        load_documents(tmp_path / "none")
    with pytest.raises(ConfigurationError, match="Not a directory"):
        load_documents(tmp_path / "file")


def test_a_barred_folder_or_file_says_why(nobodys_folder: Path) -> None:
    for name in ("one", "two"):
        (nobodys_folder / name).mkdir()
    (nobodys_folder / "one" / "a.txt").write_text("x")
    (nobodys_folder / "one" / "a.txt").chmod(0)
    with pytest.raises(ConfigurationError, match=r"document .*a\.txt cannot be read: Permission"):
        load_documents(nobodys_folder / "one")
    (nobodys_folder / "two" / "sub").mkdir(mode=0)
    with pytest.raises(ConfigurationError, match=r"folder .*sub cannot be read: Permission"):
        load_documents(nobodys_folder / "two")
    (nobodys_folder / "two").chmod(0)
    with pytest.raises(ConfigurationError, match=r"folder .*two cannot be read: Permission"):
        load_documents(nobodys_folder / "two")
    (nobodys_folder / "two").chmod(0o700)


def test_a_name_that_is_no_text_stays_printable(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.txt", "w") as file:
        file.write("x")
    assert load_documents(tmp_path)[0]["name"] == "caf\N{REPLACEMENT CHARACTER}.txt"
