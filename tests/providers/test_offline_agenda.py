"""The agenda, as the scripted assembly proposes, merges, ranks and changes it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from langchain_core.messages import HumanMessage

from tests.providers.conftest import StillClock
from tests.providers.scripted import (
    THEME,
    ask,
    ballot_on,
    change_of,
    collated,
    model,
    prompt,
    proposals,
    proposed,
    ranked,
    tag,
)
from virtual_agora.config.defaults import PERSONAS
from virtual_agora.events import CallRetried
from virtual_agora.providers.calls import Caller, CallPolicy, ModelCall, ModelRequest
from virtual_agora.providers.offline_stock import kinds
from virtual_agora.providers.offline_words import kind_of


def test_proposals_are_about_the_theme_and_overlap() -> None:
    lists = [proposed(name) for name in PERSONAS]
    kinds_of = [{kind_of(title, THEME) for title, _ in each} for each in lists]

    assert all(3 <= len(each) <= 5 for each in lists)
    assert all("public transport" in title for each in lists for title, _ in each)
    assert None not in set.union(*kinds_of)
    assert len(set.union(*kinds_of)) < sum(len(each) for each in kinds_of)


def test_a_refinement_takes_over_the_wording_of_others() -> None:
    seen = [("The real cost of public transport, and who pays", "Because.")]
    refined = proposed("Bruno", THEME, proposals(seen), task="refinement")

    assert seen[0][0] in [title for title, _ in refined]


def test_a_rejected_agenda_is_not_proposed_again() -> None:
    rejection = tag("agenda", "The user rejected the agenda proposed before: too dull")
    first = {kind_of(title, THEME) for title, _ in proposed("Ada")}
    second = {kind_of(title, THEME) for title, _ in proposed("Ada", THEME, rejection)}

    assert second - first


def test_the_moderator_merges_what_means_the_same_and_keeps_what_does_not() -> None:
    lists = [proposed(name) for name in PERSONAS]
    titles = collated(*lists)
    found = [kind_of(title, THEME) for title in titles]

    assert len(titles) < len({title for each in lists for title, _ in each})
    assert len(set(found)) == len(found)
    assert set(found) == {kind_of(title, THEME) for each in lists for title, _ in each}
    assert {title for each in lists for title, _ in each}.issuperset(titles)


def test_titles_of_the_users_own_survive_collation_as_they_are() -> None:
    own = [("AI: friend or foe?", "on the agenda"), ("R&D <fast>", "on the agenda")]

    assert set(collated(own, [("Bicycles", "")], theme="Machines")) == {
        "AI: friend or foe?",
        "R&D <fast>",
        "Bicycles",
    }


def test_a_ballot_ranks_every_option_once_whatever_their_order() -> None:
    options = [kind.titles[0].format(subject="bees") for kind in kinds().values()] + [
        "Honey",
        "Wax",
    ]
    forwards = [ranked(name, options) for name in PERSONAS]

    assert all(sorted(ranking) == sorted(options) for ranking in forwards)
    assert forwards == [ranked(name, options[::-1]) for name in PERSONAS]
    assert len({tuple(ranking) for ranking in forwards}) == 4


def test_the_default_panel_ties_on_some_topics() -> None:
    ties = 0
    for theme in (
        "Remote work",
        "Tabs or spaces?",
        "Nuclear energy",
        "Should we adopt a four-day week?",
    ):
        titles = collated(*[proposed(name, theme) for name in PERSONAS], theme=theme)
        scores = Counter[str]()
        for name in PERSONAS:
            scores.update({title: -at for at, title in enumerate(ranked(name, titles, theme))})
        ties += len(set(scores.values())) < len(titles)

    assert ties > 0


def test_a_tie_is_broken_by_what_rests_on_what() -> None:
    tied = ["What could go wrong with bees", "What we want from bees, and how we would know"]

    assert ranked("Moderator", tied, task="tie_break") == tied[::-1]
    assert ranked("Moderator", tied[::-1], task="tie_break") == tied[::-1]


def test_one_member_slips_on_the_first_ballot_and_mends_it_when_asked_again() -> None:
    options = ["Honey", "Wax", "Stings"]
    form = ballot_on(options)
    listed = tag("options", "\n".join(f"- {option}" for option in options))
    repairs = {}
    for name in PERSONAS:
        clock = StillClock()
        events: list[Any] = []
        result = ModelCall(
            model(clock=clock),
            ModelRequest("ballot", "", str(prompt("ballot", name, listed)[1].content), form),
            Caller("c1", name, "participant", "offline", "scripted"),
            policy=CallPolicy(),
            clock=clock,
            emit=events.append,
            seed=7,
        ).complete()
        assert form.model_validate(result["data"])
        assert not result["read_from_text"]
        assert (
            len([event for event in events if isinstance(event, CallRetried)]) == result["repairs"]
        )
        repairs[name] = result["repairs"]

    assert repairs == {"Ada": 0, "Bruno": 1, "Celia": 0, "Dmitri": 0}
    later = prompt("ballot", "Bruno", listed, closed=[("Pollen", "It is fine.")])
    assert ask(form, later)


def test_the_slip_names_an_option_that_does_not_exist() -> None:
    options = ["Honey", "Wax"]
    messages = prompt("ballot", "Bruno")
    answer: Any = (
        model().with_structured_output(ballot_on(options), include_raw=True).invoke(messages)
    )

    assert answer["parsed"] is None
    assert answer["parsing_error"] is not None
    assert json.loads(answer["raw"].text)["ranking"][0] not in options
    assert json.loads(answer["raw"].text)["ranking"][1:] in (["Honey"], ["Wax"])


def test_an_error_message_at_the_end_of_the_prompt_counts_as_being_asked_again() -> None:
    system, asked = prompt("ballot", "Bruno")
    again = HumanMessage(f"{asked.content}\n\nThat answer cannot be used.")

    assert ask(ballot_on(["Honey", "Wax"]), [system, again])


def test_a_change_of_the_agenda_adds_what_is_missing_and_removes_only_what_is_there() -> None:
    remaining = ["Honey", "Wax", "Stings", "Drones", "Hives"]
    agenda = tag("agenda", "\n".join(f"- {title}" for title in remaining))
    for name in PERSONAS:
        change = ask(change_of(remaining), prompt("modification", name, agenda, theme="Bees"))
        assert len(change.add) == 1
        assert change.add[0].title not in remaining
        assert set(change.remove) < set(remaining)
