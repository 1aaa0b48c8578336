"""What stands on the first page before anything else, and what a topic's page says of dissent and positions."""

from __future__ import annotations

from typing import Any

from tests.reports.conftest import FIRST
from virtual_agora.reports import final_report
from virtual_agora.reports.rendering import topic_page
from virtual_agora.state.schema import Notice, Position, Report, VirtualAgoraState


def first_lines(state: VirtualAgoraState) -> list[str]:
    """The warnings of the first page, which come right after title and stamp."""
    parts = final_report(state)["index.md"].split("\n\n")
    at = parts.index("## What a reader should know first")
    assert at == 1 + parts[1].startswith(">")
    return parts[at + 1].split("\n")


def notice(kind: Any, agent: str, text: str = "It went wrong.") -> Notice:
    return Notice(kind=kind, agent=agent, text=text, topic=FIRST, round=1)


def held(agent: str, moment: Any, stance: int | None, *moved_by: str, text: str = "") -> Position:
    return Position(
        agent=agent,
        topic=FIRST,
        moment=moment,
        round=0 if moment == "before" else 3,
        stance=stance,
        confidence=60 if moment == "before" else 75,
        position=text or f"It should, {moment} all.",
        reasons=["Because."],
        moved_by=list(moved_by),
        at="2026-11-22T10:00:00+00:00",
    )


def page(state: VirtualAgoraState) -> str:
    return topic_page(state, FIRST).popitem()[1]


def test_what_went_wrong_is_counted_on_the_first_page(state: VirtualAgoraState) -> None:
    assert first_lines(state) == [
        "- **Ended early**: Closed by vote: 1 topic of the agenda was left undiscussed.",
        "- **Dropped out**: Chen. 3 of 4 participants were left at the end.",
        "- **Turns lost**: 1 turn was skipped, because the member could not be reached: Chen.",
        "- **Note**: Ada and Bruno share one model.",
        "- **Unwritten**: 1 section of the reports could not be written.",
        "- **Unsupported**: 7 of the 7 claims in the reports and the summaries of topics name no turn to rest on and are marked.",
    ]


def test_everything_that_can_be_wrong_has_its_line(state: VirtualAgoraState) -> None:
    state["notices"] += [
        notice("repaired", "participant-1"),
        notice("repaired", "participant-1"),
        notice("repaired", "report_writer"),
        notice("abstained", "participant-2"),
        notice("replaced", "participant-4"),
        notice("user", "user", "The user ended the session."),
    ]
    state["agenda"] = []
    for agent in state["agents"][:4]:
        agent["provider"], agent["model"] = "openai", "gpt-6-luna"
    state["agents"][4]["provider"] = "offline"
    state["tally"]["all_rules"] = {
        "verdicts": [
            {"first": [FIRST], "rules": ["borda"]},
            {"first": ["x"], "rules": ["schulze"]},
        ],
        "agree": False,
    }
    state["reports"] = [
        Report(
            topic=FIRST,
            title=FIRST,
            sections=[
                {"title": "A", "text": "So it is [m0001, m0019].\n\nAnd so [m0020].\n\nYes."}
            ],
        )
    ]
    assert first_lines(state) == [
        "- **Ended early**: Closed by the user: no topic of the agenda was left undiscussed.",
        "- **Partly scripted**: What came from moderator is put together from phrases.",
        "- **Dropped out**: Chen. 3 of 4 participants were left at the end.",
        "- **Turns lost**: 1 turn was skipped, because the member could not be reached: Chen.",
        "- **Asked again**: 3 answers were asked for again or read from plain text: Ada (2), report writer.",
        "- **Abstained**: 1 answer was unusable all the same, and taken as an abstention: Bruno.",
        "- **Models replaced**: Given another model on the way: Dalia.",
        "- **Note**: Ada and Bruno share one model.",
        "- **Unsupported**: 4 of the 5 claims in the reports and the summaries of topics name no turn to rest on and are marked.",
        "- **Wrong citations**: The reports or the summaries of topics cite 2 turns that nobody had taken, marked as such there: m0019, m0020.",
        "- **Voting rules**: On what the ballots put first on the agenda, the rules disagree.",
    ]


def test_a_rule_that_cannot_be_followed_is_none_that_disagrees(state: VirtualAgoraState) -> None:
    state["tally"]["all_rules"] = {
        "verdicts": [{"first": [FIRST], "rules": ["borda", "schulze"]}],
        "agree": False,
        "unsettled": [{"first": [FIRST, "x"], "rules": ["ranked_pairs"]}],
    }
    assert first_lines(state)[-1] == (
        "- **Voting rules**: On what the ballots put first on the agenda, so far as it can be told, the rules agree. "
        "The ballots hold too many ties to follow ranked pairs to the end: "
        f"what comes first is among “{FIRST}” and “x”."
    )


def test_a_turn_taken_later_is_none_that_a_report_can_cite(state: VirtualAgoraState) -> None:
    state["reports"][0]["sections"][0]["text"] = "It is said [m0020]."
    assert "~~m0020~~ (no such turn)" in page(state)
    state["reports"][-1]["sections"][0]["text"] = "It is said [m0020]."
    assert "[m0020](../transcript.md#m0020)" in final_report(state)["final/01_the-answer.md"]


def test_dissent_names_who_was_against_and_where_positions_differ(state: VirtualAgoraState) -> None:
    state["positions"] = [
        held("participant-1", "before", 1),
        held("participant-1", "after", 3, "m0002"),
        held("participant-2", "after", 2),
        held(
            "participant-4",
            "after",
            -2,
            text=f"Never, |because| of [this](x), {'not at all, ' * 40}no.",
        ),
    ]
    state["positions"][-1]["reasons"] = ["Fares pay\nfor *staff*.", "# Nobody costed it."]
    state["messages"][1]["dissenter"] = True
    dissent = page(state).partition("## Dissent\n\n")[2].partition("\n\n## ")[0]
    assert dissent.split("\n\n")[:4] == [
        "- **Dalia** voted against closing the topic: We have heard the main points.",
        "The last positions still differ: 2 for it, 1 against it.",
        "- **Dalia**: −2 (75 %). Never, \\|because\\| of \\[this\\](x), "
        + "not at all, " * 40
        + "no.\n"
        "  - Reason 1: Fares pay for \\*staff\\*.\n  - Reason 2: # Nobody costed it.",
        "Asked to argue against the prevailing view, whatever they held themselves: "
        "Bruno in round 1 ([m0002](../transcript.md#m0002)).",
    ]
    assert "### The minority's last word" in dissent
    text = final_report(state)["transcript.md"]
    assert '<a id="m0002"></a>Bruno, asked to dissent (m0002)\n' in text
    assert '<a id="m0001"></a>Ada (m0001)\n' in text


def test_the_absence_of_dissent_is_said(state: VirtualAgoraState) -> None:
    for vote in state["vote_history"]:
        if vote["choice"] == ["no"]:
            vote["choice"] = ["yes"]
    state["positions"] = [held(f"participant-{n}", "after", 2) for n in (1, 2)]
    assert (
        "## Dissent\n\nIn the last poll, nobody voted against closing the topic.\n\n"
        "In the end all positions were on one side: for it.\n\n"
    ) in page(state)
    state["vote_history"] = []
    assert "## Dissent\n\nNobody was asked by vote whether to close the topic." in page(state)


def test_positions_before_and_after_are_a_table(state: VirtualAgoraState) -> None:
    assert "Positions before" not in page(state)
    state["positions"] = [
        held("participant-1", "before", -1),
        held("participant-2", "before", None),
        held("participant-1", "round", 0, "m0003"),
        held("participant-1", "after", 2, "m0003", "m0004", "m9999"),
        held("participant-1", "control", -1),
        held("moderator", "single_model", 1),
    ]
    table = page(state).partition("## Positions before and after\n\n")[2]
    moved = "[m0003](../transcript.md#m0003), [m0004](../transcript.md#m0004)"
    assert table.split("\n\n")[1:3] == [
        "| Member | Before | After | Thinking alone | Moved by |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| Ada | −1 (60 %). It should, before all. | +2 (75 %). It should, after all. | "
        f"−1 (75 %). It should, control all. | {moved} |\n"
        "| Bruno | no stance (60 %). It should, before all. | – | – | – |",
        "For comparison, one model without a persona, asked alone: "
        "+1 (75 %). It should, single_model all.",
    ]
