"""Who is asked where it stands, and what each agent knows when it is asked: read from the requests that reached the wire."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import pytest
from tests.conftest import THEME, answers, checked_updates
from tests.support.wire import Wire

from virtual_agora.config.models import Config

TOPICS = ("What does it cost?", "Who gains?")
NAMES = ("Anna", "Boris", "Chloe")
SPEAKING = {"goes-on": "Chloe"}
"""Who speaks through a model that is not called after it. This one votes no in every poll."""
EVERYTHING = {
    "conclude": "unanimous",
    "positions": "every_round",
    "control": True,
    "single_model": True,
    "dissenter": True,
}


@pytest.fixture
def wire(tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire:
        yield wire


def panel(wire, *models, **session):
    def agent(model, **more):
        return {"provider": "openai_compatible", "model": model, "base_url": wire.base_url, **more}

    members = [
        agent(model, name=name, persona=f"A friend of {name[::-1]}.")
        for name, model in zip(NAMES, models, strict=True)
    ]
    rules = {"seed": 1, "min_rounds": 2, "max_rounds": 2, "checkpoint_interval": 9, **session}
    roles = ("moderator", "summarizer", "report_writer")
    return Config.model_validate(
        {"agents": members, "session": rules, **{role: agent(role) for role in roles}}
    )


def held(flow, topics=TOPICS, **by_type):
    """The state after a whole session."""
    session = flow.create_session(THEME, topics=topics)
    steps = [name for name, _ in checked_updates(flow, session, answers(**by_type))]
    assert steps[-1] == "multi_file_output"
    return flow.state_manager.get_snapshot()


def prompts(wire):
    """Every request: who is asked (by its model), the task, the topic, the system prompt and the prompt itself."""
    for line in wire.received():
        system, prompt = (message["content"] for message in line["messages"])
        topic = re.search(r"<topic>\n(.+)\n</topic>", prompt)
        yield (
            SPEAKING.get(line["model"], line["model"]),
            line["task"],
            topic[1] if topic else "",
            system,
            prompt,
        )


def tags(prompt):
    """The elements of a prompt, in order, each once."""
    return list(dict.fromkeys(re.findall(r"^<(\w+)", prompt, re.MULTILINE)))


@pytest.mark.parametrize(("attribution", "topics"), [("hidden", TOPICS), ("shown", TOPICS[:1])])
def test_who_knows_what(make_flow, wire, attribution, topics):
    flow = make_flow(panel(wire, "Anna", "Boris", "goes-on", attribution=attribution, **EVERYTHING))
    state = held(flow, topics)
    ids = {agent["name"]: agent["id"] for agent in state["agents"]}
    asked = list(prompts(wire))
    said = {m["id"]: m for m in state["messages"] if m["kind"] == "statement"}
    each = 3 * len(topics)
    assert len(said) == 2 * each
    assert Counter(p["moment"] for p in state["positions"]) == {
        "before": each, "round": 2 * each, "after": each, "control": each, "single_model": len(topics),
    }  # fmt: skip

    charges = Counter()
    for model, task, topic, system, prompt in asked:
        # Nobody's position is known to anybody but its holder, and to that one only where it is reminded of it. Whoever
        # writes the reports knows the last ones.
        known = [p for p in state["positions"] if p["position"] in prompt]
        first_round = task == "statement" and '<live_round round="2">' not in prompt
        first_round = first_round and "<earlier_rounds>" not in prompt
        reminded = first_round or task in ("round_position", "closing_position", "control_position")
        expected = [(ids[model], topic, "before")] if reminded else []
        if task in ("report_outline", "report_section"):
            last = [p for p in state["positions"] if p["moment"] == "after"]
            expected = [
                (p["agent"], p["topic"], "after") for p in last if topic in ("", p["topic"])
            ]
        assert [(p["agent"], p["topic"], p["moment"]) for p in known] == expected, task

        # No name but its own, unless the session shows them; then to those who debate, on what was said.
        others = [name for name in NAMES if name != model and name in prompt]
        heard = [m["speaker"] for m in said.values() if m["content"] in prompt]
        debating = task in ("statement", "round_position")
        if attribution == "shown" and debating:
            assert set(others) == set(heard) - {model}
            assert Counter(re.findall(r'speaker="(\w+)"', prompt)) == Counter(heard)
        else:
            assert others == [], task
            assert "speaker=" not in prompt
        if model not in NAMES:
            assert not any(name in prompt or name[::-1] in prompt for name in NAMES), task

        # Only the one concerned is told to dissent, and of a turn nobody is told that it was so ordered.
        charged = "argue the strongest case against" in prompt
        charges[charged] += task == "statement"
        assert task == "statement" or not charged
        assert charged == ('charge="dissenter"' in prompt)
        assert len(re.findall("dissenter", prompt)) == charged

        # What comes before the persona is the same for all who are asked together.
        if task == "opening_position":
            assert tags(prompt)[:2] == ["theme", "topic"]
            assert tags(prompt)[-2:] == ["you", "task"]
            assert not heard
        if task == "control_position":
            assert tags(prompt) == ["theme", "topic", "you", "your_position", "task"]
            written = [s["text"] for s in (*state["round_summaries"], *state["topic_summaries"])]
            assert not any(
                text in prompt for text in [*(m["content"] for m in said.values()), *written]
            )
        if task == "single_model":
            assert model == "moderator"
            assert tags(prompt) == ["theme", "topic", "task"]
            assert "assembly" not in (system + prompt).lower()
        if task == "closing_position":
            assert prompt.count("<summary ") == 2
            assert not heard
        if task == "round_position":
            assert len(heard) == 3
    assert charges == {True: 2 * len(topics), False: 4 * len(topics)}


def test_the_dissenter_is_another_one_each_round_and_is_on_record(make_flow):
    flow = make_flow(dissenter=True, min_rounds=5, max_rounds=5, checkpoint_interval=9)
    state = held(flow, TOPICS[:1])
    spoken = [m for m in state["messages"] if m["kind"] == "statement"]
    charged = [m for m in spoken if m.get("dissenter")]
    assert [m["round"] for m in charged] == [1, 2, 3, 4, 5]
    # The last to speak, who has heard the most; the order rotates, so each has its turn.
    assert charged == spoken[3::4]
    assert len({m["agent"] for m in charged[:4]}) == 4
    transcript = (flow.reports_dir / f"session_{state['session_id']}" / "transcript.md").read_text()
    assert transcript.count(", asked to dissent") == 5


def test_the_last_to_speak_dissents_also_once_somebody_is_excluded(make_flow, wire, clock):
    rules = {"dissenter": True, "positions": "off", "min_rounds": 9, "max_rounds": 9}
    state = held(make_flow(panel(wire, "Anna", "Boris", "always-500", **rules)), TOPICS[:1])
    assert state["excluded"] == ["participant-3"]
    spoken = [m for m in state["messages"] if m["kind"] == "statement" and m["round"] > 3]
    charged = [m for m in spoken if m.get("dissenter")]
    assert [m["round"] for m in charged] == [4, 5, 6, 7, 8, 9]
    assert charged == spoken[1::2]
    assert all(one["agent"] != other["agent"] for one, other in pairwise(charged))


def test_only_turns_of_others_that_exist_move_anybody(make_flow, wire):
    """The wire's models name every turn they were shown, their own too, and one that there is not."""
    state = held(make_flow(panel(wire, *NAMES, positions="every_round")), TOPICS[:1])
    taken = [p for p in state["positions"] if p["moment"] == "round"]
    assert len(taken) == 6
    for position in taken:
        shown = [m for m in state["messages"] if m["round"] == position["round"]]
        assert position["moved_by"] == [
            m["id"] for m in shown if m["kind"] == "statement" and m["agent"] != position["agent"]
        ]


def test_a_position_that_is_not_given_is_a_turn_skipped(make_flow, wire, clock):
    config = panel(wire, "Anna", "Boris", "500-on-opening_position", control=True)
    state = held(make_flow(config), TOPICS[:1])
    assert [(n["kind"], n["agent"]) for n in state["notices"]] == [("skipped", "participant-3")]
    assert "opening position was skipped" in state["notices"][0]["text"]
    moments = Counter(p["moment"] for p in state["positions"])
    assert moments == {"before": 2, "after": 3, "control": 3}
    for model, task, _, _, prompt in prompts(wire):
        if model.startswith("500") and task in (
            "statement",
            "closing_position",
            "control_position",
        ):
            assert "<your_position" not in prompt


@pytest.mark.parametrize(
    ("turns", "excluded", "failures"),
    [
        (["finalize"], [], {"participant-3": 2}),
        (["continue", "finalize"], ["participant-3"], {"participant-3": 0}),
    ],
)
def test_a_member_lost_in_two_steps_side_by_side_is_lost_once(
    make_flow, wire, clock, turns, excluded, failures
):
    """Last words, position and control at the same time count as one; the third time in a row excludes."""
    rules = {"control": True, "participation": "start_of_round"}
    config = panel(wire, "Anna", "Boris", "always-500", **rules)
    state = held(make_flow(config), TOPICS[:1], user_turn=turns)
    assert state["excluded"] == excluded
    assert state["failures"] == failures
    lost = {line["task"] for line in wire.received() if line["model"] == "always-500"}
    closing = {"closing_position", "control_position", "final_words"}
    assert lost - {"statement"} == {"opening_position", *closing}
    assert ("statement" in lost) == (turns[0] == "continue")
    assert {p["agent"] for p in state["positions"]} == {"participant-1", "participant-2"}
