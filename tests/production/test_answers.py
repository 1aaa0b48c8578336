"""Answers right and wrong, drawn by Hypothesis for whole sessions: what does not fit is asked again and changes nothing."""

import pytest


@pytest.mark.parity_allow("P604", reason="the limit is that of one session, not of twenty")
@pytest.mark.parity_variant("assembly/start_of_round/borda")
def test_no_answer_breaks_a_session(parity, request):
    parity.explore(examples=20, seed=request.config.getoption("parity_seed"))
