"""Where sessions are kept: what an address may be, what is said when it is wrong, and that no password gets out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from langgraph.checkpoint.base import empty_checkpoint
from tests.conftest import THEME, TestClock, offline_config
from tests.state.test_checkpoints import Spell
from tests.support.databases import OWNER, PASSWORD, STRANGER

from virtual_agora import providers
from virtual_agora.errors import NodeExecutionError, SessionTakenOverError, StorageError, UsageError
from virtual_agora.execution.session import Agora
from virtual_agora.hitl import default_answer
from virtual_agora.main import _tell_bug
from virtual_agora.providers.offline import OfflineChatModel
from virtual_agora.providers.redaction import redact
from virtual_agora.state.databases import Database, open_store
from virtual_agora.state.stores import thread

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://localhost", "postgresql://localhost"),
        ("postgres://ada@[::1]:5433/agora", "postgres://ada@[::1]:5433/agora"),
        (
            f"postgresql://ada:{SECRET}@db.example.org/agora",
            "postgresql://ada@db.example.org/agora",
        ),
        (f"postgresql://ada:{SECRET}@one:1,two:2/agora", "postgresql://ada@one:1,two:2/agora"),
        (f"postgresql:///agora?host=/run&password={SECRET}", "postgresql:///agora?host=/run"),
        (
            f"postgresql://ada@h/agora?sslpassword={SECRET}&sslmode=require",
            "postgresql://ada@h/agora?sslmode=require",
        ),
    ],
)
def test_an_address_is_shown_without_its_password(address, shown):
    database = Database(address)
    assert database.shown == shown
    assert SECRET not in repr(database)
    assert set(database.secrets) == ({SECRET} if SECRET in address else set())


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://ada:{SECRET}@home@h/agora",
        f"postgresql://ada:{SECRET}/x@h/agora",
        f"postgresql://ada:{SECRET}#1@h/agora",
        f"postgresql://ada:{SECRET}?1@h/agora",
        f"postgresql://ada:100%{SECRET}@h/agora",
        f"postgresql://ada@h:{SECRET}/agora",
        f"postgresql://ada@h/agora?{SECRET}",
        f"postgresql://ada@h/agora?pass%77ord={SECRET}",
        f"mysql://ada:{SECRET}@h/agora",
        f"host=h password={SECRET}",
        SECRET,
        "postgresql:",
    ],
)
def test_an_address_that_makes_no_sense_is_refused_without_repeating_it(address):
    with pytest.raises(UsageError) as refused:
        Database(address)
    assert SECRET not in str(refused.value)
    assert "postgresql://" in refused.value.hint


def test_a_setting_that_there_is_not_is_refused(tmp_path):
    with (
        pytest.raises(UsageError, match="a setting that PostgreSQL does not know"),
        open_store(tmp_path, Database("postgresql://h/agora?colour=red")),
    ):
        pass


def wrong(cluster, what):
    """Addresses at which no sessions can be kept."""
    ready = cluster.ready()
    match what:
        case "password":
            return cluster.url(ready, OWNER, password=SECRET)
        case "user":
            return cluster.url(ready, "nobody_of_that_name")
        case "database":
            return cluster.url("nowhere_to_be_found")
        case "server":
            return f"postgresql://owner:{SECRET}@127.0.0.1:1/{ready}"
        case "right":
            return cluster.url(cluster.empty(), STRANGER)
        case "encoding":
            name = "latin"
            cluster.execute(f"DROP DATABASE IF EXISTS {name}")
            how = "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
            cluster.execute(f"CREATE DATABASE {name} {how}")
            return cluster.url(name)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("password", "does not accept the user or the password"),
        ("user", "does not accept the user or the password"),
        ("database", "There is no database at"),
        ("server", "cannot be reached .*127.0.0.1"),
        ("right", "does not allow this user enough: permission denied"),
        ("encoding", "in the encoding LATIN1"),
    ],
)
def test_a_database_that_cannot_be_used_is_said_in_one_sentence(say, cluster, what, said):
    address = wrong(cluster, what)
    code, out, err = say("sessions", "--database", address)
    assert (code, out) == (4, "")
    sentence, hint = err.splitlines()
    assert re.search(said, sentence)
    assert hint
    code, out, _ = say("doctor", "--database", address)
    assert code == 2
    assert "FAILED  database" in out
    assert SECRET not in err + out


def test_nothing_of_postgresql_is_needed_or_loaded_without_it(tmp_path):
    code = (
        "import sys\n"
        "from virtual_agora.main import main\n"
        f"data = ['--data-dir', {str(tmp_path)!r}]\n"
        "assert main(['run', 'Why?', '--session', 's', '--plain', *data]) == 3\n"
        "assert not [name for name in sys.modules if 'psycopg' in name]\n"
        "sys.modules['psycopg_pool'] = None\n"
        "sys.exit(main(['sessions', *data, '--database', 'postgresql://h/agora']))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 2, ran.stderr
    assert ran.stderr.splitlines() == [
        "Error: Keeping sessions in PostgreSQL needs packages that are not installed.",
        "Install them: pip install 'virtual-agora[postgres]'",
    ]


def test_only_plain_data_comes_back_from_postgresql(tmp_path, cluster):
    with open_store(tmp_path, Database(cluster.url(cluster.ready()))) as saver:
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = {"agenda": ["a"], "spell": Spell("b")}
        versions = {"agenda": saver.get_next_version(None, None), "spell": "2"}
        checkpoint["channel_versions"] = versions
        saver.put(thread("s"), checkpoint, {}, versions)
        found = saver.get_tuple(thread("s"))
    assert found.checkpoint["channel_values"]["agenda"] == ["a"]
    assert not isinstance(found.checkpoint["channel_values"]["spell"], Spell)


def test_every_commit_reaches_the_disk_of_the_server(tmp_path, cluster):
    name = cluster.ready()
    cluster.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with open_store(tmp_path, Database(cluster.url(name))) as saver, saver._cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == {"synchronous_commit": "on"}


def test_several_processes_make_the_tables_at_once(tmp_path, cluster):
    database = Database(cluster.url(cluster.empty(), OWNER))

    def open_it(number):
        with open_store(tmp_path, database) as saver:
            saver.put(thread(str(number)), empty_checkpoint(), {}, {})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(open_it, range(4)))
    with open_store(tmp_path, database) as saver:
        assert sorted(saver.session_ids()) == ["0", "1", "2", "3"]


def test_threads_do_not_wait_for_each_other(tmp_path, cluster):
    """Each reads while the other does: with one connection, or one lock for all, they would never meet."""
    both = threading.Barrier(2, timeout=30)

    def read(number):
        for _ in saver.list(thread("s")):
            both.wait()
        return True

    with open_store(tmp_path, Database(cluster.url(cluster.ready()))) as saver:
        saver.put(thread("s"), empty_checkpoint(), {}, {})
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(read, range(2))) == [True, True]


@pytest.fixture
def asked(monkeypatch):
    """The prompts that the scripted models were asked with; what is in `asked.at` is called before the answer of that number."""

    class Asked(list):
        def __init__(self):
            self.at = {}

    prompts = Asked()

    class Watched(OfflineChatModel):
        def _stream(self, messages, *args, **kwargs):
            prompts.append(messages[-1].text)
            prompts.at.pop(len(prompts), lambda: None)()
            return super()._stream(messages, *args, **kwargs)

    def create_provider(provider, model, *, persona, seed, **_):
        return Watched(persona=persona, seed=seed, latency=0)

    monkeypatch.setattr(providers, "create_provider", create_provider)
    return prompts


def test_a_server_that_goes_away_in_mid_session_costs_no_call_twice(tmp_path, cluster, asked):
    name = cluster.ready()

    def go_away():
        cluster.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        of_it = f"FROM pg_stat_activity WHERE datname = '{name}'"
        cluster.execute(f"SELECT pg_terminate_backend(pid) {of_it}")

    with Agora(tmp_path / "data", cluster.url(name), clock=TestClock()) as agora:
        values = {"theme": THEME, "topics": ["What does it cost?"], "reports_dir": tmp_path}
        for session in ("s", "undisturbed"):
            agora.create(offline_config(), session_id=session, **values)
        agora.run_leg("undisturbed", default_answer)
        all_of_it = Counter(asked)
        asked.clear()
        asked.at[6] = go_away
        for _ in range(2):
            with pytest.raises(StorageError, match="does not answer") as told:
                agora.run_leg("s", default_answer)
            assert "resume goes on" in told.value.hint
            # The call under way came to its end; none was begun whose answer could not have been saved.
            assert len(asked) == 6
        cluster.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert agora.run_leg("s", default_answer).status == "complete"
        # The sixth answer could not be saved then. It was kept, and is not asked for again.
        assert Counter(asked) == all_of_it


def test_a_password_that_people_say_is_left_in_what_they_say(say, tmp_path, capsys):
    """No model is told it, so it stays in theme, documents and answers, and goes from errors and logs, however short it is."""
    words = ("zeppelination", "hunter2", "q7")
    for word in words:
        Agora(tmp_path, f"postgresql://ada:{word}@h/agora")
    said = "Free zeppelination helps, says hunter2 of q7, not of q77."
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text(said)
    begin = ("run", said, "--provider", "offline", "--topic", f"Is it so? {said}")
    where = ("--data-dir", str(tmp_path / "data"), "--reports-dir", str(tmp_path / "reports"))
    notes = ("--context", str(tmp_path / "notes"))
    code, _, err = say(*begin, *notes, "--session", "s", "--yes", *where)
    assert code == 0, err
    (kept,) = tmp_path.rglob("session.json")
    state = json.loads(kept.read_text())
    assert state["theme"] == said
    assert "VIRTUAL_AGORA_DATABASE" not in kept.read_text()
    assert any("zeppelination" in message["content"] for message in state["messages"])
    log = (tmp_path / "data" / "logs" / "s.jsonl").read_text()
    _, _, err = say("show", "no-zeppelination-hunter2-q7", *where[:2])
    _tell_bug(
        ValueError,
        ValueError(f"the address ada:{words[0]}@h or ada:{words[1]}@h or ada:q7@h"),
        None,
    )
    err += capsys.readouterr().err
    for text in (log, err):
        assert "[VIRTUAL_AGORA_DATABASE]" in text
        assert not re.search(r"zeppelination|hunter2|\bq7\b", text)


def test_answers_are_kept_for_as_long_as_nobody_else_has_the_session(tmp_path, cluster, asked):
    name = cluster.ready()

    def refuse():
        cluster.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$",
            name,
        )
        cluster.execute(
            "CREATE TRIGGER refused BEFORE INSERT ON checkpoint_writes EXECUTE FUNCTION refuse()",
            name,
        )

    with Agora(tmp_path / "data", cluster.url(name), clock=TestClock()) as agora:
        values = {"theme": THEME, "topics": ["What does it cost?"], "reports_dir": tmp_path}
        for session in ("s", "undisturbed"):
            agora.create(offline_config(), session_id=session, **values)
        agora.run_leg("undisturbed", default_answer)
        all_of_it = Counter(asked)
        asked.clear()
        asked.at[6] = refuse
        for _ in range(3):
            with pytest.raises((StorageError, NodeExecutionError), match="refused"):
                agora.run_leg("s", default_answer)
        cluster.execute("DROP TRIGGER refused ON checkpoint_writes", name)
        assert agora.run_leg("s", default_answer).status == "complete"
        assert Counter(asked) == all_of_it


def test_while_an_answer_is_being_saved_no_further_call_is_paid_for(tmp_path, cluster, asked):
    """A server that hangs in a commit, without refusing it: here the table is locked."""
    database = cluster.url(cluster.ready())
    with (
        Agora(tmp_path / "data", database, clock=TestClock()) as agora,
        psycopg.connect(database) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        config = offline_config(positions="off")
        agora.create(
            config, session_id="s", theme=THEME, topics=["Cost?"], reports_dir=tmp_path / "r"
        )
        hangs = threading.Event()

        def hang():
            other.execute("LOCK TABLE checkpoint_writes IN SHARE MODE")
            hangs.set()

        asked.at[1] = hang
        running = pool.submit(agora.run_leg, "s", default_answer)
        assert hangs.wait(30)
        with pytest.raises(TimeoutError):
            running.result(1)
        # One more may be on its way before the first answer is begun to be saved.
        calls = len(asked)
        other.commit()
        assert calls <= 2
        assert running.result(60).status == "complete"
        assert len(asked) > 10


def test_whoever_is_cut_off_in_the_middle_of_a_run_is_told_that_another_has_the_session(
    tmp_path, cluster, asked
):
    name = cluster.ready()
    database = cluster.url(name)
    hangs = threading.Event()
    with (
        Agora(tmp_path / "data", database, clock=TestClock()) as agora,
        psycopg.connect(database) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        agora.create(
            offline_config(), session_id="s", theme=THEME, topics=["Cost?"], reports_dir=tmp_path
        )

        def hang():
            other.execute("LOCK TABLE checkpoints IN SHARE MODE")
            hangs.set()

        asked.at[1] = hang
        running = pool.submit(agora.run_leg, "s", default_answer)
        assert hangs.wait(30)
        waiting = "FROM pg_locks WHERE locktype = 'relation' AND NOT granted"
        while not cluster.execute(f"SELECT 1 {waiting}", name):
            assert not running.done()
        cluster.execute("UPDATE session_leases SET token = token + 1", name)
        cluster.execute(f"SELECT pg_terminate_backend(pid) {waiting}", name)
        other.commit()
        with pytest.raises(SessionTakenOverError):
            running.result(60)


def test_a_password_is_printed_logged_and_kept_nowhere(say, cluster, tmp_path, monkeypatch):
    address = cluster.url(cluster.ready(), OWNER)
    place = ("--data-dir", str(tmp_path / "data"), "--database", address)
    said = []

    def carry_out(*words):
        code, out, err = say(*words)
        said.append(out + err)
        return code

    monkeypatch.chdir(tmp_path)
    assert carry_out("doctor", *place) == 0
    assert carry_out("run", THEME, "--session", "s", *place) == 3
    printed = "--database 'postgresql://owner@/"
    assert f"virtual-agora resume s --data-dir {tmp_path}/data {printed}" in said[-1]
    assert carry_out("sessions", *place) == 0
    assert carry_out("fork", "s", "--at", "1", "--name", "f", *place) == 0
    assert printed in said[-1]
    assert carry_out("resume", "s", "--yes", *place) == 0
    monkeypatch.setenv("VIRTUAL_AGORA_DATABASE", address)
    assert carry_out("resume", "f", *place[:2]) == 3
    assert "--database" not in said[-1]
    assert carry_out("show", "f", *place[:2]) == 0
    assert carry_out("resume", "nowhere") == 2
    assert "Known sessions: f, s" in said[-1]
    spelt = Database(address).secrets
    assert len(spelt) == 2
    assert PASSWORD in spelt
    files = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    for secret in spelt:
        assert not [text for text in (*said, *files) if secret in text]
        assert redact(f"<{secret}>", passwords=True) == "<[VIRTUAL_AGORA_DATABASE]>"
    assert not (tmp_path / "data" / "sessions.sqlite3").exists()
