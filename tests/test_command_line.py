"""The command line as a user meets it: what it does, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
import yaml

from tests.conftest import THEME
from tests.support.terminal import Terminal
from tests.support.wire import Wire
from virtual_agora.main import main
from virtual_agora.state.schema import SCHEMA_VERSION
from virtual_agora.state.sqlite import open_saver
from virtual_agora.state.stores import thread

COMMAND = [sys.executable, "-m", "virtual_agora.main"]
TOPIC = ("--topic", "What does it cost?")
AGENT = {"provider": "openai", "model": "gpt-x"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(folder)
    return folder


def config(folder, **content):
    content = {"agents": [{**AGENT, "count": 2}], **content}
    (folder / "config.yml").write_text(yaml.safe_dump(content))


# -- what works ----------------------------------------------------------------------------------------


def test_a_whole_session_unattended(say, folder):
    code, out, _ = say("run", THEME, *TOPIC, "--yes", "--session", "first")
    assert code == 0
    assert "DEMO: scripted text, no model was used" in out
    assert "\x1b" not in out
    assert "index.md" in out.splitlines()[-1]
    assert (folder / "reports/session_first/index.md").is_file()
    assert {path.name for path in (folder / "reports/session_first").iterdir()} == {
        "final",
        "index.md",
        "report.html",
        "session.json",
        "topics",
        "transcript.md",
    }


def test_what_a_session_can_begin_without_is_imported_when_it_is_wanted():
    code = (
        "import sys, virtual_agora.commands.sessions\n"
        "print(*sorted({'jinja2', 'markdown_it', 'prompt_toolkit', 'langchain_openai', 'psycopg'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == []


def test_without_a_terminal_it_stops_at_the_first_question_and_says_how_to_go_on(say):
    code, out, _ = say("run", THEME, "--session", "s")
    assert code == 3
    assert "virtual-agora resume s" in out
    code, out, _ = say("resume", "s")
    assert code == 3
    code, out, _ = say("resume", "s", "--yes")
    assert code == 0


def test_resume_of_a_finished_session_only_says_where_the_reports_are(say, folder):
    say("run", THEME, *TOPIC, "--yes", "--session", "s")
    index = folder / "reports/session_s/index.md"
    before = index.stat().st_mtime_ns
    code, out, _ = say("resume", "s", "--yes")
    assert code == 0
    assert "reports/session_s" in out
    assert index.stat().st_mtime_ns == before


def test_an_answer_asked_for_again_is_told_in_plain_words(say, folder):
    _, out, _ = say("run", THEME, "--session", "s", "--data-dir", "data")
    assert "the answer did not fit the form; asked again" in out
    log = (folder / "data" / "logs" / "s.jsonl").read_text().splitlines()
    (reason,) = {e["reason"] for e in map(json.loads, log) if e["event"] == "CallRetried"}
    assert (detail := reason.partition("does not fit: ")[2])
    assert detail not in out


def test_what_was_said_last_is_told_again_on_the_way_back(say, folder):
    config(
        folder,
        agents=[{"provider": "offline", "model": "scripted", "count": 2}],
        session={"min_rounds": 2, "max_rounds": 2, "participation": "start_of_round"},
    )
    say("run", THEME, *TOPIC, "--session", "s")
    terminal = Terminal(folder, "resume", "s", "--plain")
    terminal.until("Nothing was said on this topic so far.")
    terminal.until("Your choice")
    terminal.press("continue\r")
    terminal.until("round 2\r\n")
    terminal.until("Your choice")
    os.kill(terminal.pid, signal.SIGINT)
    assert terminal.end() == 130
    code, out, _ = say("resume", "s")
    said = json.loads(say("show", "s", "--json")[1])
    assert code == 3
    told = [*said["messages"], {"content": said["round_summaries"][0]["text"]}]
    assert len(told) == 3
    for looked_at in (out, say("show", "s")[1]):
        flat = " ".join(looked_at.split())
        for text in told:
            assert " ".join(text["content"].split())[:150] in flat


def test_between_two_topics_every_link_in_the_reports_leads_somewhere(say, folder):
    offline = {"provider": "offline", "model": "scripted", "count": 2}
    config(folder, agents=[offline], session={"min_rounds": 1, "max_rounds": 1})
    code, out, _ = say("run", THEME, *TOPIC, "--topic", "Who drives?", "--session", "s")
    assert (code, "Shall the assembly go on?" in out) == (3, True)
    pages = list((folder / "reports/session_s").rglob("*.md"))
    assert {page.name for page in pages} == {"index.md", "01_what-does-it-cost.md", "transcript.md"}
    for page in pages:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
            assert (page.parent / link).is_file(), (page, link)
    assert "still under way" in (folder / "reports/session_s/index.md").read_text()


def test_sessions_and_show(say):
    os.mkdir("empty")
    code, out, _ = say("sessions", "--data-dir", "empty")
    assert code == 0
    assert "no sessions" in out
    assert os.listdir("empty") == []
    code, _, err = say("show", "s", "--data-dir", "empty")
    assert code == 2
    assert "no sessions" in err
    say("run", THEME, *TOPIC, "--yes", "--session", "done")
    say("run", THEME, *TOPIC, "--session", "open")
    _, out, _ = say("sessions")
    assert "done" in out
    assert "open" in out
    code, out, _ = say("show", "done")
    assert code == 0
    assert THEME in out
    assert "What does it cost?" in out
    _, out, _ = say("show", "done", "--json")
    data = json.loads(out)
    assert {"id", "speaker", "role", "topic", "round", "content"} <= set(data["messages"][0])
    _, out, _ = say("show", "done", "--steps")
    assert "discussion_round" in out


def test_a_mistyped_folder_is_not_taken_for_lost_sessions(say, folder, monkeypatch):
    (folder / "file").write_text("I am a file")
    for named, wrong in (("nowhere", "does not exist"), ("file", "is a file, not a folder")):
        code, out, err = say("sessions", "--data-dir", named)
        assert (code, out) == (2, "")
        assert f"{named}, {wrong}." in err
        assert "--data-dir" in err
    monkeypatch.setenv("VIRTUAL_AGORA_HOME", "nowhere")
    assert say("sessions")[0] == 2
    assert not os.path.exists("nowhere")
    # Without a name it is the user's own folder, which the first session makes.
    monkeypatch.delenv("VIRTUAL_AGORA_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "own"))
    code, out, _ = say("sessions")
    assert (code, "no sessions" in out) == (0, True)


def test_fork(say):
    say("run", THEME, *TOPIC, "--yes", "--session", "s")
    code, out, _ = say("fork", "s", "--at", "5", "--name", "other")
    assert code == 0
    assert "virtual-agora resume other" in out
    assert say("resume", "other", "--yes")[0] == 0
    code, _, err = say("fork", "s", "--at", "999")
    assert code == 2
    assert "--steps" in err


def test_a_fork_under_another_configuration_and_where_it_parted(say, folder):
    say("run", THEME, *TOPIC, "--session", "s")
    (folder / "other.yml").write_text(
        "agents:\n"
        "  - {provider: offline, model: scripted, name: Ada}\n"
        "  - {provider: offline, model: scripted, name: Zoe}\n"
        "session: {conclude: unanimous}\n"
    )
    code, out, _ = say("fork", "s", "--at", "5", "--name", "o", "--config", "other.yml")
    assert code == 0
    assert "- Zoe joins" in out
    assert "- conclude unanimous instead of majority" in out
    assert "it is the session “s”. From there on:" in say("show", "o")[1]
    code, out, _ = say("diff", "s", "o")
    assert (code, "They share their history up to step 5" in out) == (0, True)
    keys = [
        change["key"] for change in json.loads(say("diff", "s", "o", "--json")[1])["configuration"]
    ]
    assert "agents.Zoe" in keys
    for words, exit_code, said in (
        (["diff", "s", "nobody"], 2, "There is no session “nobody”"),
        (["diff", "s", "s"], 0, "named twice"),
        (["fork", "s", "--at", "5", "--config", "missing.yml"], 2, "missing.yml"),
        (["fork", "s", "--at", "5", "--provider", "openai"], 2, "OPENAI_API_KEY"),
        (["fork", "s", "--at", "5", "--name", "o"], 2, "already a session"),
        (["fork", "s", "--at", "5", "--name", "p", "--provider", "offline"], 0, "resume p"),
    ):
        code, out, err = say(*words)
        assert (code, said in out + err) == (exit_code, True), (words, out, err)
    assert "The configuration is the same" in say("show", "p")[1]


def test_init_writes_a_configuration_that_loads_and_overwrites_nothing(say, folder):
    code, _out, _ = say("init")
    assert code == 0
    assert (folder / "config.yml").is_file()
    code, _, err = say("init")
    assert code == 2
    assert "--force" in err
    assert say("init", "--force")[0] == 0


def test_doctor_of_the_offline_panel_is_content(say):
    code, out, _ = say("doctor", "--call")
    assert code == 0, out


def test_doctor_says_what_to_do_about_a_missing_key(say, folder):
    config(folder)
    code, out, _ = say("doctor")
    assert code == 2
    assert "OPENAI_API_KEY" in out


def test_provider_puts_another_panel_on_the_rules_of_the_configuration(say, folder):
    config(folder, session={"min_rounds": 1, "max_rounds": 1})
    code, _, _ = say("run", THEME, *TOPIC, "--provider", "OFFLINE", "--yes", "--session", "s")
    assert code == 0
    _, out, _ = say("show", "s", "--json")
    assert max(m["round"] for m in json.loads(out)["messages"]) == 1


def test_a_provider_that_is_none_on_the_command_line(say):
    code, _, err = say("run", THEME, "--provider", "nope")
    assert code == 2
    assert "There is no provider “nope”.\nChoose one of openai, anthropic, google, grok," in err


def test_a_session_for_programs_says_where_it_stands(say):
    say("run", THEME, "--session", "s")
    assert json.loads(say("show", "s", "--json")[1])["standing"] == "waiting"
    say("resume", "s", "--yes")
    data = json.loads(say("show", "s", "--json")[1])
    assert (data["standing"], data["status"]) == ("complete", "complete")


def test_context_is_read_and_its_size_is_said(say, folder):
    (folder / "notes").mkdir()
    (folder / "notes" / "a.md").write_text("The buses are empty at noon. " * 40)
    _, out, _ = say("run", THEME, *TOPIC, "--yes", "--context", "notes")
    assert "a.md" in out
    assert "tokens" in out


def test_own_prompts_replace_the_packaged_ones(say, folder):
    (folder / "prompts").mkdir()
    (folder / "prompts" / "statement.md").write_text("Speak in round $round, briefly.")
    offline = {"provider": "offline", "model": "scripted"}
    config(folder, agents=[{**offline, "count": 2}], prompts="prompts")
    assert say("run", THEME, *TOPIC, "--yes")[0] == 0
    (folder / "prompts" / "statement.md").write_text("Speak in round $rond.")
    code, _, err = say("run", THEME, *TOPIC, "--yes")
    assert code == 2
    assert "$rond" in err
    assert "$round" in err


# -- bad input: one clear sentence, the right exit code, nothing begun -----------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ("agents: [", "line"),
        ("- a\n- b\n", "config.yml"),
        ("agents: []\nsesion: {}\n", "session"),
        ("agents:\n- {provider: openai, model: x, count: 2, personna: y}\n", "persona"),
        ("agents:\n- {provider: openai, model: x, count: two}\n", "count"),
        (
            "agents:\n- {provider: openai, model: x, count: true}\n",
            "line 2: “agents[0].count” should be a whole number, not yes.",
        ),
        (
            "agents:\n- {provider: openai, model: x, count: 2}\nbudget: {calls: true}\n",
            "line 3: “budget.calls” should be a whole number, not yes.",
        ),
        (
            "agents:\n- {provider: openai, model: x, count: 2}\nbudget: {topic: {cost: yes}}\n",
            "line 3: “budget.topic.cost” should be a number, not yes.",
        ),
        ("agents:\n- {provider: openai, model: x}\n", "2 to 20 participants"),
        (
            "agents:\n- {provider: openai, model: x, count: 2}\n- {model: x, provider: opnai}\n",
            "config.yml, line 3: there is no provider “opnai”.\nDid you mean “openai”?",
        ),
        (
            "agents:\n- {provider: openai, model: x, count: 2}\nmoderator:\n  provider: me\n  model: x",
            "config.yml, line 4: there is no provider “me”.",
        ),
        ("agents:\n- {provider: openai, model: x, count: 2}\nprompts: nowhere\n", "OPENAI_API_KEY"),
    ],
)
def test_a_bad_configuration(say, folder, content, says):
    (folder / "config.yml").write_text(content)
    code, _out, err = say("run", THEME, "--yes")
    assert code == 2
    assert says in err
    assert not (folder / "reports").exists()
    assert "no sessions" in say("sessions")[1]


def test_a_configuration_that_is_not_there(say):
    code, _, err = say("run", THEME, "--config", "nowhere.yml", "--yes")
    assert code == 2
    assert "nowhere.yml" in err


def test_a_missing_key_names_the_variable(say, folder):
    config(folder)
    code, _, err = say("run", THEME, "--yes")
    assert code == 2
    assert "OPENAI_API_KEY" in err
    assert ".env" in err


def test_a_missing_extra_says_what_to_install(say, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain_openai", None)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-something-long")
    config(folder)
    code, _, err = say("run", THEME, "--yes")
    assert code == 2
    assert "pip install 'virtual-agora[openai]'" in err


@pytest.mark.parametrize(
    ("theme", "says"),
    [("", "empty"), (" \n\t ", "empty"), ("\x00\x1b[2J", "empty"), ("x" * 100_000, "--context")],
)
def test_a_theme_that_is_none(say, theme, says):
    code, _, err = say("run", theme, "--yes")
    assert code == 2
    assert says in err


def test_no_theme_at_all(say):
    code, _, err = say("run", "--yes")
    assert code == 2
    assert "theme" in err


def test_a_theme_full_of_markup_and_control_characters_is_harmless(say, folder):
    theme = "\x1b]0;owned\x07[bold red]<script>alert(1)</script> # Heading `x` ../../etc \u202e?"
    code, out, _ = say(
        "run", theme, "--topic", "../../../<b>up</b>/\x1b[31m", "--yes", "--session", "s"
    )
    assert code == 0
    assert "\x1b" not in out
    written = [path for path in folder.parent.rglob("*") if path.is_file()]
    inside = folder / "reports" / "session_s"
    outside = [p for p in written if p.suffix == ".md" and not p.is_relative_to(inside)]
    assert outside == []
    assert "<script>" not in (inside / "index.md").read_text()


def test_a_wrong_session_name(say):
    say("run", THEME, *TOPIC, "--session", "known")
    code, _, err = say("resume", "nowhere", "--yes")
    assert code == 2
    assert "nowhere" in err
    assert "known" in err
    code, _, err = say("run", THEME, "--yes", "--session", "../../escape")
    assert code == 2


def test_an_empty_name_for_a_fork(say):
    say("run", THEME, "--session", "s")
    code, _, err = say("fork", "s", "--at", "1", "--name", "")
    assert (code, "“” cannot be the name of a session." in err) == (2, True)


def test_a_session_that_another_process_runs(say, folder):
    say("run", THEME, *TOPIC, "--session", "s", "--data-dir", "data")
    with open_saver(folder / "data") as saver, saver.leases.hold("s"):
        code, _, err = say("resume", "s", "--yes", "--data-dir", "data")
        assert code == 2
        assert "another process" in err
        assert "on its machine; a frozen one is replaced after 30 seconds." in err
        assert say("show", "s", "--data-dir", "data")[0] == 0
    assert say("resume", "s", "--yes", "--data-dir", "data")[0] == 0


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ({"schema_version": SCHEMA_VERSION + 1}, f"format {SCHEMA_VERSION + 1}"),
        ({"protocol_version": "1.10"}, "protocol 1.10, this one speaks 1.3"),
        ({"protocol_version": "2.0rc1"}, "protocol 2.0rc1, this one speaks 1.3"),
    ],
)
def test_a_session_of_a_later_release(say, folder, version, said):
    say("run", THEME, *TOPIC, "--session", "s", "--data-dir", "data")
    with open_saver(folder / "data") as saver:
        saved = saver.get_tuple(thread("s"))
        saved.checkpoint["channel_values"].update(version)
        versions = saved.checkpoint["channel_versions"]
        saver.put(saved.parent_config, saved.checkpoint, saved.metadata, versions)
    for command in (
        ["resume", "s", "--yes"],
        ["show", "s"],
        ["show", "s", "--json"],
        ["show", "s", "--steps"],
        ["report", "s"],
        ["fork", "s", "--at", "1"],
        ["diff", "s", "s"],
    ):
        code, _, err = say(*command, "--data-dir", "data")
        assert code == 4
        assert f"Session “s” was saved by a later release ({said}" in err
    code, out, _ = say("sessions", "--data-dir", "data")
    assert (code, "saved by a later release" in out) == (0, True)


def test_folders_that_cannot_be_used(say, folder):
    (folder / "file").write_text("I am a file")
    code, _, err = say("run", THEME, "--yes", "--data-dir", "file")
    assert code == 4
    assert "file, is a file, not a folder." in err
    assert "--data-dir" in err
    code, _, err = say("run", THEME, "--yes", "--context", "file")
    assert code == 2
    code, _, err = say("run", THEME, "--yes", "--reports-dir", "file")
    assert code == 4
    assert "--reports-dir" in err
    say("run", THEME, *TOPIC, "--session", "s")
    (folder / "reports" / "session_s").write_text("in the way")
    code, _, err = say("resume", "s", "--yes")
    assert code == 4
    assert "session_s" in err
    os.remove(folder / "reports" / "session_s")
    assert say("resume", "s", "--yes")[0] == 0  # the obstacle gone, it goes on


def test_a_session_whose_reports_folder_is_spoilt_goes_on_with_another_in_its_place(say, folder):
    say("run", THEME, *TOPIC, "--session", "s")
    shutil.rmtree(folder / "reports")
    (folder / "reports").write_text("in the way")
    code, out, err = say("resume", "s", "--yes")
    assert code == 4
    assert err.startswith(f"Error: {folder / 'reports'}")
    assert f"Move {folder / 'reports'} away, or put a link to another folder in its place" in err
    assert "file_output" not in err
    assert "To go on: virtual-agora resume s" in out
    (folder / "reports").unlink()
    (folder / "elsewhere").mkdir()
    (folder / "reports").symlink_to(folder / "elsewhere")
    assert say("resume", "s", "--yes")[0] == 0
    assert (folder / "elsewhere/session_s/index.md").is_file()


def test_a_reports_folder_that_is_gone_is_made_again(say, folder):
    say("run", THEME, *TOPIC, "--session", "s")
    shutil.rmtree(folder / "reports")
    assert say("resume", "s", "--yes")[0] == 0
    assert (folder / "reports/session_s/index.md").is_file()


def test_a_database_that_is_none(say, folder):
    (folder / "data").mkdir()
    (folder / "data" / "sessions.sqlite3").write_bytes(b"nonsense" * 1000)
    code, _, err = say("sessions", "--data-dir", "data")
    assert code == 4
    assert "damaged" in err


@pytest.fixture
def small_disk(folder):
    """A file system of 400 KB; what is left of it is nothing."""
    place = folder / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(place)], check=False
    )
    if mounted.returncode != 0:
        # Where mounting is not allowed, a limit on the size of files is the same wall.
        import resource

        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limits[1]))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        yield place
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        return
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_said_and_nothing_is_lost(say, small_disk, folder):
    code, _, err = say("run", THEME, "--yes", "--session", "s", "--data-dir", str(small_disk))
    assert code == 4
    assert "full" in err
    (folder / "roomy").mkdir()
    for path in small_disk.iterdir():
        subprocess.run(["cp", "-r", str(path), str(folder / "roomy")], check=True)
    assert say("resume", "s", "--yes", "--data-dir", "roomy")[0] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["init", "--template", "decision", ""], "the name is empty"),
        (["fork", "s", "--at", "abc"], "a step is a whole number"),
    ],
)
def test_a_word_that_says_nothing_is_refused_in_a_sentence(folder, capsys, words, says):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_bad_words_on_the_command_line(say):
    for words in (["frobnicate"], ["run", "--no-such-flag"], ["resume"], ["fork", "s"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2


@pytest.mark.parametrize("seed", ["99999999999999999999", str(2**63), "-1", "", "1.5", "²"])
def test_a_seed_that_does_not_fit(folder, capsys, seed):
    with pytest.raises(SystemExit) as ended:
        main(["run", THEME, *TOPIC, "--yes", "--seed", seed])
    assert ended.value.code == 2
    assert f"a whole number from 0 to {2**63 - 1}" in capsys.readouterr().err
    assert not (folder / "reports").exists()


def test_the_greatest_seed(say):
    assert say("run", THEME, *TOPIC, "--yes", "--session", "s", "--seed", str(2**63 - 1))[0] == 0
    assert json.loads(say("show", "s", "--json")[1])["seed"] == 2**63 - 1


# -- output that nobody can read on ----------------------------------------------------------------------


def started(*words, stdout):
    return subprocess.Popen([*COMMAND, *words], stdout=stdout, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_reader_that_leaves_ends_the_run_saved(say, folder, monkeypatch, interrupted):
    monkeypatch.setenv("VIRTUAL_AGORA_OFFLINE_LATENCY", "0.05")
    words = ("run", THEME, *TOPIC, "--yes", "--session", "s", "--data-dir", "data")
    with started(*words, stdout=subprocess.PIPE) as command:
        while "Celia" not in command.stdout.readline():
            pass
        command.stdout.close()
        if interrupted:  # Ctrl-C reaches the reader first
            command.send_signal(signal.SIGINT)
        assert command.wait(60) == 130
        complaint = command.stderr.read()
    assert complaint.splitlines() == [
        "Stopped; everything that was answered is saved. "
        "To go on: virtual-agora resume s --data-dir data"
    ]
    monkeypatch.setenv("VIRTUAL_AGORA_OFFLINE_LATENCY", "0")
    assert say("resume", "s", "--yes", "--data-dir", "data")[0] == 0
    log = (folder / "data" / "logs" / "s.jsonl").read_text().splitlines()
    calls = [line["call_id"] for line in map(json.loads, log) if line["event"] == "CallStarted"]
    assert len(calls) == len(set(calls))


@pytest.mark.parametrize(
    "words", [["sessions"], ["show", "s"], ["show", "s", "--json"], ["show", "s", "--steps"]]
)
def test_a_reader_that_left_before_anything_was_said_is_no_news(say, words):
    say("run", THEME, *TOPIC, "--session", "s")
    reader, writer = os.pipe()
    os.close(reader)
    with started(*words, stdout=writer) as command:
        os.close(writer)
        assert command.wait(60) == 130
        assert command.stderr.read() == ""


def test_an_output_that_takes_no_more_is_said(say):
    say("run", THEME, *TOPIC, "--session", "s")
    for words in (["show", "s", "--json"], ["sessions"], ["resume", "s", "--yes"]):
        with open("/dev/full", "w") as full, started(*words, stdout=full) as command:
            assert command.wait(60) == 4
            complaint = command.stderr.read()
        assert "No space left" in complaint
        assert "Traceback" not in complaint
    assert say("resume", "s", "--yes")[0] == 0


def test_an_estimate_says_which_caps_it_exceeds(say, folder):
    caps = {"calls": 10, "tokens": 10**9}
    agents = [{"provider": "offline", "model": "panel", "count": 2}]
    config(folder, agents=agents, budget=caps)
    code, out, _ = say("run", THEME, *TOPIC, "--estimate")
    assert code == 0
    (line,) = [line for line in out.splitlines() if "The budget of" in line]
    assert re.search(
        r"The budget of 10 calls is likely to be used up: likely \d+ calls, at most", line
    )


def test_a_session_that_cannot_be_opened_has_no_command_to_go_on(say):
    say("run", THEME, "--session", "s")
    code, out, err = say("resume", "nope")
    assert (code, out) == (2, "")
    assert "There is no session “nope”." in err
    assert "To go on" not in err


def test_every_command_to_go_on_names_the_place_of_the_sessions(say, folder):
    place = ("--data-dir", "a place")
    words = "--data-dir 'a place'"
    code, out, _ = say("run", THEME, "--session", "s", *place)
    assert (code, f"virtual-agora resume s {words}" in out) == (3, True)
    assert f"Go on: virtual-agora resume s {words}\n" in say("show", "s", *place)[1]
    assert f"virtual-agora fork s --at STEP {words}\n" in say("show", "s", "--steps", *place)[1]
    _, _, err = say("fork", "s", "--at", "99", *place)
    assert f"Its steps: virtual-agora show s --steps {words}\n" in err
    _, _, err = say("run", THEME, "--session", "s", *place)
    assert f"go on with it: virtual-agora resume s {words}\n" in err


def test_a_command_is_never_broken_in_a_narrow_terminal(folder):
    deep = folder / ("a-folder-with-a-long-name-" * 3)
    main(["run", THEME, "--session", "a-session", "--data-dir", str(deep)])
    terminal = Terminal(folder, "show", "a-session", "--data-dir", str(deep), env={"COLUMNS": "60"})
    assert terminal.end() == 0
    assert f"Go on: virtual-agora resume a-session --data-dir {deep}\r\n" in terminal.screen


# -- a person at a terminal --------------------------------------------------------------------------------


def test_a_person_is_asked_and_decides(folder):
    terminal = Terminal(folder, "run", THEME, "--session", "s")
    terminal.until("The assembly proposes this agenda")
    terminal.press("?!\r")  # nonsense, then the default
    terminal.until("regular stop")
    terminal.press("s")  # skip to the report
    assert terminal.end() == 0
    assert (folder / "reports/session_s/index.md").is_file()


def test_a_key_mended_while_the_session_asks_counts_at_once(folder):
    old, new = "sk-old-1f0c9a4b7d", "sk-new-1f0c9a4b7d"
    (folder / ".env").write_text(f"OPENAI_API_KEY={old}\n")
    with Wire(folder.parent / "requests.jsonl") as wire:
        agents = [
            AGENT | {"model": model, "base_url": wire.base_url}
            for model in ("good", "refuses-old-key")
        ]
        config(folder, agents=agents, session={"min_rounds": 1, "max_rounds": 1})
        words = ("run", THEME, *TOPIC, "--session", "s", "--data-dir", "data")
        terminal = Terminal(folder, *words)
        terminal.until("retry")
        said = terminal.screen
        (folder / ".env").write_text(f"OPENAI_API_KEY={new}\n")
        terminal.press("r")
        assert terminal.end() == 0, terminal.screen[-2000:]
        refused = [line for line in wire.received() if line["model"] == "refuses-old-key"]
        answered = [line for line in wire.answered() if line["model"] == "refuses-old-key"]
    assert len(refused) == len(answered) + 1
    assert "refused the key" in said
    assert old not in said
    for path in folder.rglob("*"):
        if path.is_file() and path.name != ".env":
            assert old.encode() not in path.read_bytes(), path
            assert new.encode() not in path.read_bytes(), path


def test_a_second_interrupt_does_not_wait_for_a_slow_model(folder, monkeypatch):
    monkeypatch.setenv("VIRTUAL_AGORA_OFFLINE_LATENCY", "40")
    terminal = Terminal(folder, "run", THEME, *TOPIC, "--session", "s")
    terminal.until("is speaking")
    os.kill(terminal.pid, signal.SIGINT)
    terminal.until("Ctrl-C again")
    os.kill(terminal.pid, signal.SIGINT)
    assert terminal.end(10) == 130
    assert "virtual-agora resume s" in terminal.screen
    monkeypatch.setenv("VIRTUAL_AGORA_OFFLINE_LATENCY", "0")
    assert main(["resume", "s", "--yes"]) == 0


def test_one_interrupt_lets_the_call_in_flight_finish_and_starts_no_other(folder, monkeypatch):
    monkeypatch.setenv("VIRTUAL_AGORA_OFFLINE_LATENCY", "0.5")
    terminal = Terminal(folder, "run", THEME, *TOPIC, "--session", "s", "--data-dir", "data")
    terminal.until("is speaking")
    os.kill(terminal.pid, signal.SIGINT)
    assert terminal.end(10) == 130
    assert "virtual-agora resume s" in terminal.screen

    def statements(event):
        log = (folder / "data" / "logs" / "s.jsonl").read_text().splitlines()
        lines = [json.loads(line) for line in log]
        return [line for line in lines if line["event"] == event and line["task"] == "statement"]

    assert len(statements("CallStarted")) == len(statements("CallFinished")) == 1
    monkeypatch.setenv("VIRTUAL_AGORA_OFFLINE_LATENCY", "0")
    assert main(["resume", "s", "--yes", "--data-dir", "data"]) == 0
    assert len(statements("CallStarted")) == 12  # three rounds of four, none of them twice
