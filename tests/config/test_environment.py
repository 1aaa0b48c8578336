from __future__ import annotations

import os
from pathlib import Path

import pytest

from virtual_agora.config.environment import load_env
from virtual_agora.errors import ConfigurationError

FIRST, SECOND = "AGORA_TEST_FIRST", "AGORA_TEST_SECOND"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (FIRST, SECOND):
        # Set first, so that what a test adds to the environment is taken out again.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_lines_become_variables_and_do_not_replace_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FIRST, "real")
    (tmp_path / ".env").write_text(f"{FIRST}=file\n{SECOND}='two words'\n", encoding="utf-8-sig")
    assert load_env(tmp_path) == tmp_path / ".env"
    assert os.environ[FIRST] == "real"
    assert os.environ[SECOND] == "two words"


def test_read_again_it_takes_over_what_changed_in_the_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FIRST, "real")
    file = tmp_path / ".env"
    file.write_text(f"{FIRST}=file\n{SECOND}=old\n")
    load_env(tmp_path)
    file.write_text(f"{FIRST}=file again\n{SECOND}=new\n")
    load_env(tmp_path)
    assert (os.environ[FIRST], os.environ[SECOND]) == ("real", "new")
    os.environ[SECOND] = "set by the program"
    load_env(tmp_path)
    assert os.environ[SECOND] == "set by the program"
    del os.environ[SECOND]
    load_env(tmp_path)
    file.write_text("")
    load_env(tmp_path)
    assert SECOND not in os.environ


def test_no_file_is_no_mistake(tmp_path: Path) -> None:
    assert load_env(tmp_path) is None
    (tmp_path / ".env").mkdir()
    assert load_env(tmp_path) is None


def test_bytes_that_are_no_utf8_are_an_error(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(f"{FIRST}=".encode() + b"\xe9\n")
    with pytest.raises(ConfigurationError, match=r"\.env is not UTF-8"):
        load_env(tmp_path)


def test_an_unreadable_file_says_why(nobodys_folder: Path) -> None:
    (nobodys_folder / ".env").write_text("A=1")
    (nobodys_folder / ".env").chmod(0)
    with pytest.raises(ConfigurationError, match=r"\.env cannot be read: Permission denied"):
        load_env(nobodys_folder)


def test_a_value_that_cannot_be_set_is_an_error_that_does_not_show_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(f"{FIRST}=sec\0ret\n".encode())
    with pytest.raises(ConfigurationError, match="makes no sense") as caught:
        load_env(tmp_path)
    assert "ret" not in str(caught.value).replace("permission", "")
