"""Who may read what a session leaves: its owner, whatever the umask is, whatever was there before, whoever was there before."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from tests.support.obstacles import NOBODY, nobodys_folder
from virtual_agora.clock import Clock
from virtual_agora.errors import StorageError
from virtual_agora.execution.log import SessionLog
from virtual_agora.execution.session import Agora
from virtual_agora.private import close_folder, make_folder, open_to_append, protect
from virtual_agora.reports import write, write_own
from virtual_agora.state.stores import storage_errors

__all__ = ["nobodys_folder"]

OPEN_TO_ALL = 0o777


@pytest.fixture
def no_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(*folders):
    """What below these others may read, write or enter, the folders included."""
    every = [path for folder in folders for path in (folder, *folder.rglob("*"))]
    return [path for path in every if stat.S_IMODE(path.lstat().st_mode) & 0o077]


def test_everything_of_a_session_is_its_owners_alone(tmp_path, say, monkeypatch, no_umask):
    monkeypatch.chdir(tmp_path)
    common = ("--data-dir", "deep/data")
    agents = "agents: [{provider: offline, model: scripted, count: 2}]\nsession: {min_rounds: 1, max_rounds: 1}\n"
    (tmp_path / "config.yml").write_text(agents)
    begin = ["run", "Bread?", "--topic", "Rye?", "--session", "s", "--yes"]
    assert say(*begin, "--reports-dir", "other/reports", *common)[0] == 0
    assert say("report", "s", "--to", "copy", *common)[0] == 0
    design = "name: d\nquestions: {q: {theme: Bread, topics: [Rye]}}\npanels: {p: config.yml}\n"
    (tmp_path / "design.yml").write_text(design)
    code, _, err = say("study", "design.yml", *common)
    assert code == 0, err
    with Agora(tmp_path / "deep" / "data") as agora:  # while it is open, it has files beside it
        agora.fork("s", 1)
        beside = {path.name for path in (tmp_path / "deep" / "data").iterdir()}
        assert {"sessions.sqlite3", "sessions.sqlite3-wal", "sessions.sqlite3-shm"} <= beside
        made = [tmp_path / name for name in ("deep", "other", "copy", "results")]
        assert open_to_others(*made) == []
    suffixes = {path.suffix for folder in made for path in folder.rglob("*")}
    assert {".md", ".html", ".json", ".jsonl", ".lock", ".csv", ".sqlite3"} <= suffixes


def test_the_place_for_keys_is_its_owners_alone(tmp_path, say, no_umask):
    (tmp_path / "panel").mkdir()
    (tmp_path / "panel" / ".env.example").write_text("of another release")
    (tmp_path / "panel" / ".env.example").chmod(0o666)
    for folder in ("new", "panel"):
        assert say("init", str(tmp_path / folder), "--force")[0] == 0
        assert stat.S_IMODE((tmp_path / folder / ".env.example").stat().st_mode) == 0o600


def test_what_was_there_before_is_closed(tmp_path, say, monkeypatch, no_umask):
    monkeypatch.chdir(tmp_path)
    common = ("--data-dir", "data", "--yes")
    assert (
        say("run", "Bread?", "--provider", "offline", "--topic", "Rye?", "--session", "s", *common)[
            0
        ]
        == 0
    )
    made = [
        tmp_path / "data" / "logs",
        tmp_path / "data" / "locks",
        tmp_path / "reports" / "session_s",
    ]
    for path in [*made, *(found for folder in made for found in folder.rglob("*"))]:
        path.chmod(OPEN_TO_ALL)
    (tmp_path / "data" / "sessions.sqlite3").chmod(0o666)
    (tmp_path / "reports" / "session_s" / "index.md").write_text("of another release")
    assert say("resume", "s", *common)[0] == 0
    assert say("report", "s", "--data-dir", "data")[0] == 0
    assert open_to_others(tmp_path / "data", *made) == []


def test_a_folder_of_the_users_stays_as_open_as_it_is(tmp_path, no_umask):
    (tmp_path / "shared").mkdir(mode=OPEN_TO_ALL)
    write({"a.md": "text", "report.pdf": b"%PDF"}, tmp_path / "shared")
    with Agora(tmp_path / "shared"):
        pass
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == OPEN_TO_ALL
    assert open_to_others(*(tmp_path / "shared").iterdir()) == []


def test_a_report_that_is_shared_stays_shared_until_it_is_written_again(tmp_path):
    (path,) = write_own({"a.md": "text"}, tmp_path / "session_s")
    for shared, mode in ((path.parent, 0o755), (path, 0o644)):
        shared.chmod(mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    write_own({"a.md": "text"}, path.parent)
    assert open_to_others(path.parent) == []


@pytest.mark.parametrize("name", ["index.md", ".index.md.unfinished"])
def test_a_link_in_place_of_a_report_is_not_followed(tmp_path, name):
    victim = tmp_path / "victim"
    victim.write_text("the user's own")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / name).symlink_to(victim)
    for text in ("text", "the user's own"):
        write({"index.md": text}, tmp_path / "reports")
        assert not (tmp_path / "reports" / "index.md").is_symlink()
        assert (tmp_path / "reports" / "index.md").read_text() == text
    assert victim.read_text() == "the user's own"
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["index.md"]


@pytest.mark.parametrize("name", ["index.md", ".index.md.unfinished"])
def test_a_pipe_in_place_of_a_report_holds_nothing_up(tmp_path, name):
    os.mkfifo(tmp_path / name)
    writing = threading.Thread(target=write, args=({"index.md": "text"}, tmp_path), daemon=True)
    writing.start()
    writing.join(20)
    assert not writing.is_alive()
    assert (tmp_path / "index.md").read_text() == "text"


@pytest.mark.parametrize("read", [False, True])
def test_a_pipe_in_place_of_the_log_is_refused_at_once(tmp_path, read):
    (tmp_path / "logs").mkdir()
    os.mkfifo(tmp_path / "logs" / "s.jsonl")
    reader = os.open(tmp_path / "logs" / "s.jsonl", os.O_RDONLY | os.O_NONBLOCK) if read else None
    told = []

    def begin():
        try:
            with storage_errors(tmp_path / "logs"):
                SessionLog(tmp_path / "logs", "s", Clock())
        except StorageError as error:
            told.append(error.message)

    opening = threading.Thread(target=begin, daemon=True)
    opening.start()
    opening.join(20)
    if reader is not None:
        os.close(reader)
    assert len(told) == 1
    assert "it is a pipe or a device, not a file" in told[0]


def strange_link(place, target):
    """A link that is somebody else's, if whoever runs the tests can make one."""
    place.symlink_to(target)
    os.lchown(place, NOBODY, NOBODY)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what is another's")


@needs_root
def test_somebody_elses_link_is_followed_nowhere(tmp_path, say, monkeypatch):
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "reports").mkdir()
    strange_link(tmp_path / "reports" / "session_s", elsewhere)
    begin = ("run", "Bread?", "--provider", "offline", "--topic", "Rye?", "--session", "s", "--yes")
    code, _, err = say(*begin, "--data-dir", "data")
    assert code == 4
    assert "session_s is a link that somebody else has made" in err
    assert "Remove it" in err
    (tmp_path / "reports" / "session_s").unlink()
    assert say("resume", "s", "--yes", "--data-dir", "data")[0] == 0
    for name in ("logs", "locks", "sessions.sqlite3"):
        (tmp_path / f"data-{name}").mkdir()
        strange_link(tmp_path / f"data-{name}" / name, elsewhere / name)
        code, _, err = say(*begin, "--data-dir", f"data-{name}")
        assert (code, "a link that somebody else has made" in err) == (4, True), err
    assert list(elsewhere.iterdir()) == []


def test_ones_own_link_to_another_folder_is_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "session_s").symlink_to(tmp_path / "elsewhere")
    write_own({"index.md": "text"}, tmp_path / "session_s")
    assert (tmp_path / "elsewhere" / "index.md").read_text() == "text"


def test_a_link_in_place_of_the_log_is_refused(tmp_path):
    (tmp_path / "victim").write_text("the user's own")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "s.jsonl").symlink_to(tmp_path / "victim")
    with pytest.raises(StorageError, match="cannot be used"), storage_errors(tmp_path / "logs"):
        SessionLog(tmp_path / "logs", "s", Clock())
    assert (tmp_path / "victim").read_text() == "the user's own"


def test_what_is_somebody_elses_cannot_be_closed(nobodys_folder):
    """It is open to its owner whatever is done, so nothing is written there."""
    with pytest.raises(PermissionError):
        close_folder(nobodys_folder.parent)  # the folder of temporary files is root's
    make_folder(nobodys_folder / "a" / "b")
    descriptor = open_to_append(nobodys_folder / "a" / "b" / "log")
    os.close(descriptor)
    protect(nobodys_folder / "a" / "b" / "log")
    assert open_to_others(nobodys_folder / "a") == []
    if os.getuid() == 0:
        os.seteuid(0)
        os.chown(nobodys_folder / "a" / "b" / "log", 0, 0)
        (nobodys_folder / "a" / "b" / "log").chmod(0o666)
        os.seteuid(NOBODY)
        with pytest.raises(PermissionError):
            open_to_append(nobodys_folder / "a" / "b" / "log")
