from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt

from tests.reports.conftest import FIRST, SECOND, votes
from virtual_agora.reports import final_report, session_json, topic_report, write
from virtual_agora.reports.rendering import topic_page
from virtual_agora.reports.words import short
from virtual_agora.state.demo import DEMO_STAMP, MIXED_STAMP
from virtual_agora.state.schema import Notice, Report, VirtualAgoraState

HOSTILE = "# <script>alert(1)</script> [x](javascript:1) `|` ../../../etc/passwd\n\n***"


def headings(text: str) -> list[tuple[str, str]]:
    read = MarkdownIt("commonmark").enable("table").parse(text)
    return [
        (token.tag, read[at + 1].content)
        for at, token in enumerate(read)
        if token.type == "heading_open"
    ]


def links(text: str) -> list[str]:
    return [unquote(found) for found in re.findall(r"\]\(([^)]+)\)", text)]


def test_the_files(state: VirtualAgoraState) -> None:
    assert list(final_report(state)) == [
        "index.md",
        "final/01_the-answer.md",
        "final/02_what-was-disputed.md",
        "topics/01_who-would-pay-and-how-much.md",
        "topics/02_would-fewer-people-drive.md",
        "transcript.md",
        "report.html",
        "session.json",
    ]


def check_links(files: dict[str, str]) -> None:
    for name, text in files.items():
        if name.endswith(".md"):
            for link in links(text):
                path, _, anchor = link.partition("#")
                parts = [part for part in (*name.split("/")[:-1], *path.split("/")) if part != "."]
                while ".." in parts:
                    at = parts.index("..")
                    del parts[at - 1 : at + 1]
                target = files["/".join(parts)]
                assert not anchor or f'<a id="{anchor}"></a>' in target, (name, link)


def test_every_link_leads_somewhere(state: VirtualAgoraState) -> None:
    state["completed_topics"] = ["Wer zahlt (und wie viel)?", SECOND]
    for field in ("messages", "topic_summaries", "reports", "vote_history", "notices"):
        for entry in cast(dict[str, Any], state)[field]:
            if entry["topic"] == FIRST:
                entry["topic"] = state["completed_topics"][0]
    check_links(final_report(state))


def test_what_is_there_after_each_topic_can_be_read_without_the_rest(
    state: VirtualAgoraState,
) -> None:
    whole = final_report(state)
    state["status"] = "running"
    for field in ("messages", "topic_summaries", "vote_history"):
        entries = cast(dict[str, Any], state)[field]
        entries[:] = [entry for entry in entries if entry["topic"] != SECOND]
    state["agenda"] = [SECOND, *state["agenda"]]
    state["completed_topics"], state["current_topic"] = [], FIRST
    state["current_round"], state["concluded_by"] = 3, "vote"
    files = topic_report(state, FIRST)
    assert set(files) == {
        "topics/01_who-would-pay-and-how-much.md",
        "index.md",
        "transcript.md",
    }
    check_links(files)
    index = files["index.md"]
    assert "The session is still under way; this is how it stood." in index
    assert "Still on the agenda: “Would fewer people drive?”" in index
    assert "under way" not in whole["index.md"]
    state["completed_topics"], state["current_topic"] = [FIRST], SECOND
    check_links(files | topic_report(state, SECOND))


def test_the_overview_says_how_it_came_about(state: VirtualAgoraState) -> None:
    index = final_report(state)["index.md"]
    assert headings(index)[0] == ("h1", state["main_topic"])
    for said in (
        "4 participants deliberated on 2 topics in 4 rounds, beginning 2026-11-22 09:58 UTC",
        "1. [The answer](final/01_the-answer.md)",
        "### 1. [Who would pay, and how much?](topics/01_who-would-pay-and-how-much.md)",
        "3 rounds; closed by vote of the participants: 3 yes, 1 no (more than half must be for it)",
        "1 round; closed by the user; no poll had been taken",
        "The last poll on ending the session: 1 yes, 2 no, 1 abstained.",
        "Left undiscussed: “Could the network carry them?”",
        "4 ballots counted by the rule “borda”; a tie was broken by the moderator.",
        "| 1 | Who would pay, and how much? | 7 |",
        "| Ada | Participant | openai/gpt-6-luna | 4 | You run a city's budget. |",
        "| Chen | Participant, **excluded** | anthropic/claude-sonnet-5-5 | 4 | – |",
        "- **Note**: Ada and Bruno share one model.",
        "- **Turn skipped** (round 2): Chen's statement was skipped",
        "61 calls to 3 models; cost: $0.4334.",
        "| anthropic/claude-sonnet-5-5 | 9 | 3 | 0 | 18,900 (10,800 cached) | 1,620 | $0.3100 |",
        "budget.md (about 7 tokens)",
    ):
        assert said in index
    assert DEMO_STAMP not in index


def test_unknown_prices_are_not_hidden(state: VirtualAgoraState) -> None:
    state["usage"]["ollama/llama3.2"]["cost"] = None
    assert "cost: at least $0.4334." in final_report(state)["index.md"]
    for used in state["usage"].values():
        used["cost"] = None
    assert "cost: unknown." in final_report(state)["index.md"]
    for used in state["usage"].values():
        used["cost"] = 0.0
    assert "cost: free." in final_report(state)["index.md"]


def test_a_session_in_which_all_went_well_says_so(state: VirtualAgoraState) -> None:
    state["notices"], state["excluded"], state["agenda"] = [], [], []
    state["reports"] = [
        Report(topic="", title="x", sections=[{"title": "A", "text": "So it is. [m0001]"}])
    ]
    for summary in state["topic_summaries"]:
        summary["text"] += " [m0001]"
    index = final_report(state)["index.md"]
    assert "Everybody was heard in every turn" in index
    assert headings(index)[1] == ("h2", "What a reader should know first")
    assert "What happened on the way" not in index
    assert "What a reader should know" not in topic_page(state, FIRST).popitem()[1]


def test_abstentions_and_a_tie_broken_by_lot_are_said(state: VirtualAgoraState) -> None:
    state["tally"] |= {"ballots": 3, "abstained": 1, "tie_broken_by": "seed"}
    index = final_report(state)["index.md"]
    assert "3 ballots counted by the rule “borda”, 1 abstention; a tie was broken by lot." in index


def test_what_other_rules_would_have_put_first_is_said(state: VirtualAgoraState) -> None:
    assert "Other rules" not in "".join(final_report(state).values())  # of an earlier release
    state["tally"]["all_rules"] = {
        "verdicts": [
            {"first": [FIRST], "rules": ["borda", "ranked_pairs", "schulze"]},
            {"first": [SECOND, "A [bold](x) one"], "rules": ["plurality"]},
        ],
        "agree": False,
    }
    files = final_report(state)
    said = (
        f"Other rules put first: “{FIRST}” (ranked pairs, schulze, like borda); "
        f"“{SECOND}” and “A \\[bold\\](x) one”, tied (plurality). **The rules disagree.**"
    )
    assert said in files["index.md"]
    assert said in files["transcript.md"]
    state["tally"] |= {"rule": "ranked_pairs"}
    state["tally"]["all_rules"] = {
        "verdicts": [{"first": [*"abcd"], "rules": ["borda", "ranked_pairs"]}],
        "agree": True,
    }
    index = final_report(state)["index.md"]
    assert "counted by the rule “ranked pairs”" in index
    assert (
        "Other rules put first: 4 topics, tied (borda, like ranked pairs). All rules agree on that."
        in index
    )


def test_ties_that_a_rule_could_not_follow_are_said(state: VirtualAgoraState) -> None:
    titles = [FIRST, SECOND, "A third", "A fourth"]
    state["tally"]["all_rules"] = {
        "verdicts": [{"first": [FIRST], "rules": ["borda", "schulze"]}],
        "agree": False,
        "unsettled": [{"first": titles, "rules": ["ranked_pairs"]}],
    }
    note = "> **Note.** The ballots hold too many ties to follow ranked pairs to the end: "
    for page in ("index.md", "transcript.md"):
        text = final_report(state)[page]
        assert (
            f"“{FIRST}” (schulze, like borda). So far as it can be told, the rules agree." in text
        )
        assert f"{note}what comes first is among 4 topics.\n" in text
    state["tally"]["rule"] = "ranked_pairs"
    state["tally"]["all_rules"]["unsettled"][0]["first"] = titles[:2]
    index = final_report(state)["index.md"]
    assert (
        f"{note}what comes first is among “{FIRST}” and “{SECOND}”. They counted as tied." in index
    )


def test_topics_of_the_user_had_no_ballot(state: VirtualAgoraState) -> None:
    state["tally"] = {}
    state["user_defines_topics"] = True
    index = final_report(state)["index.md"]
    assert "The user defined the topics." in index
    assert "counted by the rule" not in index


def test_a_topic_the_user_put_on_the_agenda_is_named(state: VirtualAgoraState) -> None:
    state["agenda"] = ["Mine"]
    index = final_report(state)["index.md"]
    assert "| – | Mine | – | left undiscussed; added by the user |" in index
    assert "| 3 | Could the network carry them? | 4 | taken off by the user |" in index
    assert "| 1 | Who would pay, and how much? | 7 | discussed |" in index


def test_a_topic_that_the_participants_took_off_is_not_put_down_to_the_user(
    state: VirtualAgoraState,
) -> None:
    gone = state["agenda"].pop()
    state["notices"].append(
        {"kind": "dropped", "agent": "", "text": f"“{gone}”, by 3.", "topic": "", "round": 1}
    )
    index = final_report(state)["index.md"]
    assert f"| 3 | {gone} | 4 | taken off by the participants |" in index


def test_the_overview_begins_with_the_answer(state: VirtualAgoraState) -> None:
    index = final_report(state)["index.md"]
    _, first, second, third, *_ = headings(index)
    assert first == ("h2", "What a reader should know first")
    assert (second, third) == (("h2", "The answer"), ("h2", "The final report"))
    state["reports"][-1]["sections"][0]["text"] = "Yes, if a levy pays for it [m0001]."
    index = final_report(state)["index.md"]
    link = "[m0001](transcript.md#m0001)"
    assert f"## The answer\n\nYes, if a levy pays for it \\[{link}\\].\n\n## The final" in index
    paragraph = "Fares cover a third. " * 30
    state["reports"][-1]["sections"][0]["text"] = "\n\n".join(["# Yes", *[paragraph] * 4])
    index = final_report(state)["index.md"]
    assert "### Yes" in index
    assert index.count("Fares cover") == 60
    assert "\n\n[In full](final/01_the-answer.md)\n\n## The final report" in index
    state["reports"][-1]["sections"][0]["text"] = "word " * 1000 + "[m0001, m0002]"
    index = final_report(state)["index.md"]
    assert 290 < index.count("word") < 300
    assert f"word … \\[{link}, [m0002](transcript.md#m0002)\\]\n" in index
    state["reports"][-1]["sections"][0]["text"] = ""
    assert headings(final_report(state)["index.md"])[2] == ("h2", "The final report")


def test_a_long_theme_is_a_short_heading_and_told_in_full(state: VirtualAgoraState) -> None:
    state["main_topic"] = "A question.\n\n# Loud\n\n" + "very long " * 500
    index = final_report(state)["index.md"]
    (first, _, second, *_) = headings(index)
    assert first[0] == "h1"
    assert len(first[1]) <= 200
    assert second == ("h2", "Loud")
    assert index.count("very long") >= 500


@pytest.mark.parametrize(
    ("text", "limit", "becomes"),
    [
        ("just fits", 9, "just fits"),
        ("cut between words", 12, "cut …"),
        ("x" * 20, 10, "xxxxxxxx …"),
        ("two\n lines", 20, "two lines"),
    ],
)
def test_long_texts_are_cut_between_words(text: str, limit: int, becomes: str) -> None:
    assert short(text, limit) == becomes


def test_the_report_on_a_topic(state: VirtualAgoraState) -> None:
    ((name, text),) = topic_page(state, FIRST).items()
    assert name == "topics/01_who-would-pay-and-how-much.md"
    assert headings(text) == [
        ("h1", FIRST),
        ("h2", "What it costs"),
        ("h3", "Costs"),
        ("h4", "Of which"),
        ("h2", "Who would pay"),
        ("h2", "Dissent"),
        ("h3", "The minority's last word"),
        ("h4", "[Dalia](../transcript.md#m0013)"),
        ("h2", "What a reader should know"),
    ]
    assert "Topic 1 of the deliberation on **Should a city" in text
    assert "3 rounds, closed by vote of the participants: 3 yes, 1 no" in text
    assert "The *payroll levy* was never costed." in text


def test_last_words_after_a_forced_end_are_everybodys(state: VirtualAgoraState) -> None:
    state["topic_summaries"][0]["concluded_by"] = "max_rounds"
    text = topic_page(state, FIRST).popitem()[1]
    assert "## Last words\n\nFrom all participants" in text
    assert "closed because the last round allowed had been held; the last poll was 3 yes" in text
    assert "minority" not in text


def test_a_section_that_failed_is_not_hidden(state: VirtualAgoraState) -> None:
    assert "This section could not be written" in topic_page(state, SECOND).popitem()[1]


def test_a_topic_report_is_the_same_while_the_session_runs(state: VirtualAgoraState) -> None:
    whole = topic_page(state, SECOND)
    state["completed_topics"].remove(SECOND)
    state["current_topic"] = SECOND
    state["status"] = "running"
    assert topic_page(state, SECOND) == whole
    assert whole.items() <= final_report(state).items()


def test_the_transcript_has_everything_in_order(state: VirtualAgoraState) -> None:
    text = final_report(state)["transcript.md"]
    anchors = re.findall(r'<a id="(m\d+)"></a>', text)
    assert anchors == [message["id"] for message in state["messages"]]
    assert [title for tag, title in headings(text) if tag == "h2"] == [
        "The agenda",
        f'<a id="topic-1"></a>Topic 1: {FIRST}',
        "After topic 1",
        f'<a id="topic-2"></a>Topic 2: {SECOND}',
    ]
    for said in (
        "### Ballot on the agenda, 4 votes",
        "1. Could the network carry them?\n2. Who would pay, and how much?\n3. Would fewer people",
        "| Dalia | 1, 3, 2 |",
        "#### Summary of round 2\n\nRound 2: costs were compared.",
        "#### Poll: close the topic? 3 yes, 1 no",
        "### Poll: end the session? 1 yes, 2 no, 1 abstained",
        "| Chen | *abstained* | the answer was unusable |",
        '#### <a id="m0024"></a>You (m0024)\n\nWhat about cyclists?',
    ):
        assert said in text


def noticed(kind: Any, text: str, topic: str, round: int) -> Notice:
    return Notice(kind=kind, agent="user", text=text, topic=topic, round=round)


def test_decisions_stand_where_they_were_made(state: VirtualAgoraState) -> None:
    state["completed_topics"] = [FIRST, SECOND, "Last"]
    state["topic_summaries"] += [{"topic": "Last", "text": "", "rounds": 3, "concluded_by": "user"}]
    state["vote_history"] += votes(4, "agenda", FIRST, 0, [[SECOND, "Last"]] * 4)
    state["proposed_agenda"] = [SECOND, "Last"]
    state["notices"] = [
        noticed("user", "The user changed the proposed agenda.", "", 0),
        noticed("user", "The user asked for another agenda.", FIRST, 3),
        noticed("dropped", "“Gone”, by 3.", "", 3),
        noticed("user", "The user closed it.", SECOND, 0),
        noticed("user", "The user ended the session.", "", 3),
    ]
    text = final_report(state)["transcript.md"]
    told = [
        "## The agenda",
        "changed the proposed agenda",
        "Topic 1",
        "Poll: close the topic?",
        "asked for another agenda",
        "The end of the topic",
        "## After topic 1",
        "The agenda that was proposed to the user:\n\n1. Would fewer people drive?\n2. Last",
        "“Gone”, by 3.",
        "Topic 2",
        "The user closed it.",
        "Topic 3",
        "## After topic 3",
        "ended the session",
    ]
    positions = [text.index(what) for what in told]
    assert positions == sorted(positions)


def test_a_decision_of_which_nobody_knows_the_place_is_told_at_the_end(
    state: VirtualAgoraState,
) -> None:
    state["topic_summaries"][1]["rounds"] = 3
    state["notices"] = [noticed("user", "The user had the agenda revised.", "", 3)]
    text = final_report(state)["transcript.md"]
    assert "\n\n## Decided between topics\n\n- **The user** (round 3): The user had" in text


def test_later_ballots_stand_between_the_topics(state: VirtualAgoraState) -> None:
    state["vote_history"] += votes(4, "agenda", FIRST, 0, [[SECOND, "New"]] * 4)
    text = final_report(state)["transcript.md"]
    after = text.partition("## After topic 1")[2].partition("## <a")[0]
    assert after.index("Poll: end the session?") < after.index("Ballot on the agenda")


def test_the_data_holds_everything_but_secrets(state: VirtualAgoraState) -> None:
    text = final_report(state)["session.json"]
    data = json.loads(text)
    assert data["messages"] == state["messages"]
    assert data["vote_history"] == state["vote_history"]
    assert data["agenda"]["tally"] == state["tally"]
    assert data["agents"][0]["base_url"] == "https://example.org:8000/v1"
    assert data["config"]["agents"][0]["base_url"] == "https://example.org/v1"
    assert data["context_documents"] == [{"name": "budget.md", "tokens": 7}]
    assert data["demo"] is None
    for secret in ("hunter2", "topsecret", "user:"):
        assert secret not in text


def test_the_data_of_a_session_that_waits_for_its_theme(state: VirtualAgoraState) -> None:
    beginning = VirtualAgoraState(
        session_id="s",
        schema_version=1,
        start_time=state["start_time"],
        config=state["config"],
        config_hash="0",
        seed=1,
    )
    data = json.loads(session_json(beginning))
    assert (data["theme"], data["status"], data["messages"]) == ("", "running", [])


def test_an_address_that_is_none_does_not_stop_the_report(state: VirtualAgoraState) -> None:
    state["agents"][0]["base_url"] = "http://[broken"
    assert json.loads(session_json(state))["agents"][0]["base_url"] == ""


def test_a_demo_is_stamped_everywhere(state: VirtualAgoraState) -> None:
    for agent in state["agents"]:
        agent["provider"] = "offline"
    state["usage"] = {"offline/scripted": state["usage"].popitem()[1]}
    for name, text in final_report(state).items():
        assert DEMO_STAMP in text, name
    assert json.loads(session_json(state))["demo"] == DEMO_STAMP


@pytest.mark.parametrize("when", ["it is to speak", "it spoke before"])
def test_a_session_in_which_one_member_is_scripted_says_so(
    state: VirtualAgoraState, when: str
) -> None:
    if when == "it is to speak":
        state["agents"][0]["provider"] = "offline"
    else:
        state["usage"]["offline/scripted"] = next(iter(state["usage"].values()))
    for name, text in final_report(state).items():
        assert MIXED_STAMP in text, name
        assert DEMO_STAMP not in text.replace(MIXED_STAMP, ""), name


def test_hostile_texts_stay_texts(state: VirtualAgoraState) -> None:
    kept = (
        "id",
        "agent",
        "role",
        "kind",
        "provider",
        "model",
        "concluded_by",
        "base_url",
        "choice",
    )

    def poison(value: object) -> object:
        if isinstance(value, dict):
            return {k: v if k in kept else poison(v) for k, v in value.items()}
        if isinstance(value, list):
            return [poison(item) for item in value]
        return f"{HOSTILE} {value}" if isinstance(value, str) and value else value

    harmless = final_report(state)
    said = ("main_topic", "completed_topics", "agenda", "proposed_agenda", "agents", "notices")
    more = ("messages", "round_summaries", "topic_summaries", "reports", "vote_history")
    fields = cast(dict[str, Any], state)
    for field in (*said, *more):
        fields[field] = poison(fields[field])
    files = final_report(state)
    assert len(files) == len(harmless)
    for name, text in files.items():
        assert re.fullmatch(r"((final|topics)/)?[\w-]+\.(md|json|html)", name)
        if name.endswith(".md"):
            found = set(re.findall(r"(?<!\\)<[a-z/!?][^>]*>?", text))
            assert all(re.fullmatch(r'</a>|<a id="(m|topic-)\d+">', tag) for tag in found), found
            assert [tag for tag, _ in headings(text)].count("h1") == 1


def test_titles_that_look_the_same_get_files_of_their_own(state: VirtualAgoraState) -> None:
    state["reports"].append(
        Report(
            topic="",
            title="x",
            sections=[{"title": title, "text": "t"} for title in ("A?", "a", "🚌", "!!")],
        )
    )
    names = [name for name in final_report(state) if name.startswith("final/")]
    assert names == [
        "final/01_a.md",
        "final/02_a.md",
        "final/03_untitled.md",
        "final/04_untitled.md",
    ]


@pytest.mark.parametrize("field", ["reports", "topic_summaries", "round_summaries"])
def test_what_could_not_be_had_does_not_stop_the_rest(state: VirtualAgoraState, field: str) -> None:
    cast(dict[str, Any], state)[field] = []
    files = final_report(state)
    assert {"index.md", "transcript.md", "session.json"} <= set(files)


def test_writing_again_changes_nothing(state: VirtualAgoraState, tmp_path: Path) -> None:
    paths = write(final_report(state), tmp_path)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in paths}
    assert write(final_report(state), tmp_path) == paths
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in paths} == before
