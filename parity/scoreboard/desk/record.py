"""Records the histories and the baseline of the unpatched order desk: python record.py."""

from dataclasses import replace

from test_parity import HERE, ORDER, OTHER, YES, target

from conftest import World
from langgraph_parity import Parity
from langgraph_parity.models import ScriptedChatModel

if __name__ == "__main__":
    model = ScriptedChatModel(lambda messages: f"text of {len(messages[-1].text)} letters")
    (HERE / "histories").mkdir(exist_ok=True)
    parity = Parity(target(model, World()))
    parity.record(parity.run(ORDER, answers={"offer": [OTHER, YES]}, thread_id="A1"), HERE / "histories/done.json")  # fmt: skip
    alone = Parity(replace(target(model, World()), default_answer=None))
    alone.record(waiting := alone.run(ORDER, thread_id="A2"), HERE / "histories/waiting.json")
    assert waiting.outcome == "waiting"
    parity.check()
