"""Whole sessions of the offline assembly, gate by gate, through the coordinator."""

from __future__ import annotations

import itertools

import pytest
from tests.conftest import THEME, answers, checked_updates, where
from tests.support.wire import Wire

from virtual_agora.config.models import Config
from virtual_agora.execution.stream_coordinator import StreamCoordinator
from virtual_agora.flow.graph_v13 import NODES
from virtual_agora.flow.interrupts import GraphInterrupt

TOPICS = ("What does it cost?", "Who gains?")

OPENING = ["config_and_keys", "agent_instantiation", "get_theme"]
AGENDA = [
    "agenda_proposal",
    "topic_refinement",
    "collate_proposals",
    "agenda_voting",
    "synthesize_agenda",
    "agenda_approval",
]
ROUND = ["discussion_round", "round_summarization"]
CLOSE = [
    "final_considerations",
    "closing_positions",
    "topic_report_generation",
    "topic_summary_generation",
    "file_output",
]
END = ["final_report_generation", "multi_file_output"]


def names(updates):
    """The steps in order; those that run side by side as `CLOSE` lists them."""
    steps = [name for name, _ in updates]
    for at, (one, other) in enumerate(itertools.pairwise(steps)):
        if (other, one) in itertools.pairwise(CLOSE):
            steps[at : at + 2] = [other, one]
    return steps


def run(flow, session_id, **by_type):
    return names(checked_updates(flow, session_id, answers(**by_type)))


def test_an_agenda_of_the_assemblys_own_from_theme_to_report(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME)
    topic = ["announce_item", "opening_positions", *ROUND * 3]
    topic += ["end_topic_poll", "periodic_user_stop", "vote_evaluation"]
    steps = run(flow, session, agenda_approval={"action": "reorder", "order": [2, 1]})
    state = flow.state_manager.get_snapshot()
    assert steps[:9] == OPENING + AGENDA
    assert steps[9:25] == [*topic, *CLOSE]
    assert steps[-2:] == END
    assert state["status"] == "complete"
    assert state["completed_topics"][0] == state["proposed_agenda"][1]
    assert {record["phase"] for record in state["phase_history"]} == {0, 1, 2, 3, 4, 5}


def test_topics_of_the_users_own_need_no_vote(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME, topics=TOPICS)
    steps = run(flow, session)
    assert steps[:4] == [*OPENING, "announce_item"]
    assert "agenda_voting" not in steps
    assert flow.state_manager.state["completed_topics"][0] == TOPICS[0]


def test_theme_and_topics_can_be_given_at_the_first_question(make_flow):
    flow = make_flow()
    session = flow.create_session()
    given = {"action": "start", "theme": "Bread?", "topics": ["Sourdough?"]}
    steps = run(flow, session, theme_request=given)
    assert steps[:4] == [*OPENING, "announce_item"]
    assert flow.state_manager.state["main_topic"] == "Bread?"
    assert flow.state_manager.state["completed_topics"] == ["Sourdough?"]


def test_a_user_who_defines_the_topics_is_asked_for_them(make_flow):
    flow = make_flow()
    session = flow.create_session(main_topic=THEME, user_defines_topics=True)
    with pytest.raises(GraphInterrupt) as pause:
        list(flow.stream(where(session)))
    assert pause.value.value["type"] == "theme_request"
    assert pause.value.value["theme"] == THEME


def test_edit_replaces_the_agenda(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME)
    run(flow, session, agenda_approval={"action": "edit", "agenda": ["Only this?"]})
    assert flow.state_manager.state["completed_topics"] == ["Only this?"]


def test_rejections_are_bounded_and_their_reason_is_heard(make_flow):
    flow = make_flow(agenda_rejections=2)
    session = flow.create_session(THEME, session_id="s")
    seen = []

    def reject(question):
        seen.append(dict(question["options"]))
        if "reject" in question["options"]:
            return {"action": "reject", "reason": "too vague"}
        return {"action": "reorder", "order": [1]}

    def answer(question):
        return reject(question) if question["type"] == "agenda_approval" else question["default"]

    steps = names(checked_updates(flow, session, answer))
    assert steps.count("agenda_proposal") == 3
    assert ["reject" in options for options in seen] == [True, True, False]
    assert flow.state_manager.state["status"] == "complete"


def test_the_speaking_order_rotates_by_one_each_round(make_flow):
    flow = make_flow(min_rounds=3)
    session = flow.create_session(THEME, topics=TOPICS[:1])
    run(flow, session)
    messages = flow.state_manager.state["messages"]
    rounds = [
        [m["agent"] for m in messages if m["round"] == n and m["kind"] == "statement"]
        for n in (1, 2, 3)
    ]
    assert len(rounds[0]) == 4
    assert rounds[1] == rounds[0][1:] + rounds[0][:1]
    assert rounds[2] == rounds[0][2:] + rounds[0][:2]


def test_the_first_order_comes_from_the_seed(make_flow):
    def first_order(seed):
        flow = make_flow(seed=seed)
        session = flow.create_session(THEME, topics=TOPICS)
        run(flow, session, periodic_stop="skip_to_report")
        return [m["agent"] for m in flow.state_manager.state["messages"]][:4]

    assert first_order(1) == first_order(1)
    assert len({tuple(first_order(seed)) for seed in range(6)}) > 1


def test_without_agreement_a_topic_ends_at_max_rounds_and_everybody_has_the_last_word(make_flow):
    flow = make_flow(min_rounds=1, max_rounds=2, checkpoint_interval=5, conclude="unanimous")
    session = flow.create_session(THEME, topics=TOPICS[:1])
    steps = run(flow, session)
    state = flow.state_manager.state
    assert steps.count("discussion_round") == 2
    assert "periodic_user_stop" not in steps
    assert state["topic_summaries"][0]["concluded_by"] == "max_rounds"
    assert len([m for m in state["messages"] if m["kind"] == "final_words"]) == 4


def test_a_vote_gives_the_last_word_to_those_who_lost_it(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME, topics=TOPICS[:1])
    run(flow, session)
    state = flow.state_manager.state
    against = {v["agent"] for v in state["vote_history"] if v["choice"] == ["no"]}
    words = {m["agent"] for m in state["messages"] if m["kind"] == "final_words"}
    assert state["topic_summaries"][0]["concluded_by"] == "vote"
    assert words == against != set()


@pytest.mark.parametrize("seed", range(3))
def test_forty_rounds_on_one_topic_finish(make_flow, seed):
    flow = make_flow(min_rounds=40, max_rounds=40, checkpoint_interval=3, seed=seed)
    session = flow.create_session(THEME, topics=TOPICS[:1])
    coordinator = StreamCoordinator(flow, answers())
    steps = [
        next(iter(update)) for update in coordinator.coordinate_stream_execution(where(session))
    ]
    state = flow.state_manager.get_snapshot()
    assert steps.count("discussion_round") == 40
    assert [s["round"] for s in state["round_summaries"]] == list(range(1, 41))
    assert state == flow.graph.get_state(where(session)).values
    assert state["status"] == "complete"


@pytest.mark.parametrize("action", ["end_topic", "skip_to_report"])
def test_the_user_can_end_a_topic(make_flow, action):
    flow = make_flow(min_rounds=2, checkpoint_interval=2)
    session = flow.create_session(THEME, topics=TOPICS)
    steps = run(flow, session, periodic_stop=[action])
    state = flow.state_manager.state
    assert state["topic_summaries"][0]["concluded_by"] == "user"
    first = [m for m in state["messages"] if m["topic"] == TOPICS[0]]
    assert len([m for m in first if m["kind"] == "final_words"]) == 4
    assert ("agent_poll" in steps) == (action == "end_topic")
    assert len(state["completed_topics"]) == (2 if action == "end_topic" else 1)
    assert steps[-2:] == END


def test_the_user_can_have_the_agenda_revised_after_a_topic(make_flow):
    flow = make_flow()
    session = flow.create_session(THEME, topics=TOPICS)
    steps = run(flow, session, periodic_stop=["modify_agenda"])
    at = steps.index("agenda_modification")
    assert steps[at - 1] == "file_output"
    assert steps[at + 1] in ("topic_refinement", "announce_item")
    assert flow.state_manager.state["status"] == "complete"


@pytest.fixture
def wire(tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire:
        yield wire


def test_a_topic_that_is_only_taken_off_changes_the_agenda_too(make_flow, wire):
    """The rest is voted on and approved; an agenda rejected there does not lose what stood on it."""
    agent = {"provider": "openai_compatible", "model": "adds-nothing", "base_url": wire.base_url}
    rules = {"seed": 1, "min_rounds": 1, "max_rounds": 1, "checkpoint_interval": 1}
    config = Config.model_validate({"agents": [{**agent, "count": 3}], "session": rules})
    flow = make_flow(config)
    session = flow.create_session(THEME, topics=["One?", "Two?", "Three?"])
    updates = list(
        checked_updates(
            flow,
            session,
            answers(periodic_stop=["modify_agenda"], agenda_approval=["reject", "approve"]),
        )
    )
    steps = [name for name, _ in updates]
    at = steps.index("agenda_modification")
    assert updates[at][1]["agenda"] == ["Three?"]
    again = steps.index("agenda_proposal")
    assert steps[at + 1 : again : 4] == ["topic_refinement", "agenda_approval"]
    assert updates[again][1]["proposals"][0]["topics"] == [
        {"title": "Three?", "why": "on the agenda"}
    ]


@pytest.mark.parametrize(
    ("action", "follows"),
    [
        ("continue", "announce_item"),
        ("end_session", "final_report_generation"),
        ("modify_agenda", "agenda_modification"),
    ],
)
def test_the_user_decides_how_it_goes_on_between_topics(make_flow, action, follows):
    flow = make_flow()
    session = flow.create_session(THEME, topics=TOPICS)
    steps = run(flow, session, topic_continuation=[action])
    assert steps[steps.index("user_approval") + 1] == follows
    assert flow.state_manager.state["status"] == "complete"


@pytest.mark.parametrize("moment", ["start_of_round", "end_of_round"])
def test_the_user_can_speak_in_every_round(make_flow, moment):
    flow = make_flow(participation=moment)
    session = flow.create_session(THEME, topics=TOPICS[:1])
    spoken = {"action": "participate", "text": "Think of the night buses."}
    steps = run(flow, session, user_turn=spoken)
    said = [m for m in flow.state_manager.state["messages"] if m["round"] == 2]
    place = 0 if moment == "start_of_round" else -1
    assert steps.count("user_turn") == steps.count("discussion_round") == 3
    assert [m["kind"] for m in said if m["kind"] != "statement"] == ["user"]
    assert said[place]["content"] == spoken["text"]
    assert said[place]["role"] == "convener"


@pytest.mark.parametrize("moment", ["start_of_round", "end_of_round"])
def test_the_user_can_close_a_topic_on_their_turn_and_no_round_is_lost(make_flow, moment):
    flow = make_flow(participation=moment)
    session = flow.create_session(THEME, topics=TOPICS[:1])
    run(flow, session, user_turn=["continue", "finalize"])
    state = flow.state_manager.state
    rounds = 1 if moment == "start_of_round" else 2
    assert state["topic_summaries"][0]["concluded_by"] == "user"
    assert len([m for m in state["messages"] if m["kind"] == "statement"]) == 4 * rounds
    assert len(state["round_summaries"]) == rounds


def test_every_node_has_its_step_and_no_other_is_reachable(make_flow):
    flow = make_flow()
    graph = flow.graph.get_graph()
    assert set(graph.nodes) == {*NODES, "__start__", "__end__"}
    assert all(callable(getattr(flow.nodes, f"{name}_node")) for name in NODES)


LOCAL = {"provider": "openai_compatible", "model": "default"}
SCRIPT = {"provider": "offline", "model": "scripted"}


@pytest.mark.parametrize(
    ("agents", "moderator", "warned"),
    [
        (
            [
                {"provider": "grok", "model": "m", "base_url": "http://localhost:9", "count": 2},
                {"provider": "XAI", "model": "m", "base_url": "http://localhost:9/"},
            ],
            None,
            True,
        ),
        ([{**LOCAL, "base_url": "http://localhost:9", "count": 4}], SCRIPT, True),
        ([{**LOCAL, "base_url": f"http://localhost:{port}"} for port in (8, 9)], None, False),
        ([{**SCRIPT, "count": 4}], {**LOCAL, "base_url": "http://localhost:9"}, False),
    ],
)
def test_a_panel_of_one_model_is_warned_about(make_flow, agents, moderator, warned):
    flow = make_flow(Config.model_validate({"agents": agents, "moderator": moderator}))
    session = flow.create_session(THEME, topics=TOPICS)
    stream = flow.stream(where(session))
    next(stream)
    update = next(stream)["agent_instantiation"]
    stream.close()
    names = [agent["name"] for agent in update["agents"] if agent["role"] == "participant"]
    assert names == [f"{agents[0]['model']} {number}" for number in range(1, len(names) + 1)]
    assert ["one model" in notice["text"] for notice in update.get("notices", [])] == [
        True
    ] * warned
