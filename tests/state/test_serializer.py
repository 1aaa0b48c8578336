"""What a checkpoint may hold, whoever wrote it; and what of it can be read without the key."""

from __future__ import annotations

import json
import pickle
import sys

import ormsgpack
import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph_parity.postgres import server
from tests.conftest import checked_updates, offline_config

from virtual_agora.errors import (
    ConfigurationError,
    DamagedSessionError,
    EncryptedSessionError,
    VirtualAgoraError,
)
from virtual_agora.execution.session import Agora
from virtual_agora.flow.graph_v13 import VirtualAgoraV13Flow
from virtual_agora.hitl import default_answer
from virtual_agora.state.serializer import ENCRYPTION_KEY, make_serializer, texts_apart

KEY, OTHER = "a1" * 32, "b2" * 32
MARK = "planted-wren-4711"


def made(what):
    """The class of what was read, so that an object that was built is told from data."""
    return type(what).__module__ + "." + type(what).__qualname__


def call(module, name, *arguments, code=1):
    """A call of a function, as LangGraph's msgpack has one (its codes 0 to 5)."""
    payload = (module, name, arguments[0] if code in (0, 2, 3, 4, 5) else arguments, "__call__")
    inner = ormsgpack.packb(payload, option=ormsgpack.OPT_NON_STR_KEYS)
    return "msgpack", ormsgpack.packb(ormsgpack.Ext(code, inner))


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (exec, (f"open({str(self.path)!r}, 'w')",))


@pytest.fixture(params=["plain", "encrypted"])
def serializer(request, monkeypatch):
    if request.param == "encrypted":
        monkeypatch.setenv(ENCRYPTION_KEY, KEY)
    return make_serializer()


@pytest.mark.parametrize("code", range(6))
@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("subprocess", "getoutput"),
        ("builtins", "exec"),
        ("virtual_agora.private", "make_folder"),
    ],
)
def test_a_planted_call_is_not_made(serializer, tmp_path, code, module, name):
    command = {
        "os": f"touch {tmp_path}/ran",
        "subprocess": f"touch {tmp_path}/ran",
        "builtins": f"open('{tmp_path}/ran', 'w')",
    }.get(module, str(tmp_path / "ran"))
    argument = {"command": command} if code in (2, 4, 5) else command
    found = serializer.loads_typed(call(module, name, argument, code=code))
    assert made(found).startswith("builtins.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "constructor",
    [
        {"lc": 1, "type": "constructor", "id": ["langchain_core", "prompts", "prompt", "PromptTemplate"],
         "kwargs": {"template": "{x.__class__}", "input_variables": ["x"]}},
        {"lc": 1, "type": "secret", "id": ["OPENAI_API_KEY"]},
        {"lc": 2, "type": "constructor", "id": ["pathlib", "Path"], "args": ["/etc/passwd"]},
        {"lc": 2, "type": "constructor", "id": ["os", "system"], "args": ["true"]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("type_", ["json", "msgpack"])
def test_a_planted_constructor_builds_nothing(serializer, monkeypatch, constructor, type_):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    if type_ == "json":
        with pytest.raises(DamagedSessionError, match="a value of the type “json”"):
            serializer.loads_typed((type_, json.dumps(constructor).encode()))
    else:
        packed = ormsgpack.packb(constructor)
        assert serializer.loads_typed((type_, packed)) == constructor


def test_a_pickle_is_not_opened(serializer, tmp_path):
    with pytest.raises(DamagedSessionError, match="pickle"):
        serializer.loads_typed(("pickle", pickle.dumps(Bomb(tmp_path / "ran"))))
    assert list(tmp_path.iterdir()) == []


def test_a_planted_checkpoint_does_nothing_and_is_listed_as_unreadable(tmp_path):
    with Agora(tmp_path / "data") as agora:
        for name in ("whole", "planted"):
            agora.create(offline_config(), theme="Bread?", reports_dir=tmp_path, session_id=name)
        with agora._saver.cursor() as cursor:
            cursor.execute(
                "UPDATE checkpoints SET type = 'pickle', checkpoint = ? WHERE thread_id = 'planted'",
                (pickle.dumps(Bomb(tmp_path / "ran")),),
            )
        stands = {info.session_id: info.status for info in agora.list_sessions()}
        with pytest.raises(DamagedSessionError) as caught:
            agora.run_leg("planted")
    assert stands == {"whole": "interrupted", "planted": "unreadable"}
    assert caught.value.hint
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("key", ["", "short", "z" * 64, KEY[:-2], KEY + "00"])
def test_what_is_no_key_is_refused_and_not_repeated(monkeypatch, key):
    monkeypatch.setenv(ENCRYPTION_KEY, key)
    with pytest.raises(ConfigurationError, match="64 hexadecimal digits") as caught:
        make_serializer()
    assert "secrets.token_hex(32)" in caught.value.hint
    assert not key or key not in str(caught.value)


def test_without_the_extra_the_command_says_what_to_install(tmp_path, say, monkeypatch):
    monkeypatch.setenv(ENCRYPTION_KEY, KEY)
    monkeypatch.setitem(sys.modules, "Crypto.Cipher", None)
    data = ("--data-dir", str(tmp_path / "data"))
    code, _, err = say("run", "Bread?", "--provider", "offline", *data)
    assert code == 2
    assert "pip install 'virtual-agora[encryption]'" in err


@pytest.mark.parametrize("value", [None, b"x", "text", {"a": [1, {"b": None}]}])
def test_what_is_encrypted_is_read_back_with_its_key_alone(monkeypatch, value):
    monkeypatch.setenv(ENCRYPTION_KEY, KEY)
    ours = make_serializer()
    written = ours.dumps_typed(value)
    assert ours.loads_typed(written) == value
    assert ours.dumps_typed(value) != written  # every value has a nonce of its own
    monkeypatch.setenv(ENCRYPTION_KEY, OTHER)
    with pytest.raises(EncryptedSessionError, match="another one"):
        make_serializer().loads_typed(written)
    monkeypatch.delenv(ENCRYPTION_KEY)
    with pytest.raises(EncryptedSessionError, match="is not set"):
        make_serializer().loads_typed(written)


def test_a_changed_byte_is_noticed(monkeypatch):
    monkeypatch.setenv(ENCRYPTION_KEY, KEY)
    ours = make_serializer()
    type_, content = ours.dumps_typed({"a": "text"})
    for place in (0, 20, len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(EncryptedSessionError, match="was changed"):
            ours.loads_typed((type_, bytes(changed)))
    with pytest.raises(VirtualAgoraError):
        ours.loads_typed((type_, b""))
    with pytest.raises(DamagedSessionError, match="encrypted by “rot13”"):
        ours.loads_typed(("msgpack+rot13", content))


class Covered(PostgresSaver):
    """LangGraph's checkpointer for PostgreSQL with our serializer, and no text outside of it."""

    def put(self, config, checkpoint, metadata, new_versions):
        return super().put(config, *_reordered(self.serde, checkpoint, metadata, new_versions))


def _reordered(serde, checkpoint, metadata, new_versions):
    checkpoint, new_versions = texts_apart(serde, checkpoint, new_versions)
    return checkpoint, metadata, new_versions


def everything(connection):
    """All that PostgreSQL keeps of all sessions, as one text."""
    rows = []
    for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
        rows += connection.execute(f"SELECT t.*::text FROM {table} t").fetchall()
    return str(rows)


def test_postgresql_keeps_no_text_outside_of_what_is_encrypted(tmp_path, clock, monkeypatch):
    """A session begun without a key is gone on with under one, and read back whole; of what is new nothing is legible."""
    with server() as address, Covered.from_conn_string(address) as saver:
        saver.setup()
        saver.serde = make_serializer()
        theme = f"Shall we {MARK}?"

        def flow(session=None):
            flow = VirtualAgoraV13Flow(
                offline_config(min_rounds=1, max_rounds=1),
                checkpointer=saver,
                clock=clock,
                reports_dir=tmp_path,
                seed=7,
            )
            if session:
                flow.create_session(theme, topics=[f"Is {MARK} right?"], session_id=session)
            return flow

        flow("open")
        assert MARK in everything(saver.conn)
        monkeypatch.setenv(ENCRYPTION_KEY, KEY)
        saver.serde = make_serializer()
        for _ in checked_updates(flow(), "open", default_answer):
            pass
        saver.delete_thread("open")
        begun = flow("secret")
        for _ in checked_updates(begun, "secret", default_answer):
            pass
        values = begun.graph.get_state({"configurable": {"thread_id": "secret"}}).values
        kept = everything(saver.conn)
        monkeypatch.delenv(ENCRYPTION_KEY)
        saver.serde = make_serializer()
        with pytest.raises(EncryptedSessionError):
            saver.get_tuple({"configurable": {"thread_id": "secret", "checkpoint_ns": ""}})
    assert values["main_topic"] == theme
    assert values["status"] == "complete"
    assert "secret" in kept
    for text in (MARK, MARK.encode().hex(), "Ada", "participant-1", str(tmp_path)):
        assert text not in kept


def test_without_a_key_postgresql_is_written_as_ever():
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"]["main_topic"] = "Bread?"
    assert texts_apart(make_serializer(), checkpoint, {}) == (checkpoint, {})
