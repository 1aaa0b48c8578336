from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from virtual_agora.config.loader import config_hash, load_config
from virtual_agora.config.models import Config, PanelConfig
from virtual_agora.errors import ConfigurationError

PANEL = "agents:\n  - {provider: offline, model: scripted, count: 3}\n"


def load(folder: Path, text: str) -> Config:
    path = folder / "config.yml"
    path.write_text(text, encoding="utf-8")
    config = load_config(path)
    assert config is not None
    return config


def test_a_version_1_3_file_loads_unchanged(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """\
moderator:
  provider: Google
  model: gemini-2.5-pro
summarizer:
  provider: OpenAI
  model: gpt-4o
report_writer:
  provider: Anthropic
  model: claude-3-opus-20240229
agents:
  - provider: OpenAI
    model: gpt-4o
    count: 2
  - provider: Grok
    model: grok-beta
    count: 1
""",
    )
    assert [(member.provider, member.count) for member in config.agents] == [
        ("openai", 2),
        ("grok", 1),
    ]
    assert config.role("moderator").model == "gemini-2.5-pro"


@pytest.mark.parametrize("name", ["config.yml", "config.yaml"])
def test_the_working_folder_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config() is None
    Path(name).write_text(PANEL)
    config = load_config()
    assert config is not None
    assert config.agents[0].count == 3


def test_yml_is_taken_before_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("nonsense: [")
    Path("config.yml").write_text(PANEL)
    assert load_config() is not None


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_bytes(b"\xef\xbb\xbf" + PANEL.replace("\n", "\r\n").encode())
    assert load_config(path) is not None


def test_a_merged_mapping_is_no_duplicate(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "agents:\n  - &first {provider: offline, model: a}\n  - {<<: *first, model: b}\n",
    )
    assert [member.model for member in config.agents] == ["a", "b"]


def test_the_prompts_folder_is_meant_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    Path("sub/config.yml").write_text(PANEL + "prompts: mine\n")
    config = load_config(Path("sub/config.yml"))
    assert config is not None
    assert config.prompts == str(tmp_path / "sub" / "mine")


MISTAKES = [
    ("", "is empty", "virtual-agora init"),
    ("# nothing but a comment\n", "is empty", "virtual-agora init"),
    ("- offline\n", "holds no settings", "virtual-agora init"),
    ("offline\n", "holds no settings", "virtual-agora init"),
    ("agents: [\n", "line 2, column 1: this is not valid YAML", "indentation"),
    ("agents:\n\t- a\n", "line 2, column 1: this is not valid YAML", "no tabs"),
    ("a: b: c\n", "line 1, column 5: this is not valid YAML: mapping values", "colons"),
    ("a: !thing b\n", "line 1, column 4: this is not valid YAML", "quotes"),
    ("a: !!python/object:os.system b\n", "this is not valid YAML", "quotes"),
    ("a: 2026-13-45\n", "this is not valid YAML: month must be in 1..12", "quotes"),
    ("a: \x01\n", "this is not valid YAML: special characters", "quotes"),
    ("? [a]\n: 1\n", "this is not valid YAML: found unhashable key", "colons"),
    ("a: 1\n---\nb: 2\n", "a single document in the stream, but found another", "quotes"),
    ("[" * 5000, "nested too deeply", "three levels"),
    ("a: " + "{a: " * 3000, "nested too deeply", "three levels"),
    (PANEL + "agents: 1\n", "line 3: the key “agents” is there twice", "Remove one"),
    (
        "agents:\n  - provider: offline\n    model: a\n    model: b\n",
        "line 4: the key “model” is there twice; it was already given in line 3",
        "Remove one",
    ),
    ("agent:\n  - x: 1\n", "line 1: there is no key “agent”", "Did you mean “agents”?"),
    (
        "agents:\n  - provider: offline\n    model: m\n    temprature: 1\n",
        "line 4: there is no key “agents[0].temprature”",
        "Did you mean “temperature”?",
    ),
    (
        PANEL + "session:\n  max_round: 4\n",
        "line 4: there is no key “session.max_round”",
        "Did you mean “max_rounds”?",
    ),
    (PANEL + "Moderator: {}\n", "there is no key “Moderator”", "Did you mean “moderator”?"),
    (PANEL + "seed: 4\n", "line 3: there is no key “seed”", "“seed” belongs under “session”."),
    (
        PANEL + "session:\n  prompts: p\n",
        "there is no key “session.prompts”",
        "“prompts” belongs at the top level.",
    ),
    (PANEL + "zzz: 4\n", "there is no key “zzz”", "The keys at the top level are: agents, mod"),
    (PANEL + "session: {zzz: 4}\n", "no key “session.zzz”", "under “session” are: min_rounds"),
    (PANEL + "1: x\n", "line 3: there is no key “1”", "The keys at the top level are"),
    ("agents:\n  - provider: offline\n", "line 2: “agents[0].model” is missing", "“model: …”"),
    (PANEL + "moderator: {model: m}\n", "line 3: “moderator.provider” is missing", "“provider: …”"),
    ("session: {}\n", "line 1: “agents” is missing", "“agents: …”"),
    ("agents: openai\n", "line 1: “agents” should be a list", "Correct it."),
    ("agents:\n", "“agents” should be a list, each entry beginning with “- ”, not empty", ""),
    ("agents: []\n", "“agents” should be a list with at least one entry, not an empty one", ""),
    ("agents:\n  - openai\n", "line 2: “agents[0]” should be settings", "Correct it."),
    ("agents: &a\n  - *a\n", "“agents[0]” should be settings", "Correct it."),
    (PANEL + "moderator: openai\n", "“moderator” should be settings", "remove it"),
    (
        PANEL + "session:\n  max_rounds: many\n",
        "line 4: “session.max_rounds” should be a whole number, not “many”",
        "remove it to have the default",
    ),
    (PANEL + "session: {max_rounds: 2.5}\n", "should be a whole number, not 2.5", "default"),
    (PANEL + "session: {max_rounds: [2]}\n", "should be a whole number, not a list", "default"),
    (PANEL + "session: {max_rounds: {}}\n", "whole number, not a group of keys", "default"),
    (PANEL + "session: {min_rounds: 0}\n", "“session.min_rounds” should be 1 or more", "default"),
    (
        PANEL + "session: {participation: often}\n",
        "should be one of 'disabled', 'start_of_round' or 'end_of_round', not “often”",
        "default",
    ),
    (
        PANEL + "session: {min_rounds: 5, max_rounds: 4}\n",
        "“session”: max_rounds (4) is smaller than min_rounds (5)",
        "fit together",
    ),
    (
        PANEL + "session: {positions: off, control: true}\n",
        "“session”: control needs positions, which are off.",
        "fit together",
    ),
    (
        PANEL + "session:\n  positions: off\n  control: true\n  single_model: true\n",
        "“session”: control and single_model need positions, which are off.",
        "fit together",
    ),
    ("agents: [{provider: offline, model: 4}]\n", "should be text (put it in quotes), not 4", "."),
    ("agents: [{provider: offline, model: no}]\n", "should be text (put it in quotes), not no", ""),
    ("agents: [{provider: offline, model: 2026-11-22}]\n", "(put it in quotes), not a date", ""),
    ("agents: [{provider: offline, model: ''}]\n", "should be some text, not “”", "Correct it."),
    (
        "agents: [{provider: offline, model: m, temperature: 3}]\n",
        "“agents[0].temperature” should be 2 or less, not 3",
        "default",
    ),
    (
        "agents: [{provider: offline, model: m, timeout: 0}]\n",
        "“agents[0].timeout” should be more than 0, not 0",
        "default",
    ),
    (
        PANEL + f"session: {{seed: {2**63}}}\n",
        "“session.seed” should be 9,223,372,036,854,775,807 or less, not 9223372036854775808",
        "default",
    ),
    (PANEL + "session: {seed: -1}\n", "“session.seed” should be 0 or more, not -1", "default"),
    (PANEL + f"session: {{seed: 0x{'f' * 5000}}}\n", "not one far out of range", "default"),
    *(
        (PANEL + f"session: {{{rule}: {2**64}}}\n", "should be 1,000 or less", "default")
        for rule in ("min_rounds", "max_rounds", "checkpoint_interval", "agenda_rejections")
    ),
    *(
        (f"agents: [{{provider: offline, model: m, {key}: {2**64}}}]\n", "or less", "default")
        for key in ("max_tokens", "timeout", "count")
    ),
    (
        "agents: [{provider: offline, model: m}]\n",
        "a panel has 2 to 20 participants, this one has 1",
        "fit together",
    ),
]


@pytest.mark.parametrize(("text", "message", "hint"), MISTAKES)
def test_a_mistake_is_named_with_its_place(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert str(tmp_path / "config.yml") in caught.value.message
    assert "\n" not in str(caught.value)


def test_a_key_in_the_file_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"agents\[0\].api_key") as caught:
        load(tmp_path, "agents: [{provider: openai, model: m, api_key: sk-very-secret}]\n")
    assert "sk-very-secret" not in str(caught.value)
    assert ".env" in caught.value.hint


def test_a_missing_file_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"does not exist.*virtual-agora init"):
        load_config(tmp_path / "none.yml")


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a folder"):
        load_config(tmp_path)


def test_a_dangling_link_is_not_taken_for_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yml").symlink_to("gone.yml")
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_config()


def test_bytes_that_are_no_utf8_are_placed(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_bytes(PANEL.encode() + "name: Zoë\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"not UTF-8 text.*line 3"):
        load_config(path)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="too large"):
        load(tmp_path, PANEL + "#" * 1_000_000)


def test_an_unreadable_file_says_why(nobodys_folder: Path) -> None:
    (nobodys_folder / "config.yml").write_text(PANEL)
    (nobodys_folder / "config.yml").chmod(0)
    with pytest.raises(ConfigurationError, match=r"cannot be read: Permission denied"):
        load_config(nobodys_folder / "config.yml")


def test_a_barred_folder_says_why(nobodys_folder: Path) -> None:
    (nobodys_folder / "in").mkdir(mode=0)
    with pytest.raises(ConfigurationError, match=r"cannot be read: Permission denied"):
        load_config(nobodys_folder / "in" / "config.yml")


def test_a_name_with_a_nul_byte_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_config(Path("a\0b"))


def test_the_hash_depends_on_what_is_said_not_on_how(tmp_path: Path) -> None:
    one = load(tmp_path, PANEL + "session: {min_rounds: 2, seed: 1}\n")
    other = load(tmp_path, "session:\n  seed: 1\n  min_rounds: 2\n" + PANEL)
    changed = load(tmp_path, PANEL + "session: {min_rounds: 2, seed: 2}\n")
    assert config_hash(one) == config_hash(other) != config_hash(changed)


def test_reading_leaves_the_file_alone(tmp_path: Path) -> None:
    load(tmp_path, PANEL)
    assert os.listdir(tmp_path) == ["config.yml"]


@pytest.mark.parametrize(
    "address",
    ["https://u:s3cret@h/v1", "u:s3cret@h", "https://h/v1?api_key=s3cret", "https://h/v1#s3cret"],
)
def test_an_address_with_a_key_in_it_is_refused_and_not_repeated(
    tmp_path: Path, address: str
) -> None:
    text = f"agents: [{{provider: openai, model: m, count: 2, base_url: '{address}'}}]\n"
    with pytest.raises(ConfigurationError, match=r"key belongs in .* \.env") as caught:
        load(tmp_path, text)
    assert "line 1 in “agents[0].base_url”" in caught.value.message
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(ValidationError) as refused:
        PanelConfig(provider="openai", model="m", base_url=address)
    assert "s3cret" not in str(refused.value)
