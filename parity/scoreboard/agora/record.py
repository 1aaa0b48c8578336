"""Records the histories of the application as it is: python record.py."""

from dataclasses import replace

from test_parity import HERE, THEME, target

from langgraph_parity import Parity

if __name__ == "__main__":
    (HERE / "histories").mkdir(exist_ok=True)
    parity = Parity(target())
    parity.record(parity.run(THEME, thread_id="A1"), HERE / "histories/done.json")
    alone = Parity(replace(target(), default_answer=None))
    alone.record(waiting := alone.run(THEME, thread_id="A2"), HERE / "histories/waiting.json")
    assert waiting.outcome == "waiting"
    parity.check()
