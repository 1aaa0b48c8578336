"""The projection folds exactly as LangGraph does, and cannot be damaged from outside."""

import pytest

from virtual_agora.state.manager import StateManager
from virtual_agora.state.schema import SCHEMA_VERSION, Usage, add_usage, merge_agents

USED = Usage(
    calls=1,
    failed=0,
    repaired=0,
    input_tokens=10,
    output_tokens=5,
    cached_tokens=0,
    prompt_chars=40,
    cost=0.5,
)


@pytest.fixture
def manager():
    manager = StateManager(lambda config: {})
    manager.initialize("s1", "2026-01-01T00:00:00+00:00", main_topic="Bread?")
    return manager


def test_growing_fields_begin_empty_without_being_set(manager):
    snapshot = manager.get_snapshot()
    assert snapshot["messages"] == []
    assert snapshot["usage"] == {}
    assert snapshot["schema_version"] == SCHEMA_VERSION
    assert "agenda" not in snapshot


def test_growing_fields_grow_and_others_are_replaced(manager):
    manager.update_state({"notices": [{"text": "a"}], "agenda": ["x"]})
    manager.update_state({"notices": [{"text": "b"}], "agenda": ["y"]})
    assert [notice["text"] for notice in manager.state["notices"]] == ["a", "b"]
    assert manager.state["agenda"] == ["y"]


def test_a_snapshot_cannot_damage_the_session(manager):
    manager.update_state({"notices": [{"text": "a"}]})
    manager.get_snapshot()["notices"][0]["text"] = "spoilt"
    manager.get_snapshot()["notices"].clear()
    assert manager.get_snapshot()["notices"] == [{"text": "a"}]


def test_an_update_that_is_changed_later_cannot_damage_the_session(manager):
    update = {"notices": [{"text": "a"}]}
    manager.update_state(update)
    update["notices"][0]["text"] = "spoilt"
    assert manager.get_snapshot()["notices"] == [{"text": "a"}]


def test_the_state_is_read_only(manager):
    with pytest.raises(TypeError):
        manager.state["agenda"] = []


def test_a_field_the_schema_does_not_know_is_refused(manager):
    with pytest.raises(KeyError):
        manager.update_state({"agendas": []})


def test_load_takes_the_checkpoint_whole():
    saved = {"session_id": "s2", "messages": [{"id": "m0001"}]}
    manager = StateManager(lambda config: saved)
    manager.initialize("other", "2026-01-01T00:00:00+00:00")
    manager.load({"configurable": {"thread_id": "s2"}})
    assert manager.get_snapshot()["session_id"] == "s2"
    assert "status" not in manager.state
    manager.update_state({"messages": [{"id": "m0002"}]})
    assert saved["messages"] == [{"id": "m0001"}]


def test_folding_copies_nothing_that_is_already_there(manager):
    manager.update_state({"messages": [{"id": "m0001"}]})
    before = manager.state["messages"]
    manager.update_state({"messages": [{"id": "m0002"}]})
    assert manager.state["messages"] is before
    assert len(before) == 2


def test_usage_is_summed_by_model_and_an_unknown_price_stays_unknown():
    total = add_usage({}, {"a": USED})
    total = add_usage(total, {"a": USED, "b": {**USED, "cost": None}})
    assert (total["a"]["calls"], total["a"]["cost"]) == (2, 1.0)
    assert add_usage(total, {"b": USED})["b"]["cost"] is None


def test_agents_are_replaced_where_they_stand():
    known = [{"id": "a", "model": "1"}, {"id": "b", "model": "1"}]
    assert merge_agents(known, [{"id": "a", "model": "2"}]) == [
        {"id": "a", "model": "2"},
        {"id": "b", "model": "1"},
    ]
