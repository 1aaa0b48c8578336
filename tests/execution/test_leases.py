"""Who may write to a session: processes that hold one, die, freeze and wake up, on both databases."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from contextvars import ContextVar

import psycopg
import pytest
from langgraph.checkpoint.base import empty_checkpoint
from tests.conftest import THEME, TestClock, offline_config

from virtual_agora import providers
from virtual_agora.errors import (
    NodeExecutionError,
    SessionLockedError,
    SessionTakenOverError,
    StorageError,
    UsageError,
)
from virtual_agora.execution.session import Agora
from virtual_agora.hitl import default_answer
from virtual_agora.providers.offline import OfflineChatModel
from virtual_agora.state.postgres_server import LOCK
from virtual_agora.state.sqlite import DATABASE
from virtual_agora.state.stores import thread

TERM = 1.5
LONG = 3600.0
STATEMENT = 7
"""The number of a call that has no other beside it: four positions come before, and perhaps one once more."""
SESSION = ContextVar("SESSION")
CONTEXT = multiprocessing.get_context("spawn")


def opened(folder, database, term=LONG):
    return Agora(folder / "data", database, clock=TestClock(), term=term)


def begin(agora, session_id):
    """Begin a session; what came of it."""
    try:
        return agora.create(
            offline_config(),
            theme=THEME,
            topics=("What does it cost?",),
            reports_dir=agora.data_dir.parent / "reports",
            session_id=session_id,
        )
    except UsageError as error:
        return error.message


def _run(folder, database, term, sessions, parent):
    """In a process of its own: begin sessions, and run them side by side, each into the middle of a statement.

    Sends “there” at that point, waits for an answer, runs on, and sends how each ended, and how many calls it made since.
    """
    there = threading.Barrier(len(sessions) + 1, timeout=60)
    go_on = threading.Event()
    calls = dict.fromkeys(sessions, 0)
    since = dict.fromkeys(sessions, 0)
    ends = {}

    class Held(OfflineChatModel):
        def _stream(self, *args, **kwargs):
            session = SESSION.get()
            since[session] += go_on.is_set()
            calls[session] += 1
            if calls[session] == STATEMENT:
                there.wait()
                go_on.wait(60)
            return super()._stream(*args, **kwargs)

    def create_provider(provider, model, *, persona, seed, **_):
        return Held(persona=persona, seed=seed, latency=0)

    providers.create_provider = create_provider

    def run(agora, session):
        SESSION.set(session)
        try:
            ended = agora.run_leg(session, default_answer).status
        except Exception as error:
            cause = error.cause if isinstance(error, NodeExecutionError) else error
            ended = f"{type(cause).__name__}: {cause}"
        ends[session] = (ended, since[session])

    with opened(folder, database, term) as agora:
        parent.send("ready")
        parent.recv()
        parent.send([begin(agora, each) for each in sessions])
        parent.recv()
        threads = [threading.Thread(target=run, args=(agora, each)) for each in sessions]
        for each in threads:
            each.start()
        there.wait()
        parent.send("there")
        parent.recv()
        go_on.set()
        for each in threads:
            each.join()
    parent.send(ends)


@contextmanager
def running(agora, database, *sessions, term=LONG):
    """Another process that runs sessions, and is in the middle of their statements; and the line to it.

    Both begin the sessions at the same time, and for each that comes about once.
    """
    folder = agora.data_dir.parent
    line, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=_run, args=(folder, database, term, sessions, theirs))
    process.start()
    try:
        assert receive(line) == "ready"
        line.send("begin")
        ours = [begin(agora, each) for each in sessions]
        for session, *both in zip(sessions, ours, receive(line), strict=True):
            assert sorted(both) == [f"There is already a session “{session}”.", session]
        line.send("run")
        assert receive(line) == "there"
        yield process, line
    finally:
        process.kill()
        process.join()


def receive(line):
    assert line.poll(60)
    return line.recv()


def freeze(process, folder, database):
    """Stop a process, but not while it writes to SQLite: then nobody can."""
    while True:
        os.kill(process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        if database or is_writable(folder / "data" / DATABASE):
            return
        os.kill(process.pid, signal.SIGCONT)


def is_writable(path):
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True


def taken_over(agora, session):
    """Run a session of a frozen process as soon as it can be had; how often that was refused."""
    refused = 0
    while True:
        try:
            assert agora.run_leg(session, default_answer).status == "complete"
        except SessionLockedError:
            refused += 1
            assert refused < 200
            time.sleep(0.05)
        else:
            return refused


@contextmanager
def held(agora, session):
    """Hold a session as soon as it can be had."""
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(agora._saver.leases.hold(session))
            except SessionLockedError:
                time.sleep(0.01)
            else:
                break
        yield


def written(folder, database, session):
    """Everything in the database that belongs to a session."""
    tables = ("checkpoints", "writes")
    if database:
        tables = ("checkpoints", "checkpoint_writes", "checkpoint_blobs")
        connection = psycopg.connect(database)
    else:
        connection = sqlite3.connect(folder / "data" / DATABASE)
    with closing(connection):
        return [
            connection.execute(f"SELECT * FROM {table} WHERE thread_id = '{session}'").fetchall()
            for table in tables
        ]


def spoil(folder, database, change):
    """Have the database refuse a change to its leases."""
    if database:
        with psycopg.connect(database) as connection:
            connection.execute(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql "
                "AS $$ BEGIN RAISE EXCEPTION 'spoilt'; END $$"
            )
            connection.execute(
                f"CREATE TRIGGER spoilt BEFORE {change} ON session_leases EXECUTE FUNCTION refuse()"
            )
        return
    with closing(sqlite3.connect(folder / "data" / DATABASE)) as connection:
        connection.execute(
            f"CREATE TRIGGER spoilt BEFORE {change} ON session_leases "
            "BEGIN SELECT RAISE(ABORT, 'spoilt'); END"
        )


def mend(folder, database):
    if database:
        with psycopg.connect(database) as connection:
            connection.execute("DROP TRIGGER spoilt ON session_leases")
        return
    with closing(sqlite3.connect(folder / "data" / DATABASE)) as connection:
        connection.execute("DROP TRIGGER spoilt")


def undated(value):
    """The same without the session's name and without times."""
    if isinstance(value, dict):
        left_out = ("at", "start_time", "session_id", "seconds")
        return {key: undated(each) for key, each in value.items() if key not in left_out}
    return [undated(each) for each in value] if isinstance(value, list) else value


def test_a_live_process_is_left_alone_and_a_dead_ones_session_is_free_at_once(tmp_path, database):
    with opened(tmp_path, database) as agora, running(agora, database, "s") as (process, _):
        with pytest.raises(SessionLockedError, match=rf"another process \({process.pid} on "):
            agora.run_leg("s")
        assert agora.snapshot("s")["main_topic"] == THEME
        process.kill()
        process.join()
        # Its lease goes on for an hour.
        assert agora.run_leg("s", default_answer).status == "complete"


def test_a_frozen_process_is_replaced_after_a_while_and_cannot_write_when_it_wakes_up(
    tmp_path, database
):
    with opened(tmp_path, database) as agora:
        agora.run_leg(begin(agora, "undisturbed"), default_answer)
        with running(agora, database, "lost", "kept", term=TERM) as (process, line):
            freeze(process, tmp_path, database)
            assert taken_over(agora, "lost") > 0
            whole = undated(agora.snapshot("lost"))
            assert whole == undated(agora.snapshot("undisturbed"))
            before = written(tmp_path, database, "lost")
            os.kill(process.pid, signal.SIGCONT)
            line.send("go on")
            ends = receive(line)
        ended, calls = ends["lost"]
        assert ended.startswith("SessionTakenOverError: Another process has taken over the session")
        assert calls == 0
        assert written(tmp_path, database, "lost") == before
        # The other one only slept: nobody wanted its session, so it went on.
        ended, calls = ends["kept"]
        assert ended == "complete"
        assert calls > 10
        assert undated(agora.snapshot("kept")) == whole


def test_whoever_is_replaced_can_save_nothing_and_is_told_before_a_call(tmp_path, database):
    checkpoint = empty_checkpoint()
    with (
        opened(tmp_path, database, term=0.05) as first,
        opened(tmp_path, database) as second,
    ):
        first._saver.leases.close()  # it gives no sign of life
        later = empty_checkpoint()
        first._saver.put(thread("other"), later, {}, {})
        with first._saver.leases.hold("s"):
            where = first._saver.put(thread("s"), checkpoint, {}, {})
            first._saver.check_saved("s")
            with held(second, "s"):
                second._saver.check_saved("s")
                for write in (
                    lambda: first._saver.check_saved("s"),
                    lambda: first._saver.put(thread("s"), empty_checkpoint(), {}, {}),
                    lambda: first._saver.put_writes(where, [("agenda", ["a"])], "task"),
                    lambda: first._saver.copy_history("other", later["id"], "s"),
                ):
                    with pytest.raises(SessionTakenOverError):
                        write()
                (found,) = second._saver.list(thread("s"))
                assert (found.checkpoint["id"], found.pending_writes) == (checkpoint["id"], [])
                second._saver.put_writes(where, [("agenda", ["a"])], "task")
                (found,) = second._saver.list(thread("s"))
                assert len(found.pending_writes) == 1


def test_a_holder_that_froze_in_the_middle_of_writing_is_cut_off(tmp_path, cluster):
    """A frozen client keeps its transaction and its locks; the server would wait for it for ever."""
    database = cluster.url(cluster.ready())
    with (
        opened(tmp_path, database, term=0.05) as first,
        opened(tmp_path, database) as second,
    ):
        first._saver.leases.close()  # it gives no sign of life
        stack = ExitStack()
        stack.enter_context(first._saver.leases.hold("s"))
        stack.enter_context(first._saver._writing("s"))
        cursor = stack.enter_context(first._saver._cursor())
        assert cursor.execute("SELECT 1 AS one").fetchall() == [{"one": 1}]
        with held(second, "s"):
            second._saver.put(thread("s"), empty_checkpoint(), {}, {})
        with pytest.raises(psycopg.OperationalError):
            stack.close()
        assert second._saver.session_ids() == ["s"]


def test_a_session_that_could_not_be_begun_is_free(tmp_path, database):
    with opened(tmp_path, database) as first, opened(tmp_path, database) as second:
        with first._saver.leases.hold("s"):
            pass
        spoil(tmp_path, database, "UPDATE")
        with pytest.raises(StorageError, match="spoilt"):
            begin(first, "s")
        mend(tmp_path, database)
        assert begin(second, "s") == "s"
        assert first.run_leg("s", default_answer).status == "complete"


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_who_waits_to_write_while_another_takes_over_writes_nothing(tmp_path, cluster, isolation):
    name = cluster.ready()
    cluster.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")
    database = cluster.url(name)
    with (
        opened(tmp_path, database) as agora,
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(database) as other,
        agora._saver.leases.hold("s"),
    ):
        other.execute(f"SELECT pg_advisory_xact_lock({LOCK})", ("s", 0))
        writing = pool.submit(agora._saver.put, thread("s"), empty_checkpoint(), {}, {})
        waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while not cluster.execute(waiting, name):
            assert not writing.done()
        other.execute("UPDATE session_leases SET token = token + 1")
        other.commit()
        with pytest.raises(SessionTakenOverError):
            writing.result(30)
        assert agora._saver.session_ids() == []


def test_of_two_threads_one_gets_the_lock_of_a_tenure(tmp_path, database):
    with opened(tmp_path, database) as agora, opened(tmp_path, database) as other:
        leases = agora._saver.leases._table
        assert [leases.claim("s", 1), leases.claim("s", 1)] == [True, False]
        assert not other._saver.leases._table.claim("s", 1)
        leases.let_go("s", 1)
        assert other._saver.leases._table.claim("s", 1)


def test_one_instance_runs_a_session_once(tmp_path, database):
    with opened(tmp_path, database) as agora, agora._saver.leases.hold("s"):
        with pytest.raises(SessionLockedError), agora._saver.leases.hold("s"):
            pass
        with agora._saver.leases.hold("t"):
            pass
