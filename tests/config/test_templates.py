"""Every template of `init`: what it writes is whole, and its first command runs to the end as it stands."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from virtual_agora.config.loader import load_config
from virtual_agora.config.models import Config
from virtual_agora.config.starter import TEMPLATES, first_command, write_starter
from virtual_agora.errors import ConfigurationError, StorageError, UsageError
from virtual_agora.main import main, parser
from virtual_agora.prompts import PROMPTS, Prompts
from virtual_agora.providers.vendors import VENDORS

SPECIAL = {
    "decision": {"voting_rule": "schulze", "participation": "end_of_round"},
    "policy": {"conclude": "two_thirds", "min_rounds": 3},
    "red-team": {"dissenter": True, "positions": "every_round", "conclude": "unanimous"},
    "research": {"control": True, "single_model": True, "seed": 1},
    "retrospective": {"participation": "start_of_round", "positions": "off"},
}
"""What makes a session of the template one of its kind."""


def written(folder: Path) -> Config:
    config = load_config(folder / "config.yml")
    assert config is not None
    return config


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("template", TEMPLATES)
def test_it_runs_to_the_end_as_it_is_written(
    template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--template", template]) == 0
    command = first_command(template)
    assert command in capsys.readouterr().out.splitlines()
    _, *words = shlex.split(command)
    # One topic each, to be brief; the decision goes the whole way, from proposals and ballots on.
    topic = [] if template == "decision" else ["--topic", "A single topic"]
    assert main([*words, *topic, "--yes", "--data-dir", "data", "--session", "s"]) == 0
    session = json.loads((tmp_path / "reports/session_s/session.json").read_text("utf-8"))
    if topic:
        assert session["agenda"]["completed"] == topic[1:]
    else:
        assert session["agenda"]["tally"]["rule"] == "schulze"
        assert session["agenda"]["completed"]
    assert (tmp_path / "reports/session_s/final").is_dir()
    assert session["config"] == written(tmp_path).model_dump(mode="json")
    assert session["config"]["prompts"] == str(tmp_path / "prompts")
    names = {name for name, _ in written(tmp_path).participants()}
    assert {message["speaker"] for message in session["messages"]} == names
    if "--context" in words:
        assert [document["tokens"] > 100 for document in session["context_documents"]] == [True]


@pytest.mark.parametrize("template", TEMPLATES)
def test_it_says_something_of_its_own_and_all_of_it_can_be_used(
    template: str, tmp_path: Path
) -> None:
    write_starter(tmp_path, template=template)
    config = written(tmp_path)
    rules = config.session.model_dump()
    assert SPECIAL[template].items() <= rules.items()
    assert all(member.persona and member.name in member.persona for member in config.agents)
    assert len(config.agents) == (6 if template == "policy" else 5)
    Prompts(tmp_path / "prompts").check()
    own = {path.stem: path.read_text("utf-8") for path in (tmp_path / "prompts").iterdir()}
    for task, text in own.items():
        packaged = Prompts().fill(task, **dict.fromkeys(PROMPTS[task], "?"))
        assert Prompts(tmp_path / "prompts").fill(
            task, **dict.fromkeys(PROMPTS[task], "?")
        ) not in (
            packaged,
            "",
        )
        assert all(f"${name}" in text for name in PROMPTS[task])
    assert "proposal" in own
    assert "statement" in own


@pytest.mark.parametrize("template", TEMPLATES)
def test_real_models_are_two_lines_away(template: str, tmp_path: Path) -> None:
    write_starter(tmp_path, template=template)
    text = (tmp_path / "config.yml").read_text("utf-8")
    text = re.sub(r"^ +(provider: offline|model: scripted)\n", "", text, flags=re.M)
    text = re.sub(r"^( *)# (?=( *)(provider|model|report_writer):)", r"\1", text, flags=re.M)
    (tmp_path / "config.yml").write_text(text, "utf-8")
    config = written(tmp_path)
    assert len({agent.provider for agent in config.agents}) == 3
    assert config.report_writer is not None
    for agent in config.everyone():
        assert agent.model == VENDORS[agent.provider].default_model


def test_help_and_the_error_name_every_template(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["init", "--help"])
    said = capsys.readouterr().out
    assert all(template in said for template in TEMPLATES)
    assert main(["init", "--template", "Research", str(tmp_path / "new")]) == 2
    said = capsys.readouterr().err
    assert f"There is no template “Research”; there are {', '.join(TEMPLATES)}." in said
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["README.md", "prompts/statement.md", "prompts/round_summary.md"])
def test_a_folder_with_any_of_it_is_refused_whole(name: str, tmp_path: Path) -> None:
    """A prompt that the template has not would count too."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / name).write_text("mine")
    before = everything(tmp_path)
    with pytest.raises(ConfigurationError, match=rf"{re.escape(name)} is there already.*--force"):
        write_starter(tmp_path, template="research")
    assert everything(tmp_path) == before


def test_forced_it_replaces_its_own_files_and_says_what_else_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    write_starter(tmp_path, template="decision")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"and 7 more of these files are there already"):
        write_starter(tmp_path, template="research")
    assert main(["init", "--template", "research", "--force", str(tmp_path)]) == 0
    ballot = tmp_path / "prompts" / "ballot.md"
    assert f"{ballot} was there before, and counts as well." in capsys.readouterr().out
    assert written(tmp_path).session.single_model
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_where_prompts_cannot_be_a_folder_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "prompts").write_text("mine")
    with pytest.raises(StorageError, match="File exists"):
        write_starter(tmp_path, template="policy", force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["prompts"]


def test_there_is_no_such_template(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no template “\.\./decision”"):
        write_starter(tmp_path, template="../decision")
