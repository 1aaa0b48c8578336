from __future__ import annotations

import re
from pathlib import Path

import pytest

from virtual_agora.config.defaults import offline_panel
from virtual_agora.config.loader import load_config
from virtual_agora.config.models import ROLES, AgentConfig, Config, PanelConfig, SessionConfig
from virtual_agora.config.starter import write_starter
from virtual_agora.errors import ConfigurationError, StorageError
from virtual_agora.providers.vendors import VENDORS


def uncommented(text: str) -> str:
    """The example with every setting that is commented out taken in."""
    return re.sub(r"^( *)# (?=( *)(- )?[a-z_]+:( |$))", r"\1", text, flags=re.M)


def test_the_written_configuration_runs_as_it_is(tmp_path: Path) -> None:
    paths = write_starter(tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["config.yml", ".env.example"]
    config = load_config(paths[0])
    assert config is not None
    without_file = offline_panel()
    assert config.agents == without_file.agents
    assert all(config.role(role) == without_file.role(role) for role in ROLES)
    assert (config.session, config.prompts) == (without_file.session, None)


def test_every_example_in_it_is_valid_and_complete(tmp_path: Path) -> None:
    (path, _) = write_starter(tmp_path)
    path.write_text(uncommented(path.read_text()))
    config = load_config(path)
    assert config is not None
    shown = {member.provider: member.model for member in config.agents}
    wanted = {name: vendor.default_model for name, vendor in VENDORS.items()}
    assert shown == wanted | {"openai_compatible": "your-model"}
    assert config.agents[1].persona is not None
    assert config.session.seed == 42
    text = path.read_text()
    for model in (Config, PanelConfig, AgentConfig, SessionConfig):
        for field in model.model_fields:
            assert re.search(rf"\b{field}:", text), field


def test_the_example_environment_names_every_needed_key(tmp_path: Path) -> None:
    (_, path) = write_starter(tmp_path)
    lines = path.read_text().splitlines()
    for vendor in VENDORS.values():
        if vendor.keys:
            prefix = "" if vendor.key_required else "# "
            assert f"{prefix}{vendor.keys[0]}=" in lines


@pytest.mark.parametrize("name", ["config.yml", ".env.example"])
def test_what_is_there_is_not_overwritten_unasked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(ConfigurationError, match=rf"{re.escape(name)} is there already.*--force"):
        write_starter(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"
    write_starter(tmp_path, force=True)
    assert (tmp_path / name).read_text() != "mine"


def test_a_folder_that_cannot_be_written_says_why(nobodys_folder: Path) -> None:
    (nobodys_folder / "file").write_text("x")
    with pytest.raises(StorageError, match="File exists"):
        write_starter(nobodys_folder / "file")
    (nobodys_folder / "barred").mkdir(mode=0o500)
    with pytest.raises(StorageError, match="Permission denied"):
        write_starter(nobodys_folder / "barred")
