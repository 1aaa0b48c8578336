"""Many rounds on one topic: the last cost what an earlier one did, and nothing that was said is lost for it."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from itertools import pairwise

import pytest
from reliability.rounds import ROUNDS as ALL
from reliability.rounds import TOPIC, hold, section
from tests.conftest import THEME, checked_updates, where
from tests.production.panels import wire_config
from tests.support.wire import Wire

from virtual_agora.agents.earlier import LONGEST, SUMMARIES, due
from virtual_agora.config.models import Config
from virtual_agora.estimates import work as estimate
from virtual_agora.estimates.work import CHARACTERS
from virtual_agora.execution.stream_coordinator import StreamCoordinator
from virtual_agora.hitl import default_answer
from virtual_agora.reports import final_report
from virtual_agora.state.sqlite import DATABASE, SqliteStore, open_saver

ROUNDS = 46


def condensed_after(state):
    return [digest["round"] for digest in state["digests"]]


def test_a_later_round_costs_what_an_earlier_one_did(tmp_path):
    """Counted are characters of prompts and bytes of the database, which no other load on the machine changes."""
    rows, state = hold(tmp_path, ROUNDS)
    made = condensed_after(state)
    first, second = made[:2]
    early, late = rows[first:second], rows[second : 2 * second - first]
    assert len(early) == len(late) >= 8
    for counted in ("characters", "longest", "bytes"):
        before, after = (sum(row[counted] for row in part) for part in (early, late))
        assert after <= 1.2 * before, counted
        assert max(row[counted] for row in rows) <= 1.2 * max(row[counted] for row in early), (
            counted
        )

    # A digest is asked for when it is due, in one call more of that round, and not otherwise.
    for number, row in enumerate(rows, start=1):
        known = {
            field: [entry for entry in state[field] if entry["round"] < number]
            for field in ("round_summaries", "digests")
        }
        assert bool(row["digests"]) == bool(due(known, TOPIC)) == (number in made), number
        assert row["calls"] == 5 + (number in made)

    # So does the estimate that is made before: prompts do not grow with the rounds.
    config, material = Config.model_validate(state["config"]), len(THEME) // CHARACTERS
    taken = sum(used["input_tokens"] for used in state["usage"].values())
    lowest, likely, highest = (
        sum(used["input_tokens"] for used in asked.values())
        for course in (estimate.least, estimate.likely, estimate.most)
        for asked in [estimate.work(config, course(config, 1), topics=1, material=material)]
    )
    assert lowest <= taken <= highest
    assert taken / 1.3 <= likely <= 1.3 * taken

    # Everything is still there: statements and summaries, in the state and in the reports; the citations lead to turns.
    said = [message for message in state["messages"] if message["kind"] == "statement"]
    assert Counter(m["round"] for m in said) == dict.fromkeys(range(1, ROUNDS + 1), 4)
    assert [s["round"] for s in state["round_summaries"]] == list(range(1, ROUNDS + 1))
    files = final_report(state)
    transcript = files["transcript.md"]
    for number in range(1, ROUNDS + 1):
        assert f"#### Summary of round {number}\n" in transcript
    assert transcript.count(" (m0") == len(state["messages"])
    ids = {message["id"] for message in state["messages"]}
    for digest in state["digests"]:
        title = f"Rounds 1 to {digest['condensed']}, as the panel was told them from here on"
        assert f"#### {title}\n" in transcript
        assert title in files["report.html"]
        named = re.findall(r"m\d{4}", digest["text"])
        assert named
        assert set(named) <= ids
    # The first statements are still told of by the time of the second digest.
    assert re.search(r"\[m000\d", state["digests"][1]["text"])


def test_the_section_says_how_memory_grows_and_what_is_not_saved_to_a_disk():
    counted = dict.fromkeys(("seconds", "cpu", "bytes", "characters", "longest"), 1.0)
    rows = [counted | {"memory": 9e7 + 2e4 * number} for number in range(ALL)]
    found = {"rows": rows, "kept": {"statements": 1_200, "summaries": 300, "digests": 20}}
    text = section({"SQLite": found, "PostgreSQL": found})
    assert "by 2.0 MB in 100 rounds with SQLite and by 2.0 MB in 100 rounds with PostgreSQL" in text
    assert "fsync=off" in text


@pytest.fixture
def wire(tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire:
        yield wire


def prompts(wire, *tasks):
    return [
        line["messages"][-1]["content"]
        for line in wire.received()
        if line["task"] in tasks or not tasks
    ]


def held(flow):
    session = flow.create_session(THEME, topics=(TOPIC,))
    steps = [name for name, _ in checked_updates(flow, session)]
    assert steps[-1] == "multi_file_output"
    return flow.state_manager.get_snapshot()


def wordy(wire, summarizer="wordy", rounds=8):
    rules = {"min_rounds": rounds, "max_rounds": rounds, "positions": "off"}
    return wire_config(wire, "one", "two", role=summarizer, **rules)


def test_a_summarizer_that_writes_too_much_is_condensed_sooner_and_bounded(make_flow, wire):
    state = held(make_flow(wordy(wire)))
    made = condensed_after(state)
    assert len(made) >= 2
    assert all(later - earlier < 5 for earlier, later in pairwise(made))
    # Told once that it is too long, it wrote as much again; that counts, and prompts show what there is room for.
    asked = prompts(wire, "digest")
    assert len(asked) == 2 * len(made)
    assert sum(prompt.startswith("That answer cannot be used") for prompt in asked) == len(made)
    assert all(len(digest["text"]) > LONGEST for digest in state["digests"])
    assert "[Shortened here; the whole has " in prompts(wire, "statement")[-1]
    notes = [notice["text"] for notice in state["notices"]]
    assert len([text for text in notes if "The panel is told the first 5,000." in text]) == len(
        made
    )
    earlier = (
        re.search("<earlier_rounds>.*</earlier_rounds>", p, re.DOTALL) for p in prompts(wire)
    )
    assert max(len(found[0]) for found in earlier if found) < LONGEST + SUMMARIES + LONGEST + 1_000


def test_a_digest_that_is_not_to_be_had_is_replaced_and_nobody_waits_for_it(make_flow, wire):
    state = held(make_flow(wordy(wire, "wordy-500-on-digest")))
    assert len(state["digests"]) >= 2
    assert state["excluded"] == []
    notes = [notice for notice in state["notices"] if "could not be condensed" in notice["text"]]
    assert [(n["kind"], n["agent"], n["round"]) for n in notes] == [
        ("warning", "summarizer", number) for number in condensed_after(state)
    ]
    for digest in state["digests"]:
        assert "which could not be condensed" in digest["text"]
        assert len(digest["text"]) <= LONGEST
        assert digest["text"] in prompts(wire, "statement")[2 * digest["round"]]
    summary = state["round_summaries"][0]["text"]
    assert summary.partition(". ")[0] in state["digests"][0]["text"]


class Broken(Exception):
    """The process is gone."""


class Breaking(SqliteStore):
    """Breaks before it has written down that rounds were condensed."""

    broken = False

    def put(self, config, checkpoint, metadata, new_versions):
        if "digests" in new_versions and not self.broken:
            self.broken = True
            raise Broken
        return super().put(config, checkpoint, metadata, new_versions)


def test_a_digest_that_was_paid_for_is_not_asked_for_again(make_flow, wire, tmp_path):
    config = wordy(wire, rounds=6)
    with open_saver(tmp_path) as saver:
        flow = make_flow(config, checkpointer=Breaking(tmp_path / DATABASE, saver.conn))
        session = flow.create_session(THEME, topics=(TOPIC,))
        with pytest.raises(Broken):
            list(checked_updates(flow, session))
        assert flow.checkpointer.broken
    before = wire.received()
    assert before[-1]["task"] in ("digest", "round_summary")
    with open_saver(tmp_path) as saver:
        flow = make_flow(config, checkpointer=saver)
        list(checked_updates(flow, session))
        state = flow.state_manager.get_snapshot()
    assert state["status"] == "complete"
    assert len(condensed_after(state)) == 1
    asked = Counter(line["sha256"] for line in wire.received())
    assert set(asked.values()) == {1}


class Counting(SqliteStore):
    """Counts how often a whole session is read."""

    readings = 0

    def get_delta_channel_history(self, **asked):
        self.readings += 1
        return super().get_delta_channel_history(**asked)


def test_an_answer_has_the_session_read_but_once(make_flow, tmp_path):
    """By LangGraph, when it goes on; the flow still knows what it had before it asked."""
    seen = []
    with open_saver(tmp_path) as saver:
        store = Counting(tmp_path / DATABASE, saver.conn)
        flow = make_flow(
            checkpointer=store, participation="end_of_round", min_rounds=4, max_rounds=4
        )
        session = flow.create_session(THEME, topics=(TOPIC,))

        def answer(question):
            seen.append(store.readings)
            return default_answer(question)

        for _ in StreamCoordinator(flow, answer).coordinate_stream_execution(where(session)):
            pass
        assert flow.state_manager.get_snapshot() == flow.graph.get_state(where(session)).values
    assert [later - earlier for earlier, later in pairwise(seen)] == [1] * (len(seen) - 1)
    assert len(seen) >= 4


def test_a_session_of_more_steps_than_sqlite_can_name_is_read_in_parts(make_flow, tmp_path):
    with open_saver(tmp_path) as saver:
        flow = make_flow(checkpointer=saver, min_rounds=4, max_rounds=4)
        session = flow.create_session(THEME, topics=(TOPIC,))
        for _ in StreamCoordinator(flow, default_answer).coordinate_stream_execution(
            where(session)
        ):
            pass
        steps = len(list(saver.list(where(session))))
        state = flow.state_manager.get_snapshot()

    def read(limit):
        with open_saver(tmp_path) as saver:
            saver.conn.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, limit)
            return make_flow(checkpointer=saver).graph.get_state(where(session)).values

    assert read(2 * steps) == state
    with pytest.raises(sqlite3.OperationalError, match="too many SQL variables"):
        read(steps // 2)
