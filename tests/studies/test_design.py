"""What can be wrong with a design: one sentence with its place, what to do, exit code 2, and nothing begun."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from tests.studies.conftest import BRIEF, TWO, design
from virtual_agora.main import main
from virtual_agora.providers.vendors import check_provider
from virtual_agora.studies.design import load_design
from virtual_agora.studies.grid import Grid

MISTAKES = [
    ("", "design.yml is empty.", "questions, panels, rules and seeds"),
    ("- one\n", "holds no settings: it should consist of keys such as “questions:”", ""),
    ("name: s\nquestions: {\n", "design.yml, line 3, column 1: this is not valid YAML", ""),
    (design(panel={}), "there is no key “panel”", "Did you mean “panels”?"),
    (design(questions={"a": {"thema": "x"}}), "line 4: there is no key “questions.a.thema”", "Did you mean “theme”?"),
    (design(rules={"a": {"maxrounds": 1}}), "there is no key “rules.a.maxrounds”", "Did you mean “max_rounds”?"),
    (design(rules={"a": {"conclude": "all"}}), "“rules.a.conclude” should be one of 'majority', 'two_thirds' or 'unanimous', not “all”", "remove it to have the default"),
    (design(rules={"a": {"seed": 1}}), "there is no key “rules.a.seed”", "The keys under “rules.a” are"),
    (design(rules={"a": {"max_rounds": 2}}), "the rules “a” do not fit the panel “two”: max_rounds (2) is smaller than min_rounds (3).", "what the panel's own session has"),
    (design(rules={"a": {"positions": "off", "single_model": True}}), "the rules “a” do not fit the panel “two”: single_model needs positions, which are off.", ""),
    (design(panels={"two": {"agents": [{"model": "m", "provider": "opnai"}] * 2}}), "line 12: there is no provider “opnai”.", "Did you mean “openai”?"),
    (design(panels={"two": {"agents": []}}), "“panels.two.agents” should be a list with at least one entry", ""),
    (design(panels={"two": {"agents": [{"provider": "offline", "model": "m"}]}}), "in “panels.two”: a panel has 2 to 20 participants", ""),
    (design(panels={"two": ["agents"]}), "“panels.two” should be settings", ""),
    (design(panels={"two": "other.yml"}), "design.yml, line 8, panel “two”: the configuration file other.yml does not exist.", "it is meant from the design's folder"),
    (design(panels=["two"]), "“panels” should be named entries", ""),
    (design(panels={}), "“panels” should be a group of keys with at least one entry, not an empty one.", ""),
    (design(questions={}), "“questions” should be a group of keys with at least one entry, not an empty one.", ""),
    (design(rules={}), "“rules” should be a group of keys with at least one entry, not an empty one.", "remove it to have the default"),
    (design(panels={"two": "."}), "design.yml, line 8, panel “two”: . is a folder", ""),
    (design(seeds=10**12), "in “seeds”: seeds are a whole number, how many, from 1 to 1,000,000", ""),
    (design(seeds=10**30), "in “seeds”: seeds are a whole number, how many, from 1 to 1,000,000", ""),
    (design(panels={"two": "~nobody-of-this-name/a.yml"}), "panel “two”: the configuration file", ""),
    (design(questions={"Is it?": {"theme": "x"}}), "in “questions”: “Is it?” cannot be a name: it takes small letters", ""),
    (design(questions={1: {"theme": "x"}}), "should be text (put it in quotes), not 1", ""),
    (design(questions={"a": {"theme": " "}}), "in “questions.a”: The theme is empty.", ""),
    (design(questions={"a": {"theme": "x", "expected": "support"}}), "in “questions.a”: “expected” needs exactly one topic", ""),
    (design(questions={"a": {"theme": "x", "topics": ["b", "B"]}}), "in “questions.a”: The topic “b” is listed twice.", ""),
    (design(name="The study"), "in “name”: “The study” cannot be a name", ""),
    (design(seeds=0), "in “seeds”: seeds are a whole number, how many, from 1 to 1,000,000, or a list", ""),
    (design(seeds=[1, 1]), "in “seeds”: seeds are", ""),
    (design(seeds=[1.5]), "in “seeds”: seeds are", ""),
    (design(budget={"max_calls": 0}), "“budget.max_calls” should be 1 or more, not 0", ""),
    (design(budget={"calls": 10}), "there is no key “budget.calls”", "max_calls"),
    (design(name="n" * 60), "which has 79 characters; 64 are the most.", "Shorten the study's name"),
    (design(prompts="prompts"), "prompts does not exist", ""),
    (design(panels={"two": {"agents": [{"provider": "openai", "model": "m", "count": 2}]}}), "OPENAI_API_KEY", ""),
    ("name: s\n", "“questions” is missing", "Add a line “questions: …” there."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "sentence", "hint"), MISTAKES, ids=[sentence[:50] for _, sentence, _ in MISTAKES]
)
def test_a_mistake_is_told_with_its_place(study, folder, content, sentence, hint):
    code, said = study(content)
    assert code == 2
    assert sentence in said
    assert hint in said
    assert not (folder / "data").exists()


def test_a_design_that_is_not_there_or_a_folder(folder, capsys):
    assert main(["study", "none.yml"]) == 2
    assert "The design file none.yml does not exist." in capsys.readouterr().err
    assert main(["study", "."]) == 2
    assert ". is a folder, not a design file." in capsys.readouterr().err


def test_a_million_sessions_are_counted_and_not_begun(study, folder):
    many = design(
        questions={f"q{n}": {"theme": "x", "topics": ["y"]} for n in range(10)},
        rules={f"r{n}": {**BRIEF, "checkpoint_interval": n + 1} for n in range(10)},
        seeds=10_000,
    )
    before = time.process_time()
    code, said = study(many)
    assert code == 2
    assert "1,000,000 sessions: 10 questions × 1 panel × 10 rules × 10,000 seeds." in said
    # Two speak and are polled, a summary of the round and of the topic, an outline and two sections, twice.
    assert "at least 12,000,000 and at most 20,000,000 calls to models" in said
    assert "1,000,000 sessions to hold; 100 are the most without asking. Allow it with --yes" in (
        said.replace("\n", " ")
    )
    assert time.process_time() - before < 5
    assert not (folder / "results").exists()


def test_panels_come_from_files_too_and_rules_go_over_what_they_say(folder):
    (folder / "panels").mkdir()
    (folder / "panels" / "mine.yml").write_text(
        "agents: [{provider: offline, model: scripted, count: 3}]\n"
        "session: {min_rounds: 2, conclude: unanimous, seed: 5}\nprompts: words\n"
    )
    (folder / "design.yml").write_text(
        "name: s\nprompts: all\nseeds: [7, 3]\nquestions: {q: {theme: x}}\n"
        "panels: {mine: panels/mine.yml, here: {agents: [{provider: Offline, model: m, count: 2}]}}\n"
        "rules: {a: {}, b: {min_rounds: 1}}\n"
    )
    grid = Grid(load_design(folder / "design.yml", check_provider))
    cells = {cell.session_id: cell for cell in grid}
    assert list(cells)[:3] == ["s.q.mine.a.s7", "s.q.mine.b.s7", "s.q.here.a.s7"]
    assert len(cells) == grid.size == 8
    assert all(grid.find(name) == cell for name, cell in cells.items())
    for other in ("s.q.mine.a.s1", "s.q.mine.a.s07", "s.q.mine.a.7", "t.q.mine.a.s7", "s.q.mine"):
        assert grid.find(other) is None
    rules = cells["s.q.mine.b.s7"].config.session
    assert (rules.min_rounds, rules.conclude, rules.seed) == (1, "unanimous", None)
    assert cells["s.q.mine.a.s3"].config.prompts == str(folder / "panels" / "words")
    assert cells["s.q.here.a.s3"].config.prompts == str(folder / "all")
    assert TWO["agents"][0]["count"] == len(cells["s.q.here.a.s3"].config.participants())


def test_the_design_in_the_documentation_is_one_and_as_large_as_it_says(folder):
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "studies.md").read_text()
    (folder / "bread.yml").write_text(text.split("```yaml\n")[1].split("```")[0])
    (folder / "panels").mkdir()
    (folder / "panels" / "mixed.yml").write_text(yaml.safe_dump(TWO))
    grid = Grid(load_design(folder / "bread.yml", check_provider))
    assert f"2 × 2 × 3 × 5 = {grid.size}." in text


@pytest.mark.parametrize(
    ("text", "sentence", "hint"),
    [
        ("", "mine.yml is empty.", ""),
        ("agents: [\n", "mine.yml, line 2, column 1: this is not valid YAML", ""),
        ("agents: []\nlanguage: x\n", "there is no key “language”", "The keys at the top level"),
    ],
)
def test_a_mistake_in_a_panel_of_its_own_file_names_the_design_too(
    study, folder, text, sentence, hint
):
    (folder / "mine.yml").write_text(text)
    code, said = study(design(panels={"two": "mine.yml"}))
    assert code == 2
    assert "design.yml, line 8, panel “two”: " in said
    assert sentence in said
    assert hint in said


def test_a_million_seeds_are_counted_at_once(study, folder):
    before = time.process_time()
    code, said = study(design(seeds=10**6))
    assert code == 2
    assert "1,000,000 sessions to hold" in said
    assert time.process_time() - before < 2
