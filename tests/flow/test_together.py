"""What starts together and what waits for its turn, seen from the far side of the wire.

The server answers a call that belongs to a fan-out only when all of the fan-out are in its hands; a client that
makes them one after another is refused. The panel is as large as a panel can be.
"""

from __future__ import annotations

from collections import Counter

from tests.conftest import THEME, answers, checked_updates
from tests.support.wire import TOGETHER, Wire

from virtual_agora.config.models import MAX_PARTICIPANTS, Config


def test_calls_that_do_not_depend_on_each_other_start_together_and_turns_follow_one_another(
    make_flow, tmp_path
):
    with Wire(tmp_path / "requests.jsonl", latency=0.02) as wire:

        def agent(model, **more):
            return {
                "provider": "openai_compatible",
                "model": model,
                "base_url": wire.base_url,
                **more,
            }

        config = Config.model_validate(
            {
                "agents": [agent(f"together-{MAX_PARTICIPANTS}", count=MAX_PARTICIPANTS)],
                "moderator": agent("good"),
                "summarizer": agent("good"),
                "report_writer": agent("together-2"),
                "session": {
                    "seed": 1,
                    "min_rounds": 1,
                    "checkpoint_interval": 1,
                    "positions": "every_round",
                    "control": True,
                },
            }
        )
        flow = make_flow(config)
        session = flow.create_session(THEME)
        decided = answers(periodic_stop=["modify_agenda", "end_topic"])
        steps = [name for name, _ in checked_updates(flow, session, decided)]
        received = wire.received()
    assert steps[-1] == "multi_file_output"
    kinds = {notice["kind"] for notice in flow.state_manager.state["notices"]}
    assert kinds <= {"warning", "dropped", "user"}  # nobody was lost
    most = Counter()
    for line in received:
        most[line["task"]] = max(most[line["task"]], line["at_once"])
    assert {task: most[task] for task in TOGETHER} == {
        task: 2 if task == "report_section" else MAX_PARTICIPANTS for task in TOGETHER
    }
    alone = {task for task in most if task not in TOGETHER}
    assert "statement" in alone
    assert {most[task] for task in alone} == {1}
