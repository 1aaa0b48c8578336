"""Every configuration: who makes the agenda, when the user may speak, how ballots are counted, where sessions are kept."""

import pytest

from virtual_agora.testing import VARIANTS
from virtual_agora.voting.rules import RULES


@pytest.mark.parametrize("parity_saver", ["memory", "sqlite"], indirect=True)
@pytest.mark.parametrize(
    "variant",
    [pytest.param(name, marks=pytest.mark.parity_variant(name)) for name in VARIANTS],
)
def test_a_session_under_these_rules(parity, variant):
    rules = VARIANTS[variant]
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
    assert parity.resume(run).updates == []


@pytest.mark.parametrize("parity_saver", ["sqlite"], indirect=True)
@pytest.mark.parity_budget(baseline="tests/production/baseline.json", tolerance=0.02)
def test_a_session_costs_no_more_than_it_did(parity):
    assert parity.run().outcome == "done"
