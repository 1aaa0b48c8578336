"""A study as a user runs it: what it holds, what it leaves, what it writes, and how it ends."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from io import StringIO
from pathlib import Path

import yaml
from pyarrow import parquet

from tests.studies.conftest import BRIEF, TWO, design
from tests.support.processes import hashes, kill, saved, wait_for
from tests.support.wire import Wire
from virtual_agora import providers
from virtual_agora.estimates.calls import SECTIONS, calls_of
from virtual_agora.execution.session import Agora
from virtual_agora.hitl import check_answer, default_answer
from virtual_agora.main import main
from virtual_agora.providers.offline import OfflineChatModel
from virtual_agora.providers.vendors import check_provider
from virtual_agora.state.demo import DEMO_STAMP
from virtual_agora.state.sqlite import DATABASE
from virtual_agora.studies.design import load_design
from virtual_agora.studies.grid import Grid

COMMAND = [sys.executable, "-m", "virtual_agora.main"]
SECOND_SPEAKER_HELD = 3
"""A seed by which the second participant speaks second."""

EXAMPLE = Path(__file__).parents[2] / "examples" / "studies" / "voting-versus-consensus.yml"


def table(folder):
    with (folder / "results" / "s" / "table.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def page(folder):
    return (folder / "results" / "s" / "comparison.html").read_text(encoding="utf-8")


def until(output, text):
    for line in output:
        if text in line:
            return
    raise AssertionError(text)


def logged(folder):
    """How many lines the sessions' logs have: none is added by what is not run."""
    return {
        path.name: len(path.read_text().splitlines()) for path in (folder / "data/logs").iterdir()
    }


def test_the_published_experiment_small_from_design_to_comparison(study, folder):
    """The example's own protocols, on one of its questions and panels; then again, when there is nothing to do."""
    content = yaml.safe_load(EXAMPLE.read_text())
    content |= {"name": "s", "seeds": 1}
    del (
        content["questions"]["mercury"],
        content["questions"]["march"],
        content["panels"]["six"],
        content["rules"]["vote-after-5"],
    )
    content["rules"] = {
        name: {**rule, "max_rounds": min(rule["max_rounds"], 3)}
        for name, rule in content["rules"].items()
        if name != "two-thirds"
    }
    code, said = study(content, "--parallel", "2")
    assert code == 0, said
    assert "4 sessions: 1 question × 1 panel × 4 rules × 1 seed." in said
    rows = table(folder)
    assert [(row["question"], row["rule"]) for row in rows] == [
        (q, r) for q in content["questions"] for r in content["rules"]
    ]
    assert {(row["participants"], row["status"], row["demo"]) for row in rows} == {
        ("3", "complete", DEMO_STAMP)
    }
    assert {row["rule"]: row["rounds"] for row in rows}["vote-after-3"] == "3"
    assert {row["expected"] for row in rows} == {"oppose"}
    assert all(row["decided_right"] and row["single_model_side"] for row in rows)
    read = parquet.read_table(folder / "results" / "s" / "table.parquet").to_pylist()
    assert [row["session"] for row in read] == [row["session"] for row in rows]
    assert [row["calls"] for row in read] == [int(row["calls"]) for row in rows]
    shown = page(folder)
    assert DEMO_STAMP in shown
    assert "<script" not in shown
    assert not re.search(r"(src|href)=\"(?!reports/|table)", shown)
    assert "Differences between rules" in shown
    links = re.findall(r'href="(reports/[^"]+)"', shown)
    assert [link.rpartition("/")[2] for link in links] == ["report.html"] * 4
    for link in links:
        assert (folder / "results" / "s" / link).is_file()
    before = logged(folder), shown, (folder / "results" / "s" / "table.csv").read_bytes()
    code, said = study(content)
    assert code == 0
    assert "4 complete, 0 begun, 0 new." in said
    assert before == (
        logged(folder),
        page(folder),
        (folder / "results" / "s" / "table.csv").read_bytes(),
    )


def test_the_example_is_a_design_and_within_its_own_budget():
    built = Grid(load_design(EXAMPLE, check_provider))
    assert built.size <= built.design.budget.max_sessions
    assert built.calls().at_most <= built.design.budget.max_calls


def test_the_estimate_holds_whatever_is_asked(study, folder):
    everything = {"positions": "every_round", "control": True, "single_model": True}
    rules = {"all": {"min_rounds": 1, "max_rounds": 2, "conclude": "unanimous", **everything}}
    questions = {**design()["questions"], "open": {"theme": "Bake our own bread?"}}
    code, _ = study(design(questions=questions, rules=rules))
    assert code == 0
    grid = Grid(load_design(folder / "design.yml", check_provider))
    for row in table(folder):
        cell = grid.find(row["session"])
        bounds = calls_of(cell.config, len(cell.asked.topics))
        assert bounds.at_least <= int(row["calls"]) <= bounds.at_most, row["session"]
    # One topic that has all its rounds: of the most calls only the sections are missing that its reports lack.
    (row,) = (row for row in table(folder) if row["question"] == "bread")
    assert (row["rounds"], row["concluded_by"]) == ("2", "max_rounds")
    file = folder / "results" / "s" / "reports" / f"session_{row['session']}" / "session.json"
    reports = json.loads(file.read_text())["reports"]
    written = sum(len(report["sections"]) for report in reports)
    most = calls_of(grid.find(row["session"]).config, 1).at_most
    assert int(row["calls"]) == most - (len(reports) * SECTIONS[1] - written)


def test_the_budget_ends_it_between_sessions_and_raised_it_goes_on(study, folder):
    content = design(seeds=3, budget={"max_calls": 20})
    code, said = study(content)
    assert code == 3
    assert "The budget of 20 calls is used up. Raise max_calls in the design to go on." in said
    assert "To go on: virtual-agora study design.yml --data-dir data" in said
    done = [row["calls"] for row in table(folder)]
    assert len(done) == 2
    assert int(done[0]) < 20 <= int(done[0]) + int(done[1])
    assert "2 of 3 sessions are complete" in page(folder)
    code, said = study(content | {"budget": {"max_calls": 100}})
    assert code == 0
    assert [row["calls"] for row in table(folder)][:2] == done
    assert len(table(folder)) == 3


def test_a_changed_design_leaves_what_it_no_longer_has_and_refuses_what_it_has_otherwise(
    study, folder
):
    rules = {"brief": BRIEF, "other": {**BRIEF, "conclude": "unanimous"}}
    study(design(rules=rules))
    before = logged(folder)
    code, said = study(design(rules={"brief": BRIEF}))
    assert code == 0
    assert "Not in the design any longer, and left alone: s.bread.two.other.s1." in said
    assert [row["rule"] for row in table(folder)] == ["brief"]
    assert "s.bread.two.other.s1" in page(folder)
    bread = {"theme": "Bake our own bread?", "topics": ["It is worth the money."]}
    for changed, what in (
        ({"rules": {"brief": {**BRIEF, "max_rounds": 2}}}, "max_rounds"),
        ({"questions": {"bread": bread}}, "topics"),
        ({"panels": {"two": {"agents": [{**TWO["agents"][0], "count": 3}]}}}, "agents"),
    ):
        code, said = study(design(**changed))
        assert code == 2
        assert (
            f"Session “s.bread.two.brief.s1” was begun with other settings than the design gives it: {what}."
            in said
        )
        assert "a name of its own" in said
    assert logged(folder) == before


def test_killed_and_then_interrupted_in_a_session_it_makes_no_finished_call_twice(
    study, folder, tmp_path
):
    """Both times the first session is complete and the second in the middle of a round."""
    with Wire(tmp_path / "requests.jsonl") as wire:
        at = {"provider": "openai_compatible", "base_url": wire.base_url}
        content = design(
            panels={
                name: {"agents": [{**at, "model": "good"}, {**at, "model": last}]}
                for name, last in (("first", "good"), ("second", "held"))
            },
            seeds=[SECOND_SPEAKER_HELD],
        )
        (folder / "design.yml").write_text(yaml.safe_dump(content, sort_keys=False))

        def begin_and_wait(times):
            process = subprocess.Popen(
                [*COMMAND, "study", "design.yml", "--data-dir", "data"],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )

            def first_speaker_saved(received):
                held = [line for line in received if line["model"] == "held"]
                return len(held) == times and saved(folder) == 1

            wait_for(wire, first_speaker_saved)
            return process

        kill(begin_and_wait(1))
        asked, answered = hashes(wire.received()), hashes(wire.answered())
        process = begin_and_wait(2)
        process.terminate()
        until(process.stdout, "Stopping after the calls in flight")
        wire.mend()
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert "To go on: virtual-agora study design.yml --data-dir data" in said
        assert [(row["status"], row["reason"]) for row in table(folder)] == [
            ("complete", ""),
            ("unfinished", ""),
        ]
        code, said = study(content)
        times = Counter(hashes(wire.received()))
    assert code == 0, said
    assert "1 complete, 1 begun, 0 new." in said
    assert "s.bread.second.brief.s3 goes on" in said
    assert {digest for digest, count in times.items() if count > 1} == set(asked) - set(answered)
    assert max(times.values()) == 2
    assert sum(int(row["calls"]) for row in table(folder)) == len(times)


def test_a_session_that_fails_is_recorded_with_its_reason_and_the_study_goes_on(
    study, folder, tmp_path
):
    with Wire(tmp_path / "requests.jsonl") as wire:
        at = {"provider": "openai_compatible", "base_url": wire.base_url}
        panels = {"ill": {**TWO, "summarizer": {**at, "model": "refuses-key"}}, "well": TWO}
        code, said = study(design(panels=panels))
        assert code == 4
        assert "s.bread.ill.brief.s1 failed, 2 calls: Some models cannot be reached." in said
        assert "1 of 2 sessions complete" in said
        ill, well = table(folder)
        assert (ill["status"], ill["topic_number"], well["status"]) == ("failed", "", "complete")
        assert "refused the key" in ill["reason"]
        assert "refused the key" in page(folder)
        assert "s.bread.ill" not in "".join(re.findall(r'href="([^"]+)"', page(folder)))
        wire.mend()
        code, said = study(design(panels=panels))
    assert code == 0
    assert {row["status"] for row in table(folder)} == {"complete"}


def test_a_session_that_is_taken_over_does_not_end_the_study(study, folder, monkeypatch):
    calls = []

    class Watched(OfflineChatModel):
        def _stream(self, *args, **kwargs):
            calls.append(self)
            if len(calls) == 2:
                # The last call of a step: that another has the session is met where the step is saved.
                with closing(sqlite3.connect(folder / "data" / DATABASE)) as database, database:
                    database.execute("UPDATE session_leases SET token = token + 1")
            return super()._stream(*args, **kwargs)

    def create_provider(provider, model, *, persona, seed, **_):
        return Watched(persona=persona, seed=seed, latency=0)

    monkeypatch.setattr(providers, "create_provider", create_provider)
    code, said = study(design(seeds=2))
    assert code == 4
    assert "Another process has taken over the session" in said
    assert {row["seed"]: row["status"] for row in table(folder)} == {
        "1": "failed",
        "2": "complete",
    }, (
        code,
        said,
    )


def test_sessions_that_cannot_be_read_or_were_revised_by_hand_do_not_stop_the_others(study, folder):
    two = {"theme": "Bake our own bread?", "topics": ["It is worth the hour.", "It tastes better."]}
    content = design(questions={"bread": two}, seeds=[1, 2, 3, 4])
    (folder / "design.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    grid = Grid(load_design(folder / "design.yml", check_provider))

    def revising(question):
        match question["type"]:
            case "topic_continuation" if "modify_agenda" in question["options"]:
                return check_answer(question, "modify_agenda")
            case "agenda_approval":
                return check_answer(question, {"action": "edit", "agenda": ["It smells better."]})
        return default_answer(question)

    with Agora(folder / "data") as agora:
        for name in ("s.bread.two.brief.s1", "s.bread.two.brief.s2", "s.bread.two.brief.s3"):
            cell = grid.find(name)
            agora.create(
                cell.config,
                theme=cell.asked.theme,
                topics=cell.asked.topics,
                session_id=name,
                seed=cell.seed,
                reports_dir=folder / "results" / "s" / "reports",
            )
            agora.run_leg(name, revising if name.endswith("s1") else default_answer)
    with sqlite3.connect(folder / "data" / DATABASE) as database:
        damage = "UPDATE checkpoints SET checkpoint = x'ff00' WHERE thread_id = ?"
        database.execute(damage, ["s.bread.two.brief.s2"])
        only_before = (
            "AND checkpoint_id < (SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = ?)"
        )
        database.execute(f"{damage} {only_before}", ["s.bread.two.brief.s3"] * 2)
    database.close()
    before = logged(folder)

    code, said = study(content)
    assert code == 4, said
    rows = {row["seed"]: (row["status"], row["reason"]) for row in table(folder)}
    assert rows == {
        "1": ("failed", "Its agenda was revised by hand."),
        "2": ("failed", "It is damaged and cannot be read."),
        "3": ("failed", "It is damaged and cannot be read."),
        "4": ("complete", ""),
    }
    assert "tried again next time" not in said
    assert "Left alone, and not compared: s.bread.two.brief.s1. Its agenda was revised" in said
    assert before.items() <= logged(folder).items()
    shown = page(folder)
    assert "1 of 4 sessions are complete" in shown
    assert DEMO_STAMP in shown
    assert shown.count('/report.html"') == 4


def test_a_person_is_asked_before_many_sessions(folder, monkeypatch):
    class Terminal(StringIO):
        def isatty(self):
            return True

    content = design(seeds=3, budget={"max_sessions": 2})
    (folder / "design.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    for answer, code in (("\n", 2), ("", 2), ("y\n", 0)):
        screen = Terminal()
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        monkeypatch.setattr(sys, "stdout", screen)
        assert not (folder / "results").exists()
        assert main(["study", "design.yml", "--data-dir", "data"]) == code
        assert "Hold 3 sessions? [y/N]" in screen.getvalue()
        assert ("Nothing was begun." in screen.getvalue()) == (code == 2)


def test_without_pyarrow_it_says_so_first_and_writes_the_rest(study, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    code, said = study(design())
    assert code == 0
    assert said.index("pip install 'virtual-agora[study]'") < said.index("begins")
    assert {path.name for path in (folder / "results" / "s").iterdir()} == {
        "comparison.html",
        "reports",
        "table.csv",
    }


def test_a_scripted_panel_answers_at_once_unless_told_otherwise(folder, monkeypatch):
    """Told to take the demo's shortest pace, 0.15 seconds for a call, it is slower than untold."""
    (folder / "design.yml").write_text(yaml.safe_dump(design(), sort_keys=False))
    took = {}
    for latency, results in ((None, "quick"), ("0.15", "slow")):
        if latency is None:
            monkeypatch.delenv("VIRTUAL_AGORA_OFFLINE_LATENCY")
        else:
            monkeypatch.setenv("VIRTUAL_AGORA_OFFLINE_LATENCY", latency)
        words = ["--data-dir", results, "--results-dir", results]
        assert main(["study", "design.yml", *words]) == 0
        with (folder / results / "s" / "table.csv").open(encoding="utf-8") as file:
            (row,) = csv.DictReader(file)
        took[results] = float(row["seconds"]) / int(row["calls"])
    assert took["quick"] < took["slow"]
