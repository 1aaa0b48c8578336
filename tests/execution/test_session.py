"""The sessions of a data folder: a leg at a time, on disk, under a lock."""

from __future__ import annotations

import contextlib
import json
import resource
import sqlite3
import stat
import threading

import psycopg
import pytest
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from tests.conftest import THEME, TestClock, answers, in_sqlite, offline_config
from tests.support.wire import Wire

from virtual_agora.config.models import Config
from virtual_agora.errors import (
    NewerSessionError,
    NodeExecutionError,
    SessionNotFoundError,
    StorageError,
    UsageError,
)
from virtual_agora.events import (
    CallFinished,
    CallStarted,
    QuestionAsked,
    SessionFinished,
    SessionStarted,
    StepFinished,
)
from virtual_agora.execution.session import Agora
from virtual_agora.flow.graph_v13 import VirtualAgoraV13Flow
from virtual_agora.hitl import default_answer
from virtual_agora.state.schema import SCHEMA_VERSION
from virtual_agora.state.sqlite import DATABASE, SqliteStore
from virtual_agora.state.stores import thread

TOPICS = ("What does it cost?",)


@pytest.fixture
def agora(tmp_path, database):
    with Agora(tmp_path / "data", database, clock=TestClock()) as agora:
        yield agora


def begin(agora, *, session_id="s", config=None, **values):
    values = {"theme": THEME, "topics": TOPICS, **values}
    reports = agora.data_dir.parent / "reports"
    config = config or offline_config()
    return agora.create(config, reports_dir=reports, session_id=session_id, **values)


def carry_out(agora, command):
    """Carry out a command in the database itself."""
    with contextlib.closing(connection(agora)) as database:
        database.execute(command)
        database.commit()


def connection(agora):
    if isinstance(agora._saver, SqliteStore):
        return sqlite3.connect(agora.data_dir / DATABASE)
    return psycopg.connect(agora._saver.conn.conninfo)


def log(agora, session):
    path = agora.data_dir / "logs" / f"{session}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def stop_when(control, fits):
    """A listener that asks for the end when an event fits."""

    def listener(event):
        if fits(event):
            control.request_drain()

    return listener


def test_a_leg_runs_to_the_first_question_and_the_next_leg_goes_on(agora):
    session = begin(agora)
    leg = agora.run_leg(session)
    assert (leg.status, leg.question["type"]) == ("waiting", "periodic_stop")
    assert agora.list_sessions()[0].waiting_for == "periodic_stop"
    assert agora.question(session) == leg.question
    leg = agora.run_leg(session, default_answer)
    assert (leg.status, leg.question) == ("complete", None)
    assert (leg.reports / "index.md").is_file()


def test_another_process_like_instance_goes_on_as_the_session_was_set_up(tmp_path, database):
    with Agora(tmp_path / "data", database, clock=TestClock()) as first:
        session = begin(first)
        first.run_leg(session)
        before = first.snapshot(session)
    with Agora(tmp_path / "data", database, clock=TestClock()) as second:
        assert second.snapshot(session) == before
        second.run_leg(session, default_answer)
        after = second.snapshot(session)
    assert after["messages"][: len(before["messages"])] == before["messages"]
    assert after["seed"] == before["seed"] == 7


@in_sqlite
def test_documents_reach_the_session_whole_and_are_stored_once(agora):
    text = "All work and no play. " * 10_000
    session = begin(agora, documents=[{"name": "a.txt", "text": text, "tokens": 55_000}])
    agora.run_leg(session, default_answer)
    assert agora.snapshot(session)["context_documents"][0]["text"] == text
    size = sum(path.stat().st_size for path in agora.data_dir.glob(f"{DATABASE}*"))
    assert size < 4 * len(text) + 3_000_000


@in_sqlite
def test_listeners_and_log_are_told_the_same_without_tokens_in_the_log(agora):
    session = begin(agora)
    events = []
    agora.run_leg(session, default_answer, listener=events.append)
    told = [type(event).__name__ for event in events if type(event).__name__ != "Token"]
    assert [line["event"] for line in log(agora, session)] == told
    assert isinstance(events[0], SessionStarted)
    assert isinstance(events[-1], SessionFinished)
    path = agora.data_dir / "logs" / f"{session}.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@in_sqlite
@pytest.mark.parametrize(
    ("moment", "gone"),
    [
        (SessionStarted, BrokenPipeError(32, "Broken pipe")),
        (CallStarted, sqlite3.OperationalError("no such table: events")),
        (CallFinished, SystemExit(1)),
        (StepFinished, BrokenPipeError(32, "Broken pipe")),
        (QuestionAsked, BrokenPipeError(32, "Broken pipe")),
        (SessionFinished, BrokenPipeError(32, "Broken pipe")),
    ],
)
def test_a_listener_that_breaks_ends_the_run_with_its_own_error(agora, moment, gone):
    session = begin(agora, topics=())

    def listener(event):
        if isinstance(event, moment):
            raise gone

    with pytest.raises(type(gone)) as raised:
        agora.run_leg(session, default_answer, listener=listener)
    assert raised.value is gone
    assert agora.run_leg(session, default_answer).status == "complete"
    finished = [line["event"] for line in log(agora, session)].count("CallFinished")
    assert finished == agora.list_sessions()[0].calls > 20


@in_sqlite
def test_a_log_that_cannot_be_written_is_named_and_ends_the_run_saved(tmp_path, agora):
    """The log has no room from the middle of the session on; the database has."""
    session = begin(agora)
    log = tmp_path / "data" / "logs" / f"{session}.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    size = 1 << 30
    with log.open("wb") as sparse:
        sparse.truncate(size - 4_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    told = []
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        with pytest.raises(StorageError) as caught:
            agora.run_leg(session, default_answer, listener=told.append)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.message.startswith(f"{log} cannot be used: ")
    assert "sessions.sqlite3" not in caught.value.message
    assert agora.failure(session) is None
    made = [event for event in told if isinstance(event, CallFinished)]
    log.unlink()
    assert agora.run_leg(session, default_answer, listener=told.append).status == "complete"
    finished = [event.call_id for event in told if isinstance(event, CallFinished)]
    assert made
    assert len(set(finished)) == len(finished) == agora.info(session).calls > 20


def test_an_answerer_that_breaks_leaves_the_question_waiting(agora):
    session = begin(agora)

    def answer(question):
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        agora.run_leg(session, answer)
    assert agora.list_sessions()[0].waiting_for == "periodic_stop"


def test_the_list_says_where_each_session_stands(agora):
    begin(agora, session_id="done")
    agora.run_leg("done", default_answer)
    begin(agora, session_id="waiting")
    agora.run_leg("waiting")
    begin(agora, session_id="begun")
    listed = {info.session_id: info for info in agora.list_sessions()}
    assert list(listed) == ["begun", "waiting", "done"]
    assert {name: info.status for name, info in listed.items()} == {
        "done": "complete",
        "waiting": "waiting",
        "begun": "interrupted",
    }
    assert listed["done"].calls > 20
    assert listed["done"].cost == 0.0
    assert listed["begun"].theme == THEME


def test_a_session_that_cannot_be_read_leaves_the_others_listed(agora, database):
    for name in ("whole", "damaged", "later"):
        begin(agora, session_id=name)
    of_a_later_release(agora, "later")
    spoil = {None: "UPDATE checkpoints SET checkpoint = x'ff00' WHERE thread_id = 'damaged'"}
    carry_out(
        agora,
        spoil.get(
            database, "UPDATE checkpoint_blobs SET blob = '\\xc1' WHERE thread_id = 'damaged'"
        ),
    )
    assert {info.session_id: info.status for info in agora.list_sessions()} == {
        "later": "newer",
        "damaged": "unreadable",
        "whole": "interrupted",
    }


def test_a_session_stands_in_the_round_that_is_under_way(agora):
    session = begin(agora, config=offline_config(participation="start_of_round"))
    agora.run_leg(session, answers(user_turn=["continue", None]))
    assert agora.question(session)["current_round"] == agora.list_sessions()[0].round == 2
    control = RunControl()
    speaking = stop_when(control, lambda e: isinstance(e, CallStarted) and e.task == "statement")
    with pytest.raises(GraphDrained):
        agora.run_leg(session, default_answer, listener=speaking, control=control)
    assert [(info.status, info.round) for info in agora.list_sessions()] == [("interrupted", 2)]
    agora.run_leg(session, default_answer)
    steps = [(step.node, step.round) for step in agora.steps(session)]
    for node in ("user_turn", "discussion_round", "round_summarization"):
        assert [round_ for name, round_ in steps if name == node] == [1, 2, 3]
    assert steps[-1] == ("multi_file_output", 0)


@in_sqlite
def test_a_question_that_is_answered_waits_no_more_when_its_step_breaks_off(agora, tmp_path):
    with Wire(tmp_path / "requests.jsonl") as wire:
        at = {"provider": "openai_compatible", "base_url": wire.base_url}
        good, refused = ({**at, "model": name} for name in ("good", "refuses-key"))
        roles = dict.fromkeys(("moderator", "summarizer", "report_writer"), good)
        panel = {"agents": [good, refused, good], **roles, "session": {"seed": 1}}
        session = begin(agora, config=Config.model_validate(panel))
        agora.run_leg(session)
        assert agora.list_sessions()[0].waiting_for == "provider_failure"
        control = RunControl()
        new = {"action": "replace_model", **at, "model": "new"}
        calling = stop_when(control, lambda e: isinstance(e, CallStarted) and "new" in e.model)
        with pytest.raises(GraphDrained):
            agora.run_leg(session, answers(provider_failure=new), listener=calling, control=control)
    assert agora.list_sessions()[0].status == "interrupted"
    assert agora.question(session) is None


@in_sqlite
def test_what_broke_a_step_off_is_known_afterwards(agora, tmp_path):
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    config = Config.model_validate({**offline_config().model_dump(), "prompts": str(prompts)})
    session = begin(agora, config=config)
    assert agora.failure(session) is None
    prompts.rmdir()
    with pytest.raises(NodeExecutionError):
        agora.run_leg(session, default_answer)
    assert "The prompts folder" in agora.failure(session)
    prompts.mkdir()
    assert agora.run_leg(session, default_answer).status == "complete"
    assert agora.failure(session) is None


def test_a_fork_shares_the_past_and_lives_on_alone(agora):
    session = begin(agora, topics=())
    agora.run_leg(session, answers(agenda_approval={"action": "reorder", "order": [1]}))
    original = agora.snapshot(session)
    step = next(step for step in agora.steps(session) if step.node == "agenda_approval")
    fork = agora.fork(session, step.number)
    assert agora.snapshot(fork)["proposed_agenda"] == original["proposed_agenda"]
    assert agora.snapshot(fork)["session_id"] == fork
    other = answers(agenda_approval={"action": "edit", "agenda": ["Something else?"]})
    assert agora.run_leg(fork, other).status == "complete"
    assert agora.snapshot(fork)["completed_topics"] == ["Something else?"]
    assert agora.snapshot(session) == original
    assert agora.snapshot(fork)["vote_history"][:4] == original["vote_history"][:4]


def test_a_session_can_be_forked_at_any_step(agora):
    config = offline_config(min_rounds=1, max_rounds=1)
    session = begin(agora, config=config)
    agora.run_leg(session, default_answer)
    graph = VirtualAgoraV13Flow(config, checkpointer=agora._saver).graph
    history = list(graph.get_state_history(thread(session)))
    forked = []
    for step in agora.steps(session):
        fork = agora.fork(session, step.number)
        source = graph.get_state(thread(session, step.checkpoint_id)).values
        state = agora.snapshot(fork)
        (origin,) = state.pop("forked_from")
        assert (origin["step"], origin["changes"]) == (step.number, [])
        assert state == {**source, "session_id": fork}, step.node
        assert agora.run_leg(fork, default_answer).status == "complete", step.node
        forked.append(set(step.node.split(" + ")))
    # Steps that begin together have no order.
    assert forked == [{task.name for task in state.tasks} for state in reversed(history[1:])]


def history(agora, session):
    """Every checkpoint and what is recorded after it, in order, without the session's id and forks."""
    found = list(agora._saver.list(thread(session)))[::-1]
    for one in found:
        assert one.checkpoint["channel_values"].pop("session_id") == session
        one.checkpoint["channel_values"].pop("forked_from", None)
        one.checkpoint["channel_versions"].pop("forked_from", None)
    return [(one.checkpoint, one.metadata, one.pending_writes) for one in found]


def test_a_fork_is_the_past_to_the_letter_and_so_is_its_fork(agora):
    session = begin(agora, topics=())
    agora.run_leg(session, default_answer)
    last = agora.steps(session)[-1].number
    fork = agora.fork(session, last)
    again = agora.fork(fork, last)
    source = history(agora, session)[: last + 1]
    assert history(agora, fork) == [*source[:-1], (*source[-1][:2], [])]
    assert history(agora, again) == history(agora, fork)


def test_a_copy_with_changes_differs_in_them_and_in_its_last_checkpoint_only(agora):
    session = begin(agora)
    agora.run_leg(session)
    source = agora.snapshot(session)
    last = agora._saver.get_tuple(thread(session)).checkpoint["id"]
    changes = {
        "main_topic": "Why?",
        "agenda": ["b", "c"],
        "reports_dir": str(agora.data_dir / "elsewhere"),
    }
    agora._saver.copy_history(session, last, "copy", changes)
    assert agora.snapshot("copy") == {**source, **changes, "session_id": "copy"}
    assert history(agora, "copy")[:-1] == history(agora, session)[:-1]
    assert agora.snapshot(session) == source
    assert agora.run_leg("copy", default_answer).status == "complete"


FULL_IN_THE_MIDDLE = {
    "sqlite": "CREATE TRIGGER full_disk BEFORE INSERT ON writes WHEN NEW.thread_id = 'half' "
    "AND (SELECT count(*) FROM writes WHERE thread_id = 'half') = 3 "
    "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
    "postgres": "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE 'no space left' USING ERRCODE = 'disk_full'; END $$; "
    "CREATE TRIGGER full_disk BEFORE INSERT ON checkpoint_writes "
    "FOR EACH ROW WHEN (NEW.thread_id = 'half') EXECUTE FUNCTION full_disk()",
}
ROOM_AGAIN = {
    "sqlite": "DROP TRIGGER full_disk",
    "postgres": "DROP FUNCTION full_disk CASCADE",
}


def test_a_fork_that_fails_in_the_middle_leaves_nothing(agora, database):
    session = begin(agora)
    agora.run_leg(session)
    last = agora.steps(session)[-1].number
    kind = "postgres" if database else "sqlite"
    carry_out(agora, FULL_IN_THE_MIDDLE[kind])
    with pytest.raises(StorageError, match="is full"):
        agora.fork(session, last, "half")
    assert [info.session_id for info in agora.list_sessions()] == [session]
    carry_out(agora, ROOM_AGAIN[kind])
    assert agora.run_leg(agora.fork(session, last, "half"), default_answer).status == "complete"


def test_a_step_that_is_not_there_cannot_be_forked_at(agora):
    session = begin(agora)
    with pytest.raises(UsageError, match="has no step 99"):
        agora.fork(session, 99)


def test_names_are_checked_and_taken_once(agora):
    begin(agora, session_id="s")
    with pytest.raises(UsageError, match="already a session"):
        begin(agora, session_id="s")
    for name in ("", "../escape", "a/b", "-x", "x" * 65, "a\nb"):
        with pytest.raises(UsageError, match="cannot be the name"):
            begin(agora, session_id=name)


class MeetingClock(TestClock):
    """A clock at which two that begin a session at once wait for each other."""

    def __init__(self):
        super().__init__()
        self.both = threading.Barrier(2, timeout=30)

    def timestamp(self):
        with contextlib.suppress(threading.BrokenBarrierError):
            self.both.wait()
        return super().timestamp()


def test_of_two_that_take_a_name_at_once_one_gets_it(tmp_path, database):
    clock = MeetingClock()
    got = []

    def take():
        with Agora(tmp_path / "data", database, clock=clock) as agora:
            try:
                got.append(begin(agora))
            except UsageError as error:
                got.append(error.message)
                clock.both.abort()

    threads = [threading.Thread(target=take) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert sorted(got) == ["There is already a session “s”.", "s"]


def test_an_unknown_session_is_said_with_the_known_ones(agora):
    begin(agora, session_id="known")
    for use in (agora.run_leg, agora.snapshot, agora.steps):
        with pytest.raises(SessionNotFoundError, match="known"):
            use("unknown")


def of_a_later_release(agora, session):
    stored = agora._saver.get_tuple(thread(session))
    values = stored.checkpoint["channel_values"]
    values["schema_version"] = SCHEMA_VERSION + 1
    agora._saver.put(
        thread(session), stored.checkpoint, stored.metadata, stored.checkpoint["channel_versions"]
    )


def test_a_session_of_a_later_release_is_left_alone(agora):
    session = begin(agora)
    of_a_later_release(agora, session)
    with pytest.raises(NewerSessionError, match="later release"):
        agora.run_leg(session)


def test_a_damaged_database_is_said_in_one_sentence(tmp_path):
    data = tmp_path / "data"
    with Agora(data) as agora:
        session = begin(agora)
    (data / DATABASE).write_bytes(b"not a database at all" * 500)
    with pytest.raises(StorageError, match="damaged"), Agora(data) as agora:
        agora.run_leg(session)


def test_a_page_spoilt_in_the_middle_is_said_too(tmp_path):
    data = tmp_path / "data"
    with Agora(data) as agora:
        session = begin(agora)
        agora.run_leg(session)
    with sqlite3.connect(data / DATABASE) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    raw = bytearray((data / DATABASE).read_bytes())
    raw[page:] = b"\xff" * (len(raw) - page)
    (data / DATABASE).write_bytes(raw)
    with pytest.raises(StorageError), Agora(data) as agora:
        agora.run_leg(session)


def test_a_data_folder_that_is_a_file_is_said(tmp_path):
    (tmp_path / "data").write_text("I am a file")
    with pytest.raises(StorageError, match="data"), Agora(tmp_path / "data"):
        pass


@in_sqlite
def test_the_database_is_for_its_owner_only(agora):
    begin(agora)
    assert stat.S_IMODE((agora.data_dir / DATABASE).stat().st_mode) == 0o600
    assert stat.S_IMODE(agora.data_dir.stat().st_mode) == 0o700
