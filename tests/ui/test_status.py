from __future__ import annotations

import pytest

from tests.ui.script import AGENTS, TOPICS, finished, started, usage
from virtual_agora.events import CallRetried, Event, StepFinished, Token
from virtual_agora.ui.blocks import Palette
from virtual_agora.ui.progress import Progress
from virtual_agora.ui.status import footer, place, totals


def after(*events: Event) -> Progress:
    progress = Progress()
    for event in events:
        progress.follow(event)
    return progress


def lines(progress: Progress, width: int) -> list[str]:
    return [line.plain for line in footer(progress, Palette(), width, 83.0, 0)]


def test_the_place_says_phase_topic_and_round() -> None:
    step = StepFinished(
        "file_output", {"agenda": TOPICS[1:], "completed_topics": TOPICS[:1]}, 3, "", 0
    )
    announced = StepFinished("announce_item", {"agenda": TOPICS[2:]}, 2, TOPICS[1], 0)
    statement = started("Ada", "statement", TOPICS[1], 2)
    assert place(after()) == "Phase 0 Preparation"
    assert (
        place(after(step, announced, statement))
        == f"Phase 2 Discussion · topic 2 of 3 · round 2 · {TOPICS[1]}"
    )


@pytest.mark.parametrize(
    ("task", "topic", "phase"),
    [
        ("ballot", "", 1),
        ("poll", "t", 2),
        ("report_section", "t", 3),
        ("session_poll", "", 4),
        ("report_section", "", 5),
    ],
)
def test_a_call_tells_its_phase_before_its_step_is_done(task: str, topic: str, phase: int) -> None:
    assert after(started("Ada", task, topic)).phase == phase


def test_wide_terminals_have_one_line_less() -> None:
    progress = after(started("Ada", "statement", "t", 1))
    assert lines(progress, 99)[2].endswith("0 calls · 1:23 ")
    assert [line.split(" · ")[0].strip(" ⠋") for line in lines(progress, 30)[2:]] == [
        "Ada is speaking",
        "0 calls",
    ]


def test_no_line_is_wider_than_the_terminal() -> None:
    calls = [started(f"A very long name indeed {n}", "ballot", "t" * 200) for n in range(20)]
    for width in (20, 60, 99):
        assert all(len(line) <= width for line in lines(after(*calls), width))


def test_a_call_that_waits_says_so_until_it_speaks_again() -> None:
    call = started("Ada", "statement", "t", 1)
    retried = CallRetried(call.call_id, "Ada", 1, 2.0, "slow")
    assert "Ada is asked again" in lines(after(call, retried), 99)[2]
    assert "Ada is speaking" in lines(after(call, retried, Token(call.call_id, "Ada", "x")), 99)[2]


def test_costs_that_are_unknown_are_said_to_be() -> None:
    one, other = started("Ada", "ballot"), started("Boris", "ballot")
    assert totals(after(one, finished(one, 0.0))) == "1 call · 120 tokens · free"
    assert totals(after(one, finished(one, None))).endswith("price unknown")
    assert totals(after(one, finished(one, None), other, finished(other, 0.5))).endswith(
        "over $0.5000"
    )


def test_a_step_counts_the_calls_that_were_never_announced() -> None:
    call = started("Ada", "poll", "t", 1)
    step = StepFinished("end_topic_poll", {"usage": usage(3)}, 2, "t", 1)
    progress = after(call, finished(call), step)
    assert totals(progress) == "3 calls · 360 tokens · $0.0300"
    progress.follow(step)
    assert totals(progress) == "6 calls · 720 tokens · $0.0600"


def test_a_colour_is_kept() -> None:
    palette = Palette()
    styles = [palette.style(agent["name"]) for agent in AGENTS]
    assert len(set(styles)) == len(AGENTS)
    assert palette.style(AGENTS[0]["name"]) == styles[0]
