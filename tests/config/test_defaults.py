"""The panel that needs no configuration file."""

from __future__ import annotations

from virtual_agora.config.defaults import offline_panel, panel_of
from virtual_agora.config.models import Config
from virtual_agora.providers.offline_stock import Voice, angles


def test_the_offline_panel_is_four_named_people_with_a_mind_of_their_own() -> None:
    panel = offline_panel()
    members = panel.participants()

    assert [name for name, _ in members] == ["Ada", "Bruno", "Celia", "Dmitri"]
    assert {agent.provider for agent in panel.everyone()} == {"offline"}
    assert {agent.model for agent in panel.everyone()} == {"scripted"}
    assert all(name in (member.persona or "") for name, member in members)


def test_every_member_of_the_offline_panel_speaks_from_an_angle_of_its_own() -> None:
    voices = [
        Voice.of(agent.persona or "", name, 7) for name, agent in offline_panel().participants()
    ]

    assert [voice.angle for voice in voices] == list(angles().values())
    assert all(voice.by_persona for voice in voices)


def test_members_that_differ_in_their_number_only_get_different_angles() -> None:
    voices = [Voice.of("", f"scripted {number}", 7) for number in (1, 2, 3, 4)]

    assert [voice.angle for voice in voices] == list(angles().values())
    assert not any(voice.by_persona for voice in voices)


def test_the_same_assembly_sits_on_another_providers_model() -> None:
    panel, offline = panel_of("ollama", "llama3.2"), offline_panel()

    assert {(agent.provider, agent.model) for agent in panel.everyone()} == {("ollama", "llama3.2")}
    assert [a.persona for a in panel.agents] == [a.persona for a in offline.agents]
    assert None not in (panel.moderator, panel.summarizer, panel.report_writer)


def test_the_panel_is_a_configuration_like_any_other() -> None:
    assert Config.model_validate(offline_panel().model_dump()) == offline_panel()
