"""A session as its state has it at the end: two topics, one of which was closed against a minority."""

from __future__ import annotations

from typing import Any

import pytest

from virtual_agora.config.models import Config, PanelConfig, SessionConfig
from virtual_agora.state.schema import (
    AgentRecord,
    Message,
    Notice,
    Report,
    RoundSummary,
    TopicSummary,
    Usage,
    VirtualAgoraState,
    Vote,
)

FIRST, SECOND = "Who would pay, and how much?", "Would fewer people drive?"
PANEL = {
    "participant-1": ("Ada", "openai", "gpt-6-luna"),
    "participant-2": ("Bruno", "openai", "gpt-6-luna"),
    "participant-3": ("Chen", "anthropic", "claude-sonnet-5-5"),
    "participant-4": ("Dalia", "ollama", "llama3.2"),
}


def agent(id_: str, name: str, role: Any, provider: str, model: str) -> AgentRecord:
    return AgentRecord(
        id=id_,
        name=name,
        role=role,
        provider=provider,
        model=model,
        persona="You run a city's budget." if name == "Ada" else None,
        base_url="https://user:hunter2@example.org:8000/v1?key=topsecret"
        if name == "Ada"
        else None,
        temperature=None,
        max_tokens=None,
        timeout=None,
    )


def votes(
    ballot: int, kind: Any, topic: str, round_number: int, choices: list[list[str]]
) -> list[Vote]:
    return [
        Vote(
            ballot=ballot,
            kind=kind,
            agent=agent_id,
            topic=topic,
            round=round_number,
            choice=choice,
            reason="the answer was unusable" if not choice else "We have heard the main points.",
        )
        for agent_id, choice in zip(PANEL, choices, strict=False)
    ]


def used(calls: int, cost: float | None, **others: int) -> Usage:
    return Usage(
        calls=calls,
        failed=others.get("failed", 0),
        repaired=others.get("repaired", 0),
        input_tokens=calls * 2100,
        output_tokens=calls * 180,
        cached_tokens=calls * 1200,
        prompt_chars=calls * 8000,
        cost=cost,
    )


def discussion(topic: str, rounds: int, start: int) -> list[Message]:
    said: list[Message] = []
    for round_number in range(1, rounds + 1):
        for agent_id, (name, _, _) in PANEL.items():
            said.append(
                Message(
                    id=f"m{start + len(said):04}",
                    agent=agent_id,
                    speaker=name,
                    role="participant",
                    kind="statement",
                    topic=topic,
                    round=round_number,
                    content=f"In round {round_number} I hold that **fares** cover a third of the "
                    "cost:\n\n- a third is fares\n- the rest is taxes\n\nSo the gap is known.",
                    at="2026-11-22T10:00:00+00:00",
                )
            )
    return said


@pytest.fixture
def state() -> VirtualAgoraState:
    first = discussion(FIRST, 3, 1)
    second = discussion(SECOND, 1, 20)
    last = Message(
        id="m0013",
        agent="participant-4",
        speaker="Dalia",
        role="participant",
        kind="final_words",
        topic=FIRST,
        round=3,
        content="The *payroll levy* was never costed. Note it.",
        at="2026-11-22T10:09:00+00:00",
    )
    user = Message(
        id="m0024",
        agent="user",
        speaker="You",
        role="user",
        kind="user",
        topic=SECOND,
        round=1,
        content="What about cyclists?",
        at="2026-11-22T10:10:00+00:00",
    )
    config = Config(
        agents=(
            PanelConfig(
                provider="openai",
                model="gpt-6-luna",
                base_url="https://example.org/v1",
            ),
            PanelConfig(provider="anthropic", model="claude-sonnet-5-5"),
        ),
        session=SessionConfig(seed=7),
    )
    saved = config.model_dump(mode="json")
    # A configuration refuses this; reports leave it out all the same.
    saved["agents"][0]["base_url"] = "https://user:hunter2@example.org/v1"
    titles = [FIRST, SECOND, "Could the network carry them?"]
    return VirtualAgoraState(
        session_id="free-buses",
        schema_version=1,
        start_time="2026-11-22T09:58:03+00:00",
        config=saved,
        config_hash="0" * 64,
        seed=7,
        reports_dir="reports",
        main_topic="Should a city of 200,000 make its public transport free?",
        user_defines_topics=False,
        agenda=titles[2:],
        completed_topics=titles[:2],
        current_topic="",
        current_round=1,
        current_phase=5,
        status="complete",
        agents=[
            *(agent(i, n, "participant", p, m) for i, (n, p, m) in PANEL.items()),
            agent("moderator", "moderator", "moderator", "openai", "gpt-6-luna"),
            agent("summarizer", "summarizer", "summarizer", "openai", "gpt-6-luna"),
            agent("report_writer", "report writer", "report_writer", "openai", "gpt-6-luna"),
        ],
        excluded=["participant-3"],
        tally={
            "rule": "borda",
            "scores": {titles[0]: 7.0, titles[1]: 4.0, titles[2]: 4.0},
            "order": [[titles[0]], titles[1:]],
            "ballots": 4,
            "abstained": 0,
            "tie_broken_by": "moderator",
        },
        proposed_agenda=titles,
        context_documents=[{"name": "budget.md", "text": "The budget is 40 million.", "tokens": 7}],
        messages=[*first, last, *second, user],
        round_summaries=[
            RoundSummary(topic=FIRST, round=n, text=f"Round {n}: costs were compared.")
            for n in (1, 2, 3)
        ],
        topic_summaries=[
            TopicSummary(
                topic=FIRST,
                text="The panel agrees that fares cover a third and that a levy could replace them.",
                rounds=3,
                concluded_by="vote",
            ),
            TopicSummary(
                topic=SECOND, text="Opinions stayed divided.", rounds=1, concluded_by="user"
            ),
        ],
        vote_history=[
            *votes(1, "agenda", "", 0, [titles] * 3 + [titles[::-1]]),
            *votes(2, "conclude_topic", FIRST, 3, [["yes"], ["yes"], ["yes"], ["no"]]),
            *votes(3, "end_session", FIRST, 0, [["no"], ["yes"], [], ["no"]]),
        ],
        reports=[
            Report(
                topic=FIRST,
                title=FIRST,
                sections=[
                    {
                        "title": "What it costs",
                        "text": "# Costs\n\n12 million a year.\n\n## Of which\n\nhalf is staff.",
                    },
                    {"title": "Who would pay", "text": "A levy on payrolls."},
                ],
            ),
            Report(topic=SECOND, title=SECOND, sections=[{"title": "Driving", "text": ""}]),
            Report(
                topic="",
                title="x",
                sections=[
                    {"title": "The answer", "text": "Yes, if a levy pays for it."},
                    {"title": "What was disputed", "text": "How many would stop driving."},
                ],
            ),
        ],
        notices=[
            Notice(
                kind="warning", agent="", text="Ada and Bruno share one model.", topic="", round=0
            ),
            Notice(
                kind="skipped",
                agent="participant-3",
                text="Chen's statement was skipped: the model did not answer within 300 s.",
                topic=FIRST,
                round=2,
            ),
            Notice(
                kind="excluded",
                agent="participant-3",
                text="Chen was excluded: 3 turns lost in a row",
                topic=SECOND,
                round=1,
            ),
        ],
        usage={
            "openai/gpt-6-luna": used(40, 0.1234, repaired=1),
            "anthropic/claude-sonnet-5-5": used(9, 0.31, failed=3),
            "ollama/llama3.2": used(12, 0.0),
        },
        phase_history=[{"phase": 0, "node": "config_and_keys"}],
    )
