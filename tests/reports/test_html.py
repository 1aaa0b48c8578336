"""`report.html`: what stands in it, whatever the session was like, and that it can be read by everybody."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, cast

import pytest

from tests.reports.conftest import FIRST, PANEL, SECOND, votes
from tests.reports.measured import measured, positions
from tests.support.page import Element, read
from virtual_agora.measures import measure
from virtual_agora.reports.html import html_report
from virtual_agora.reports.html.page import TEMPLATES
from virtual_agora.state.schema import Report, VirtualAgoraState


def page(state: VirtualAgoraState, **measures: Any) -> Element:
    found = read(html_report(state, measured(state, **measures)))
    check(found)
    return found


def check(found: Element) -> None:
    """What holds of every report."""
    ids = [e.attributes["id"] for e in found.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for link in found.all("a"):
        target = link.attributes["href"] or ""
        if target.startswith("#"):
            assert target[1:] in ids, target
        else:
            assert re.match("https?://", target), target
            assert link.attributes["rel"] == "noopener noreferrer"
    levels = [int(e.tag[1]) for e in found.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    for drawing in found.all("svg"):
        if drawing.attributes.get("class") == "plot":
            assert drawing.attributes["role"] == "img"
            assert [child.tag for child in drawing.children[:2]] == ["title", "desc"]
    assert all(e.parent and e.parent.attributes.get("role") == "region" for e in found.all("table"))
    assert not found.all("script", "img", "iframe", "object", "embed", "form", "base")
    assert not [a for e in found.all() for a in e.attributes if a.startswith("on")]
    assert [e.tag for e in found.all("header", "nav", "main", "footer")].count("main") == 1


def plots(found: Element) -> dict[str, Element]:
    return {
        svg.attributes["aria-labelledby"].split("-title")[0]: svg  # type: ignore[union-attr]
        for svg in found.all("svg")
        if svg.attributes.get("class") == "plot"
    }


def table(found: Element, name: str) -> Element:
    (one,) = [t for t in found.all("table") if t.attributes.get("class") == name]
    return one


def test_whoever_was_not_there_can_read_what_was_decided_by_whom_and_on_which_grounds(
    state: VirtualAgoraState,
) -> None:
    state["positions"] = positions(FIRST)
    found = page(state)
    first_screen = found.all("main")[0].children[0].text
    for said in (
        "The answer Yes, if a levy pays for it.",
        "4 participants chose the agenda by secret ballot (by the rule “borda”)",
        "1 by vote of the participants and 1 by the user",
        "3 yes, 1 no (more than half must be for it)",
        "Dropped outChen",
        "1 turn was skipped",
        "Ada and Bruno share one model.",
        "61 calls to 3 models, 139,080 tokens; cost: $0.4334.",
    ):
        assert said in first_screen, said
    assert "Should a city of 200,000" in found.all("h1")[0].text
    topic = found.get("topic-1").text
    for said in (
        "fares cover a third and that a levy could replace them",
        "Voted against closing the topic Dalia: We have heard the main points.",
        "The payroll levy was never costed.",
        "Chen's statement was skipped",
        "The closing positions still differ: 2 for it, 1 against it. Here are those of the smaller side.",
        "Dalia: against (−2)",
        "The levy is a tax on jobs.",
    ):
        assert said in topic, said
    assert "at least" not in found.get("expense").text
    assert "cost: $0.4334" in found.get("expense").text
    assert "Left undiscussed" not in found.get("agenda").text
    assert "left undiscussed" in found.get("agenda").text


def test_every_plot_has_its_numbers_beside_it(state: VirtualAgoraState) -> None:
    state["positions"] = positions(FIRST)
    for number, message in enumerate(state["messages"]):
        message["at"] = f"2026-11-22T10:{number:02}:00+00:00"
    found = page(state)
    drawn = plots(found)
    assert {"positions-1", "agreement-1", "timeline"} <= drawn.keys()
    desc = drawn["positions-1"].all("desc")[0].text
    assert desc.endswith("Ada −1, +2; Bruno +2, +2; Chen 0, –; Dalia +1, −2.")
    rows = [
        [cell.text for cell in row.all("th", "td")]
        for row in found.get("topic-1").all("tr")
        if row.children[0].text in ("Ada", "Dalia")
    ]
    assert ["Ada", "−1 · 40%", "+2 · 80%", "[5, 4]"] in rows
    assert ["Ada", "·", "[24]"] in rows
    assert ["Dalia", "[5]", "·"] in rows
    shares = found.get("topic-1").text
    for share in ("42%", "31%", "75%"):
        assert share in shares
    matrix = table(found, "matrix")
    assert [[c.text for c in row.all("td")] for row in matrix.all("tr")[1:]] == [
        ["", "3", "3"],
        ["1", "", "3"],
        ["1", "1", ""],
    ]
    voices = table(found.get("panel"), "bars")
    assert ["Ada", "", "112", "4"] in [
        [c.text for c in r.all("th", "td")] for r in voices.all("tr")
    ]
    assert "17 min from the first statement to the last" in found.get("expense").text


def test_the_rounds_of_elimination_are_drawn_with_who_goes_over_to_whom(
    state: VirtualAgoraState,
) -> None:
    a, b, c = state["proposed_agenda"]
    state["vote_history"] = votes(1, "agenda", "", 0, [[a, b, c], [b, a, c], [b, c, a], [c, a, b]])
    found = page(state)
    (desc,) = plots(found)["runoff"].all("desc")
    assert desc.text == (
        "Ballots by round: round 1: A 1, B 2, C 1; round 2: A 2, B 2; round 3: A 4. A wins."
    )
    assert len(plots(found)["runoff"].all("path")) == 5


def test_topics_that_nobody_ranks_first_are_named(state: VirtualAgoraState) -> None:
    a, b, c = state["proposed_agenda"]
    for cast_, rounds in (([[a, b, c], [a, c, b], [b, a, c]], 1), ([[a, b, c], [b, c, a]], 2)):
        state["vote_history"] = votes(1, "agenda", "", 0, cast_)
        text = page(state).get("elimination").parent.text  # type: ignore[union-attr]
        assert "No first place from the start: C; out before round 1." in text
        assert "before anything is eliminated" not in text
        assert ("in the first round" in text) == (rounds == 1)


def test_citations_lead_to_turns_and_what_nothing_supports_is_marked(
    state: VirtualAgoraState,
) -> None:
    report = Report(
        topic=FIRST,
        title=FIRST,
        sections=[
            {
                "title": "Costs",
                "text": "Fares are a third [m0001, m0002].\n\n- Levies work [m0003]\n- They do not\n\n"
                "Made up [m9999], or said later [m0021]. `[m0004]` is code, [m0005](https://example.org) a link.\n\n"
                "[m0006]: https://evil.example",
            }
        ],
    )
    state["reports"] = [report, *state["reports"][1:]]
    found = page(state)
    section = found.get("topic-1-part-1")
    cites = [
        (a.attributes["href"], a.attributes["aria-label"], a.text)
        for span in section.all("span")
        if span.attributes.get("class") == "cite"
        for a in span.all("a")
    ]
    assert cites[:3] == [
        ("#m0001", "Turn 1: Ada, round 1", "1"),
        ("#m0002", "Turn 2: Bruno, round 1", "2"),
        ("#m0003", "Turn 3: Chen, round 1", "3"),
    ]
    assert "m9999: there is no such turn" in section.text
    assert "m0021: there is no such turn" in section.text
    assert "They do not no turn cited" in section.text
    assert "a levy could replace them. no turn cited" in found.get("topic-1").text
    assert "Levies work [3] no turn" not in section.text
    know = found.get("know").parent
    assert know is not None
    assert "5 of the 8 claims in the reports and the summaries of topics name no turn" in know.text
    assert "cite 2 turns that nobody had taken, marked as such there: m9999, m0021" in know.text
    assert "Cited in Costs" in found.get("m0001").text
    assert "Cited" not in found.get("m0021").text


EVIL = "https://evil.example"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        pytest.param(f"As said [m0001]({EVIL}).", f"As said [1]({EVIL}).", id="its text an id"),
        pytest.param(f"As said [[m0001]]({EVIL}).", f"As said [[1]]({EVIL}).", id="a citation"),
        pytest.param(
            f"As [said [m0001] here]({EVIL}).", f"As [said [1] here]({EVIL}).", id="within its text"
        ),
        pytest.param(f"As <{EVIL}/[m0001]>.", f"As <{EVIL}/[1]>.", id="a bare address"),
        pytest.param(
            f'As [said]({EVIL} "[m0001]").', f'As [said]({EVIL} "[1]").', id="in its title"
        ),
        pytest.param("As said [m0001\n].", "As said [1].", id="over two lines"),
    ],
)
def test_what_counts_as_a_citation_leads_to_the_turn_and_nowhere_else(
    state: VirtualAgoraState, written: str, shown: str
) -> None:
    state["reports"][0]["sections"][0]["text"] = f"{written} [Elsewhere](https://example.org)."
    found = page(state).get("topic-1-part-1")
    assert [a.attributes["href"] for a in found.all("a")] == ["#m0001", "https://example.org"]
    assert f"{shown} Elsewhere." in found.text


def test_citations_in_positions_reasons_and_votes_lead_to_turns_too(
    state: VirtualAgoraState,
) -> None:
    cites = "see [m0003], not [m9999]"
    shown = "see [3], not [m9999: there is no such turn]"
    alone: Any = {"moment": "single_model", "agent": "moderator"}
    held = positions(FIRST)
    state["positions"] = [
        {**one, "position": f"{what} {cites}", "reasons": [f"because {cites}"]}
        for what, one in [("I", one) for one in held] + [("One", {**held[0], **alone})]
    ]
    state["vote_history"] = [
        {**vote, "reason": f"voted, {cites}"} for vote in state["vote_history"]
    ]
    found = page(state)
    own, voted = found.get("topic-1").text, found.get("transcript").text
    for said in (f"I {shown}", f"One {shown}", f"because {shown}", f"Dalia: voted, {shown}"):
        assert said in own, said
    assert voted.count(f"voted, {shown}") == len(state["vote_history"])
    assert "[m0003]" not in found.text


def test_what_is_said_beside_the_slope_plot_is_what_it_shows_and_was_measured(
    state: VirtualAgoraState,
) -> None:
    held = positions(FIRST)
    state["positions"] = held + [
        {**one, "moment": "control"} for one in held if one["moment"] == "before"
    ]
    measures = measured(state)
    measures["topics"][0]["toward_majority"] = 0.5
    found = page(state, topics=measures["topics"])
    assert "Hollow: where each would stand after thinking alone" in found.get("topic-1").text
    moved = "Of those who moved, 50% went toward the mean of the others' opening stances."
    assert moved in found.get("topic-1").text
    names = [f"participant-{n}" for n in range(5, 10)]
    state["agents"] += [{**state["agents"][0], "id": name} for name in names]
    state["positions"] += [{**one, "agent": name} for name in names for one in held[:1]]
    many = page(state)
    assert not [
        c for c in plots(many)["positions-1"].all("circle") if "hollow" in str(c.attributes)
    ]
    assert "Hollow" not in many.text


def test_who_voted_to_go_on_and_who_stood_on_the_smaller_side_are_told_apart(
    state: VirtualAgoraState,
) -> None:
    def told(stances: dict[str, int], no: set[str]) -> str:
        held = [one for one in positions(FIRST) if one["moment"] == "after"]
        state["positions"] = [
            {**held[0], "agent": agent, "stance": stance, "position": f"{agent} holds {stance}"}
            for agent, stance in stances.items()
        ]
        for vote in state["vote_history"]:
            if vote["kind"] == "conclude_topic":
                vote["choice"] = ["no" if vote["agent"] in no else "yes"]
        state["reports"][0]["sections"][1]["text"] = "A levy [m0002, m0004]."
        return page(state, topics=measure(state)["topics"]).get("topic-1-dissent").parent.text  # type: ignore[union-attr]

    one, two, three, four = PANEL
    goes_on = told({one: 2, two: -1, three: 3, four: 3}, no={four})
    assert "Voted against closing the topic Dalia: We have heard the main points." in goes_on
    assert "2 for it" not in goes_on
    assert "3 for it, 1 against it. Here are those of the smaller side. Bruno:" in goes_on
    assert "participant-2 holds -1" in goes_on
    assert "The levy is a tax on jobs." in goes_on
    assert "participant-4 holds" not in goes_on
    assert "Of 4 turns of those who voted against closing the topic, the reports cite 1" in goes_on
    agreed = told({one: 2, two: 1, three: 3, four: 3}, no={four})
    assert "In the end all positions were on one side: for it." in agreed
    assert "holds" not in agreed
    closing = told({one: 2, two: -1, three: 3, four: 0}, no=set())
    assert "In the last poll nobody voted against closing the topic." in closing
    assert "Here are those of the smaller sides." in closing
    assert "Of 3 turns of those who ended against it, the reports cite 1" in closing
    even = told({one: 2, two: -1, three: 3, four: -3}, no=set())
    assert "Here are all, since no side is the largest." in even
    assert even.count("holds") == 4


def test_rules_that_the_ballots_could_not_settle_are_named_and_disagree_with_none(
    state: VirtualAgoraState,
) -> None:
    titles = state["proposed_agenda"]
    state["tally"]["rule"] = "ranked_pairs"
    state["tally"]["all_rules"] = {
        "verdicts": [{"first": [FIRST], "rules": ["borda", "schulze"]}],
        "agree": False,
        "unsettled": [{"first": titles[:2], "rules": ["ranked_pairs"]}],
    }
    found = page(state)
    decided = found.get("decided").parent.text  # type: ignore[union-attr]
    assert "So far as it can be told, the voting rules agree" in decided
    assert "too many ties to follow ranked pairs to the end." in decided
    assert "disagree" not in decided
    assert (
        f"ranked pairs (with the one that was used)Among: {FIRST}; {SECOND} "
        "(too many ties to follow the rule to the end; they counted as tied)"
    ) in found.get("agenda").text
    verdicts = state["tally"]["all_rules"]["verdicts"]
    verdicts += [{"first": [SECOND], "rules": ["plurality"]}]
    assert "The voting rules disagree" in page(state).text


@pytest.mark.parametrize(
    ("margin", "tau", "said"),
    [
        (0.5, 0.25, ("50% of the ballots", "0.25")),
        (-0.2, -0.25, ("−20% of the ballots: more of them prefer another topic", "−0.25")),
        (0.0, -0.001, ("0% of the ballots", "0.00")),
    ],
)
def test_the_winners_margin_is_that_against_its_strongest_rival(
    state: VirtualAgoraState, margin: float, tau: float, said: tuple[str, str]
) -> None:
    ballots = {"winner_margin": margin, "kendall_tau": tau, "rule_agreement": None}
    (figures,) = page(state, agenda=ballots).get("agenda").all("dl")
    assert tuple(figure.text for figure in figures.all("dd")) == said
    assert "than the other way round" in figures.text
    assert "runner-up" not in figures.text


def test_a_topic_has_the_same_number_in_the_timeline_as_elsewhere(state: VirtualAgoraState) -> None:
    state["completed_topics"] = [FIRST, "Nobody spoke on this", SECOND]
    for number, message in enumerate(state["messages"]):
        message["at"] = f"2026-11-22T10:{number:02}:00+00:00"
    drawn = plots(page(state))["timeline"]
    assert [t.text for t in drawn.all("text") if "Topic" in t.text] == ["Topic 1", "Topic 3"]


HOSTILE = '<script>window.ran = 1</script><img src=x onerror="window.ran = 2"> "\'`] [x](javascript:alert(3)) &lt;b&gt; \x1b[31m \u202e'


def test_hostile_text_is_text_everywhere(state: VirtualAgoraState) -> None:
    state["positions"] = positions(FIRST)
    spoiled: Any = spoil(state)
    found = page(spoiled)
    assert found.text.count("<script>window.ran = 1</script>") > 40
    assert "\u202e" not in found.text
    assert "\x1b" not in found.text


def spoil(value: Any, key: str = "") -> Any:
    """The state with hostile text wherever somebody can write some."""
    if isinstance(value, dict):
        return {
            (HOSTILE + k if "/" in k else k): item if k == "config" else spoil(item, k)
            for k, item in value.items()
        }
    if isinstance(value, list):
        return [spoil(item, key) for item in value]
    if key in (
        "speaker",
        "name",
        "model",
        "persona",
        "content",
        "text",
        "title",
        "reason",
        "position",
        "reasons",
        "main_topic",
        "session_id",
    ):
        return HOSTILE + value if value else HOSTILE
    return value


def test_five_hundred_topics_are_not_drawn(state: VirtualAgoraState) -> None:
    titles = [f"Topic number {n}" for n in range(500)]
    state["tally"]["scores"] = {title: 500.0 - n for n, title in enumerate(titles)}
    state["tally"]["order"] = [[title] for title in titles]
    state["proposed_agenda"] = titles
    state["vote_history"] = votes(1, "agenda", "", 0, [titles, titles[::-1], titles, titles])
    html = html_report(state, measured(state))
    found = read(html)
    matrix = table(found, "matrix")
    assert len(matrix.all("tr")) == 13
    assert "The first 12 of 500 topics are shown." in matrix.text
    assert "483 more topics are in session.json." in found.get("agenda").text
    assert len(html) < 250_000


@pytest.mark.parametrize(
    "cast",
    [
        pytest.param([[], [], [], []], id="all abstain"),
        pytest.param([], id="nobody votes"),
        pytest.param([[FIRST]] * 4, id="one candidate"),
        pytest.param([[FIRST, FIRST, SECOND]] * 4, id="a title twice"),
    ],
)
def test_ballots_that_say_nothing_are_not_compared(
    state: VirtualAgoraState, cast: list[list[str]]
) -> None:
    titles = cast[0] if cast and cast[0] else [FIRST, SECOND]
    counted = [choice for choice in cast if choice]
    state["tally"] = {
        "rule": "borda",
        "scores": dict.fromkeys(titles, 0.0),
        "order": [titles],
        "ballots": len(counted),
        "abstained": len(cast) - len(counted),
        "tie_broken_by": "",
    }
    state["proposed_agenda"] = titles
    state["vote_history"] = votes(1, "agenda", "", 0, cast)
    found = page(state)
    assert not [t for t in found.all("table") if t.attributes.get("class") == "matrix"]
    assert "runoff" not in plots(found)
    assert bool(counted) != ("No usable ballot was cast" in found.get("agenda").text)


def test_a_session_that_has_hardly_begun_has_a_report(state: VirtualAgoraState) -> None:
    kept = ("session_id", "start_time", "config", "seed", "schema_version", "main_topic", "agents")
    begun: Any = {key: value for key, value in state.items() if key in kept}
    found = page(begun)
    assert "The session is still under way" in found.text
    assert "There is no agenda yet, and nothing has been discussed." in found.text
    assert "There is no final report so far." in found.text
    assert "stands with the topic" not in found.text
    assert "It took" not in found.get("decided").parent.text  # type: ignore[union-attr]
    approved = page({**begun, "agenda": [FIRST]})
    assert "The agenda is set; nothing has been discussed so far." in approved.text


def test_halves_are_rounded_away_from_zero_on_both_sides(state: VirtualAgoraState) -> None:
    state["positions"] = positions(FIRST)
    measures = measured(state)
    shifts = {"opinion_shift": -0.25, "control_shift": 0.75, "net_shift": -0.04}
    measures["topics"][0].update(cast(Any, {**shifts, "toward_majority": 0.125}))
    text = read(html_report(state, measures)).get("topic-1").text
    for said in ("moved by −0.3.", "have moved by +0.8.", "leaves 0.0 to", "13% went toward"):
        assert said in text, said


def test_the_same_state_gives_the_same_bytes(state: VirtualAgoraState) -> None:
    state["positions"] = positions(FIRST)
    assert html_report(state, measured(state)) == html_report(state, measured(state))


def test_nobodys_line_or_name_lies_on_anothers(state: VirtualAgoraState) -> None:
    state["positions"] = [
        {**held, "stance": 1 if held["stance"] is not None else None} for held in positions(FIRST)
    ]
    (plot,) = [p for name, p in plots(page(state)).items() if name == "positions-1"]
    names = {
        t.text: float(t.attributes["y"] or 0)
        for t in plot.all("text")
        if t.text in ("Ada", "Bruno", "Dalia")
    }
    heights = sorted(names.values())
    assert len(heights) == 3
    assert all(after - before >= 12 for before, after in pairwise(heights))


def test_text_stands_out_from_its_ground_by_day_and_by_night() -> None:
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    schemes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(schemes) == 3
    for scheme in schemes:
        colour = dict(re.findall(r"--(\w+): (#\w{6});", scheme))
        for ground in ("paper", "panel"):
            for ink in ("ink", "soft", "accent", "warm", "third"):
                assert contrast(colour[ink], colour[ground]) >= 4.5, (ink, ground, scheme)


def contrast(one: str, other: str) -> float:
    """The ratio of two colours by WCAG 2, 1 to 21."""

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    brighter, darker = sorted((light(one), light(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)
