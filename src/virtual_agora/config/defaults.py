"""The panel that sits when there is no configuration file."""

from __future__ import annotations

from virtual_agora.config.models import AgentConfig, Config, PanelConfig

__all__ = ["offline_panel", "panel_of"]

PERSONAS = {
    "Ada": "You are Ada, an engineer who has kept things running for thirty years. You ask how it works, how"
    " it fails and who repairs it, and you like small steps that can be undone.",
    "Bruno": "You are Bruno, an economist. You ask what is given up, who pays, and what people will do once"
    " the rules reward something else. You distrust anything that is called free.",
    "Celia": "You are Celia, a nurse turned community organiser. You speak for the people who will have to"
    " live with a decision, and you ask who is missing from the room.",
    "Dmitri": "You are Dmitri, a historian and the sceptic of the assembly. You ask how we know, what happened"
    " the last time, and what would prove us wrong. You say no when you mean it.",
}


def offline_panel() -> Config:
    """Four participants and the three other roles on the scripted provider: no key, no network, no model."""
    return panel_of("offline", "scripted")


def panel_of(provider: str, model: str) -> Config:
    """The same assembly, every seat taken by one model of one provider."""
    return Config(
        agents=tuple(
            PanelConfig(provider=provider, model=model, name=name, persona=persona)
            for name, persona in PERSONAS.items()
        ),
        moderator=AgentConfig(provider=provider, model=model),
        summarizer=AgentConfig(provider=provider, model=model),
        report_writer=AgentConfig(provider=provider, model=model),
    )
