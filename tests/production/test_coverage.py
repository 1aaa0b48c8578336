"""Every step, every way between two and every answer to every question is gone through, and no other."""

from docs.generate import COVERAGE, coverage_page
from tests.production.scenarios import declared_ways, hold_all, possible_answers, table

from virtual_agora.flow.graph_v13 import NODES


def test_the_sessions_cover_the_whole_protocol():
    coverage = hold_all()
    assert set(coverage.steps) == set(NODES)
    assert set(coverage.ways) == declared_ways()  # none is missed, and none is undeclared
    assert set(coverage.answers) == possible_answers()
    shown = COVERAGE.read_text(encoding="utf-8")
    assert shown == coverage_page("\n".join(table(coverage))), "run `make docs`"
