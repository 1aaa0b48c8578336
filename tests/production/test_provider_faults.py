"""The grid of provider faults in short: every fault once, and so every vendor and every step. `make reliability` has all of it."""

import pytest
from reliability.fault_session import STEPS, VENDOR_PATHS
from reliability.faults import FAULTS, KEY, Cell, cells, chosen, expected, section, tried
from tests.production.test_faults import ASKING

from virtual_agora.providers.vendors import VENDORS

OUTCOMES = {
    "key refused": ("asked 1", "asked 1", "asked 1"),
    "quota used up": ("asked 1", "asked 1", "asked 1"),
    "busy twice": ("answered 3", "answered 3", "answered 3"),
    "busy for minutes": ("asked 1", "asked 1", "asked 1"),
    "busy for long": ("skipped 3", "skipped 3", "asked 3"),
    "busy for 100 s": ("skipped 3", "skipped 3", "asked 3"),
    "always 500": ("skipped 3", "skipped 3", "asked 3"),
    "connection refused": ("skipped 3", "skipped 3", "asked 3"),
    "cut off": ("skipped 3", "skipped 3", "asked 3"),
    "ends early": ("skipped 3", "skipped 3", "asked 3"),
    "malformed": ("skipped 3", "skipped 3", "asked 3"),
    "HTML page": ("skipped 3", "skipped 3", "asked 3"),
    "empty": ("skipped 3", "skipped 3", "asked 3"),
    "too slow": ("skipped 3", "skipped 3", "asked 3"),
    "dribble": ("skipped 1", "skipped 1", "asked 1"),
    "dribbled headers": ("skipped 1", "skipped 1", "asked 1"),
    "endless early hints": ("skipped 1", "skipped 1", "asked 1"),
    "endless": ("skipped 1", "skipped 1", "asked 1"),
    "compressed": ("skipped 1", "skipped 1", "asked 1"),
    "5 MB": ("skipped 1", "skipped 1", "asked 1"),
    "refusal": ("skipped 1", "answered 1", "asked 1"),
    "content filter": ("skipped 1", "skipped 1", "asked 1"),
    "redirect": ("skipped 1", "skipped 1", "asked 1"),
    "off form": ("abstained 3", "answered 1", "abstained 3"),
    "off form once": ("repaired 2", "answered 1", "repaired 2"),
}
"""With OpenAI: of a participant's form and free text, and of the moderator's form. Not from the table of errors, which may be wrong."""


def test_the_table_of_errors_comes_to_this():
    steps = ("agenda_voting", "discussion_round", "collate_proposals")
    assert {
        fault: tuple("{} {}".format(*expected(Cell("openai", fault, step))) for step in steps)
        for fault in FAULTS
    } == OUTCOMES


def test_what_was_chosen_has_every_fault_vendor_and_step():
    some = chosen()
    assert {cell.fault for cell in some} == set(FAULTS)
    assert {cell.vendor for cell in some} == set(VENDOR_PATHS) == set(VENDORS) - {"offline"}
    assert {cell.step for cell in some} == set(STEPS) == {*ASKING, "synthesize_agenda"}


def test_every_fault_ends_as_the_table_of_errors_says(monkeypatch):
    for vendor in VENDORS.values():
        for name in vendor.keys[:1]:
            monkeypatch.setenv(name, KEY)
    wrong = {cell: found.wrong for cell, found in tried(chosen()) if found.wrong}
    assert wrong == {}


def test_what_is_expected_follows_from_the_table():
    assert expected(Cell("openai", "always 500", "discussion_round")) == ("skipped", 3)
    assert expected(Cell("openai", "always 500", "round_summarization")) == ("asked", 3)
    assert expected(Cell("google", "key refused", "agent_poll")) == ("asked", 1)
    assert expected(Cell("ollama", "off form", "agenda_voting")) == ("abstained", 3)
    assert expected(Cell("ollama", "off form", "discussion_round")) == ("answered", 1)
    assert expected(Cell("ollama", "refusal", "agenda_voting")) == ("abstained", 3)
    assert expected(Cell("openai", "refusal", "final_considerations")) == ("answered", 1)
    assert expected(Cell("anthropic", "refusal", "final_considerations")) == ("skipped", 1)


@pytest.mark.parametrize("bad", [False, True])
def test_the_grid_shows_what_should_not_be(bad):
    came = {f: {s: {} for s in STEPS} for f in FAULTS}
    for cell in cells():
        came[cell.fault][cell.step][cell.vendor] = "{} {}".format(*expected(cell))
    wrong = {"grok, empty, agent_poll": ["invalid at the end: no agents"]} if bad else {}
    anew = {"cut off": "abc1234"}
    found = {"cells": len(cells()), "requests": 9, "came": came, "wrong": wrong, "anew": anew}
    text = section(found)
    assert '“cut off” is of `python -m reliability.faults "cut off"`, commit abc1234' in text
    assert f"**{len(cells()) - bad:,} of {len(cells()):,} came" in text
    assert ("✗" in text.partition("What became")[2].partition("\n\n")[2]) is bad
    assert ("grok, empty, agent_poll: invalid at the end" in text) is bad
    assert text.count("| 15 / 16 |") == bad
