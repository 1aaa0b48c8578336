"""Every configuration: who makes the agenda, when the user may speak, how ballots are counted, what is asked about
positions, where sessions are kept."""

from collections import Counter

import pytest

from virtual_agora.testing import PANEL, VARIANTS
from virtual_agora.voting.rules import RULES

MOMENTS = {
    "": ["before", "after"],
    "positions off": [],
    "everything on": ["before", "round", "after", "control", "single_model"],
}
"""When positions are taken, by variant."""


@pytest.mark.parametrize(
    ("parity_saver", "variant"),
    [
        pytest.param(saver, name, marks=pytest.mark.parity_variant(name))
        for name in VARIANTS
        for saver in ("memory", "sqlite", *(["postgres"] if name == "everything on" else []))
    ],
    indirect=["parity_saver"],
)
def test_a_session_under_these_rules(parity, variant):
    rules = {"participation": "disabled", "voting_rule": "borda", **VARIANTS[variant]}
    run = parity.run()
    assert run.outcome == "done"
    by_assembly = rules["agenda"] == "assembly"
    assert ("agenda_voting" in frozenset().union(*run.supersteps)) == by_assembly
    assert run.values.get("tally", {}).get("rule", "") == (
        rules["voting_rule"] if by_assembly else ""
    )
    if by_assembly:
        tally = run.values["tally"]
        first = {r: v["first"] for v in tally["all_rules"]["verdicts"] for r in v["rules"]}
        assert set(first) == set(RULES)
        assert sorted(first[rules["voting_rule"]]) == sorted(tally["order"][0])
    moments = {q.value["moment"] for q in run.questions if q.type == "user_turn"}
    assert moments == {rules["participation"]} - {"disabled"}
    topics = len(run.values["completed_topics"])
    taken = Counter(position["moment"] for position in run.values["positions"])
    assert taken == {
        moment: topics * (1 if moment == "single_model" else len(PANEL.agents))
        for moment in MOMENTS.get(variant, MOMENTS[""])
    }
    assert parity.resume(run).updates == []


@pytest.mark.parametrize("parity_saver", ["sqlite"], indirect=True)
@pytest.mark.parity_budget(baseline="tests/production/baseline.json", tolerance=0.02)
def test_a_session_costs_no_more_than_it_did(parity):
    assert parity.run().outcome == "done"
