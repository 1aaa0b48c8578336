"""`run --estimate`: what a session takes, said before it begins; held against what sessions then take."""

import json
import re

import pytest
import yaml
from tests.conftest import offline_config

from virtual_agora.estimates.calls import calls_of
from virtual_agora.estimates.work import ANSWERS, least, likely, most, work
from virtual_agora.ui.progress import TASKS

THEME = "Should a city of 200,000 make its public transport free?"
RULES = [
    {},
    {"min_rounds": 1, "max_rounds": 2, "positions": "off"},
    {"positions": "every_round", "control": True, "single_model": True, "min_rounds": 2},
]


@pytest.mark.parametrize("topics", [0, 1, 2])
@pytest.mark.parametrize("rules", RULES)
def test_the_bounds_are_those_of_the_protocol(rules, topics):
    config = offline_config(**rules)
    bounds = calls_of(config, topics)
    found = [
        sum(
            use["calls"]
            for use in work(config, course(config, topics), topics=topics, material=20).values()
        )
        for course in (least, likely, most)
    ]
    assert (found[0], found[2]) == (bounds.at_least, bounds.at_most)
    assert found[0] < found[1] < found[2]


def test_every_task_of_the_protocol_has_an_assumed_answer():
    assert ANSWERS.keys() == TASKS.keys() - {"modification"}


def figures(out):
    """The rows of the table: at least, likely, at most."""
    return {
        row: [float(cell.strip("$").replace(",", "")) for cell in cells.split()]
        for row, cells in re.findall(r"^(Calls|Tokens|Cost) +(.*)$", out, flags=re.MULTILINE)
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_estimate_makes_nothing_and_the_next_one_is_the_better_for_a_session_held(say, folder):
    config = offline_config(min_rounds=1, max_rounds=2).model_dump(mode="json")
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    words = ("run", THEME, "--topic", "What does it cost?", "--data-dir", "data")
    code, out, _ = say(*words, "--estimate")
    assert code == 0
    assert [path.name for path in folder.iterdir()] == ["config.yml"]
    assert figures(out)["Cost"] == [0, 0, 0]
    assert "ordinary end has used these models" in out
    blind = figures(out)
    for seed in (1, 2):
        code, _, err = say(*words, "--yes", "--plain", "--seed", str(seed), "--session", f"s{seed}")
        assert code == 0, err
    state = json.loads((folder / "reports" / "session_s2" / "session.json").read_text())
    (used,) = state["usage"].values()
    took = {"Calls": used["calls"], "Tokens": used["input_tokens"] + used["output_tokens"]}
    _, out, _ = say(*words, "--estimate")
    better = figures(out)
    for row, real in took.items():
        assert blind[row][0] <= real <= blind[row][2]
        assert better[row][1] == pytest.approx(real, rel=0.1)
    assert "rest on what 2 earlier sessions of this database" in out
    assert re.search(
        r"In 2 earlier sessions the likely figures were \d\.\d to \d\.\d times the calls", out
    )
    _, out, _ = say("sessions", "--data-dir", "data")
    assert out.count("complete") == 2


def test_money_needs_no_key_and_a_price_that_is_unknown_is_said(say, folder, monkeypatch):
    agents = [{"provider": "openai", "model": "gpt-5", "count": 3}]
    (folder / "config.yml").write_text(yaml.safe_dump({"agents": agents}))
    code, out, _ = say("run", "--estimate")
    assert code == 0
    low, middle, high = figures(out)["Cost"]
    assert 0 < low < middle < high
    agents += [{"provider": "openai_compatible", "model": "own", "base_url": "http://127.0.0.1:9"}]
    (folder / "config.yml").write_text(yaml.safe_dump({"agents": agents}))
    code, out, _ = say("run", "--estimate")
    assert "Cost" not in figures(out)
    assert "nobody knows the price of openai_compatible/own" in out
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nobody")
    code, _, err = say("run", THEME, "--budget", "2.50")
    assert code == 2
    assert "the price of openai_compatible/own is unknown" in err
    assert list(folder.glob("reports")) == []
