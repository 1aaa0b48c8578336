"""A session with a budget: near a cap it says so, at the cap it asks, and whatever is answered, it comes to a whole end."""

import pytest
from tests.conftest import answers, checked_updates, offline_config
from tests.production.panels import wire_config
from tests.support.wire import Wire

from virtual_agora import reports
from virtual_agora.config.models import Config
from virtual_agora.errors import NodeExecutionError
from virtual_agora.events import CallStarted
from virtual_agora.execution.session import Agora
from virtual_agora.hitl import default_answer
from virtual_agora.state.validator import validate_state_consistency

THEME = "Should a city of 200,000 make its public transport free?"
TOPICS = ("What does it cost?", "Who gains?")
BRIEF = {"min_rounds": 1, "max_rounds": 2, "checkpoint_interval": 9}
WRITTEN = {"round_summary", "topic_summary", "report_outline", "report_section"}


def capped(budget, config=None, **rules):
    config = config or offline_config(**{**BRIEF, **rules})
    return Config.model_validate({**config.model_dump(), "budget": budget})


def calls(state):
    return sum(used["calls"] for used in state["usage"].values())


def tokens(state):
    return sum(used["input_tokens"] + used["output_tokens"] for used in state["usage"].values())


def said(state, kind):
    return [notice["text"] for notice in state["notices"] if notice["kind"] == kind]


class Held:
    """A session to its end: its state, the questions about its budget, and the tasks that were asked for after the last of them."""

    def __init__(self, flow, *, topics=TOPICS, **by_type):
        self.questions, self.after = [], []
        chosen = answers(**by_type)

        def answer(question):
            if question["type"] == "budget_reached":
                self.questions.append(question)
                self.after.clear()
            return chosen(question)

        def listen(event):
            if isinstance(event, CallStarted):
                self.after.append(event.task)

        flow.listener = listen
        session = flow.create_session(THEME, topics=topics)
        for _ in checked_updates(flow, session, answer):
            pass
        self.state = flow.state_manager.get_snapshot()
        assert self.state["status"] == "complete"


@pytest.mark.parametrize(
    ("topics", "most"),
    [((), 1), ((), 8), ((), 9), ((), 13), (TOPICS, 9), (TOPICS, 24), (TOPICS, 36), (TOPICS, 70)],
    ids=str,
)
def test_wherever_a_budget_is_used_up_the_session_ends_with_reports_on_what_is_there(
    make_flow, topics, most
):
    held = Held(make_flow(capped({"calls": most})), topics=topics)
    state, (question,) = held.state, held.questions
    (cap,) = question["caps"]
    members = sum(agent["role"] == "participant" for agent in state["agents"])
    assert most <= cap["used"] < most + 2 * members  # what was begun together
    assert set(held.after) <= WRITTEN
    # A summary written beside the report that was asked about had begun before the question.
    assert calls(state) - cap["used"] - len(held.after) in (0, 1)
    assert len(held.after) <= question["closing"]["calls"]
    (decided,) = said(state, "user")
    # Whether a person said so, or the default applied where nobody was there, the record cannot know.
    assert decided.startswith("This session was concluded because of the budget: ")
    assert f"because of the budget: {cap['used']} of {most} call" in decided
    assert [n["agent"] for n in state["notices"] if n["kind"] == "user"] == [""]
    for topic in state.get("completed_topics", []):
        assert any(report["topic"] == topic and report["sections"] for report in state["reports"])
    files = reports.final_report(state)
    assert "because of the budget" in files["index.md"]
    assert ("final/" in "".join(files)) == bool(state.get("completed_topics"))


def test_a_digest_that_is_due_counts_among_the_calls_that_it_takes_to_conclude(make_flow, tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire:
        rules = {"min_rounds": 8, "max_rounds": 8, "positions": "off", "checkpoint_interval": 9}
        panel = wire_config(wire, "one", "two", role="wordy", **rules)
        # Two turns and a summary a round: the fourth round has begun, and three summaries are too long.
        held = Held(make_flow(capped({"calls": 10}, panel)), topics=TOPICS[:1])
    (question,) = held.questions
    assert question["closing"]["calls"] == 2 + 7 + 6
    assert held.after.count("digest") == held.after.count("round_summary") == 1


def test_nothing_of_a_step_is_begun_without_room_and_what_was_said_is_kept(make_flow):
    # Four opening positions, and two of four turns.
    held = Held(make_flow(capped({"calls": 6}, min_rounds=2)))
    (question,) = held.questions
    assert (question["caps"][0]["used"], question["step"]) == (6, "statement")
    assert [m["kind"] for m in held.state["messages"]] == ["statement", "statement"]
    assert held.state["topic_summaries"][0]["concluded_by"] == "budget"
    assert held.state["round_summaries"][0]["text"]
    assert held.state["agenda"] == [TOPICS[1]]
    assert {p["moment"] for p in held.state["positions"]} == {"before"}
    assert held.state["vote_history"] == []


def test_at_the_cap_of_a_topic_not_even_the_summary_of_the_round_is_begun_unasked(make_flow):
    # Four opening positions and four turns: the first round is complete.
    held = Held(make_flow(capped({"topic": {"calls": 8}}, min_rounds=2)))
    question = held.questions[0]
    assert question["scope"] == "topic"
    assert (question["caps"][0]["used"], question["step"]) == (8, "round_summary")
    assert held.state["round_summaries"][0]["text"]
    assert [s["concluded_by"] for s in held.state["topic_summaries"]] == ["budget", "budget"]
    assert {p["moment"] for p in held.state["positions"]} == {"before"}


def test_near_a_cap_it_is_told_once_and_again_for_a_raised_one(make_flow):
    held = Held(
        make_flow(capped({"calls": 30, "tokens": 10**7})),
        budget_reached=[{"action": "extend", "calls": 45}, "conclude"],
    )
    near = [text for text in said(held.state, "warning") if "% of the budget" in text]
    assert len(near) == 2
    assert near[0].endswith("of 30 calls.")
    assert near[1].endswith("of 45 calls.")
    assert "raised the cap of this session from 30 calls to 45 calls" in " ".join(
        said(held.state, "user")
    )
    assert [q["caps"][0]["limit"] for q in held.questions] == [30, 45]


def test_a_topic_with_its_budget_used_up_is_closed_and_the_next_one_has_its_own(make_flow):
    budget = {"topic": {"calls": 9}}
    held = Held(
        make_flow(capped(budget, min_rounds=2)),
        budget_reached=[{"action": "extend", "calls": 12}, "conclude", "conclude"],
    )
    asked = [
        (q["scope"], q["current_topic"], q["caps"][0]["used"], q["caps"][0]["limit"])
        for q in held.questions
    ]
    assert asked == [
        ("topic", TOPICS[0], 9, 9),
        ("topic", TOPICS[0], 12, 12),
        ("topic", TOPICS[1], 9, 9),
    ]
    state = held.state
    assert [s["concluded_by"] for s in state["topic_summaries"]] == ["budget", "budget"]
    assert state["agenda"] == []
    assert [v["kind"] for v in state["vote_history"]] == ["end_session"] * 4
    assert state["budget"]["concluding"] == ""


def test_a_cap_on_tokens_counts_what_is_sent_and_received(make_flow):
    whole = Held(make_flow(capped({}))).state
    most = tokens(whole) // 2
    held = Held(make_flow(capped({"tokens": most})))
    (cap,) = held.questions[0]["caps"]
    assert (cap["kind"], cap["limit"]) == ("tokens", most)
    assert most <= cap["used"] <= tokens(held.state) < tokens(whole)


def test_a_budget_stays_with_a_session_that_is_resumed_and_forked(tmp_path, clock, database):
    """Stopped in the middle of a round, raised in another process, forked: no call is made twice, no cap forgotten."""
    config = capped({"calls": 6}, min_rounds=2)
    with Agora(tmp_path / "data", database, clock=clock) as agora:
        agora.create(
            config, theme=THEME, topics=TOPICS, session_id="s", seed=7, reports_dir=tmp_path / "r"
        )
        started = []

        def listen(event):
            if isinstance(event, CallStarted):
                started.append(event.call_id)

        leg = agora.run_leg("s", answers(budget_reached="stop"), listener=listen)
        assert leg.question["type"] == "budget_reached"
        assert len(started) == 6
    with Agora(tmp_path / "data", database, clock=clock) as agora:
        raised = [{"action": "extend", "calls": 12}, "stop"]
        leg = agora.run_leg("s", answers(budget_reached=raised), listener=listen)
        assert leg.question["caps"][0]["limit"] == 12
        assert len(started) == len(set(started)) == leg.question["caps"][0]["used"] == 12
        last = agora.steps("s")[-1].number
        fork = agora.fork("s", last)
        assert agora.snapshot(fork)["budget"]["raised"] == {"session.calls": 12}
        leg = agora.run_leg(fork, default_answer)
        assert leg.status == "complete"
        assert said(agora.snapshot(fork), "user")[-1].startswith("This session was concluded")
        assert agora.question("s")["type"] == "budget_reached"


def test_caps_that_a_fork_names_hold_as_they_stand_there(tmp_path, clock, database):
    """What was raised or concluded under the caps before is no word on these; under the same caps it still is."""
    with Agora(tmp_path / "data", database, clock=clock) as agora:

        def forked(name, most, by):
            config = capped({"calls": most}, min_rounds=2)
            fork = agora.fork("s", at, name, config=config)
            questions = []

            def answer(question):
                questions.append(question)
                return answers(budget_reached=by)(question)

            agora.run_leg(fork, answer)
            limits = [q["caps"][0]["limit"] for q in questions if q["type"] == "budget_reached"]
            return limits, agora.snapshot(fork)

        config, reports_dir = capped({"calls": 6}, min_rounds=2), tmp_path / "r"
        agora.create(
            config, theme=THEME, topics=TOPICS, session_id="s", seed=7, reports_dir=reports_dir
        )
        agora.run_leg("s", answers(budget_reached=[{"action": "extend", "calls": 12}, "conclude"]))
        summed_up = [s for s in agora.steps("s") if s.node == "round_summarization"]
        at = summed_up[0].number  # raised
        limits, state = forked("fewer", 10, "stop")
        assert (limits, state["budget"]["raised"]) == ([10], {})
        (origin,) = state["forked_from"]
        assert [change["key"] for change in origin["changes"]] == ["budget.calls"]
        assert "cap on calls 10 instead of 6" in reports.final_report(state)["index.md"]
        assert forked("same", 6, "stop")[0] == [12]
        at = summed_up[-1].number  # concluded
        assert forked("as-before", 6, "stop")[1]["status"] == "complete"
        limits, state = forked("more", 30, "stop")
        assert (limits, state["budget"]["concluding"]) == ([30], "")
        assert calls(state) >= 30
        assert forked("no-room", 7, "stop")[1]["budget"]["concluding"] == "session"


@pytest.mark.parametrize(
    ("topics", "budget"), [((), {"calls": 9}), (TOPICS[:1], {"topic": {"calls": 8}})], ids=str
)
def test_a_fork_with_more_to_spend_comes_to_a_whole_end_from_every_step(
    tmp_path, clock, topics, budget
):
    rules = {"min_rounds": 2, "positions": "off"}
    with Agora(tmp_path / "data", clock=clock) as agora:
        agora.create(
            capped(budget, **rules),
            theme=THEME,
            topics=topics,
            session_id="s",
            reports_dir=tmp_path / "r",
        )
        agora.run_leg("s", answers(budget_reached="conclude"))
        for step in agora.steps("s")[6:]:
            if step.node == "multi_file_output":
                continue
            fork = agora.fork("s", step.number, config=capped({"calls": 999}, **rules))
            asked = answers(topic_continuation="end_session")
            assert agora.run_leg(fork, asked).status == "complete", step
            state = agora.snapshot(fork)
            assert validate_state_consistency(state)["errors"] == [], step


@pytest.fixture
def wire(tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire:
        yield wire


def priced(wire, *addresses, **rules):
    """A panel of one priced model, whose members speak through the server, or through other addresses."""
    plain = wire_config(wire, *("good" for _ in addresses), **rules).model_dump()
    served = {"provider": "openai", "model": "gpt-5"}
    roles = {
        role: {**plain[role], **served} for role in ("moderator", "summarizer", "report_writer")
    }
    agents = [
        {**agent, **served, "base_url": address or wire.base_url}
        for agent, address in zip(plain["agents"], addresses, strict=True)
    ]
    return Config.model_validate({**plain, **roles, "agents": agents})


def test_money_is_capped_to_the_cent_and_a_price_that_is_unknown_is_said(
    make_flow, wire, monkeypatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nobody")
    config = priced(wire, "", "", **BRIEF)
    held = Held(
        make_flow(capped({"cost": 0.01}, config)),
        budget_reached=[{"action": "extend", "cost": "$0.013"}, "conclude"],
    )
    assert [q["caps"][0]["limit"] for q in held.questions] == [0.01, 0.013]
    assert all(q["caps"][0]["used"] >= q["caps"][0]["limit"] for q in held.questions)
    assert "from $0.01 to $0.0130" in " ".join(said(held.state, "user"))
    usage = held.state["usage"]["openai/gpt-5"]
    assert usage["calls"] == len(wire.answered())
    assert held.questions[1]["closing"]["cost"] > 0

    unknown = wire_config(wire, "good", "good")
    with pytest.raises(NodeExecutionError, match="price of openai_compatible/good is unknown"):
        Held(make_flow(capped({"cost": 1}, unknown)))

    # Given such a model on the way, the session says that it does not count.
    elsewhere = {"provider": "openai_compatible", "model": "good", "base_url": wire.base_url}
    held = Held(
        make_flow(capped({"cost": 1}, priced(wire, "", "http://127.0.0.1:9/v1", **BRIEF))),
        topics=TOPICS[:1],
        provider_failure={"action": "replace_model", **elsewhere},
    )
    told = [text for text in said(held.state, "warning") if "price" in text]
    assert told == [
        "The price of openai_compatible/good is unknown: what it costs is not counted against the budget."
    ]
