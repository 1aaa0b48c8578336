"""Each rule against small sources: what it must find, and what it must leave alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from textwrap import dedent

import pytest

from langgraph_parity.lint import LintError, add_arguments, lint, main

NODES = """
    from langgraph.types import interrupt
    from app.providers import create_provider

    def agenda_approval_node(state):
        return {"decision": interrupt({"type": "agenda_approval"})}

    def summary_node(state):
        return {"summary": create_provider().invoke(state["text"])}
"""
APPLICATION = {
    "src/app/__init__.py": "",
    "src/app/nodes.py": NODES,
    "src/app/providers.py": "def create_provider():\n    return 1",
    "src/app/tally.py": "def tally(ballots):\n    return sorted(ballots)",
    "src/app/graph.py": """
        from langgraph.graph import StateGraph
        from app.nodes import agenda_approval_node

        def get_checkpointer():
            return None

        class Flow:
            def stream(self, config):
                builder = StateGraph(dict)
                builder.add_node("agenda_approval", agenda_approval_node)
                self.graph = builder.compile()
                self.steps, self.config = None, config
                self.steps = builder.compile()
                yield from self.graph.stream(None, config)

        ready = StateGraph(dict).compile()
        rows = [1, 2]
    """,
    "src/app/state.py": """
        from operator import add
        from typing import Annotated, TypedDict

        class State(TypedDict):
            topic: str
            agenda: list[str]
            messages: Annotated[list[str], add]
            calls: Annotated[int, add]
    """,
}


def found(tmp_path: Path, files: dict[str, str], **options: list[str]) -> list[str]:
    """`file:line rule` of each finding."""
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"))
    findings = lint([tmp_path], **options)
    return [f"{Path(f.where).relative_to(tmp_path)} {f.rule}" for f in findings]


def in_test(tmp_path: Path, text: str, **options: list[str]) -> list[str]:
    """Rules that a test file breaks, beside the application."""
    told = found(tmp_path, {**APPLICATION, "tests/test_app.py": text}, **options)
    assert all(line.startswith("tests/test_app.py:") for line in told), told
    return [line.split()[1] for line in told]


def in_source(tmp_path: Path, text: str) -> list[str]:
    """Lines and rules that a module breaks, beside the application."""
    told = found(tmp_path, {**APPLICATION, "src/app/more.py": text})
    return [line.removeprefix("src/app/more.py:") for line in told]


def test_an_application_without_mistakes_has_no_findings(tmp_path):
    assert found(tmp_path, APPLICATION) == []


@pytest.mark.parametrize(
    "text",
    [
        "def test_it(flow):\n    result = flow.invoke(config)",
        "async def test_it():\n    await self.compiled_graph.ainvoke({}, config)",
        "def test_it():\n    app = builder.compile()\n    app.invoke({})",
        "def test_it():\n    StateGraph(dict).compile().invoke({})",
        "from langchain.agents import create_agent\nhelper = create_agent(m, [])\n"
        "def test_it():\n    helper.invoke({})",
        "import pytest\n@pytest.fixture\ndef thing():\n    yield builder.compile(checkpointer=s)\n\n"
        "def test_it(thing):\n    thing.invoke({})",
        "from app.graph import ready\ndef test_it():\n    ready.invoke({})",
        "import app.graph\ndef test_it():\n    app.graph.ready.batch([{}])",
        "from app import graph as built\nasync def test_it():\n    await built.ready.abatch([{}])",
        "from app.graph import Flow\ndef test_it():\n    Flow().steps.invoke({})",
        "from app.graph import Flow\ndef test_it():\n    one = Flow()\n    one.steps.invoke({})",
        "from app.graph import Flow\nclass TestIt:\n    def setup_method(self):\n"
        "        self.it = Flow().steps\n    def test_it(self):\n        self.it.invoke({})",
    ],
)
def test_p901_fires(tmp_path, text):
    assert in_test(tmp_path, text) == ["P901"]


@pytest.mark.parametrize(
    "text",
    [
        "def test_it(flow):\n    for update in flow.stream(config):\n        print(update)",
        "def test_it(model, tool, runner):\n    model.invoke('x'), tool.invoke({}), runner.invoke(cli)",
        "def test_it():\n    graph = MagicMock()\n    graph.invoke({})",
        "def test_it():\n    chain = prompt | model\n    chain.invoke({})",
        "def node(state):\n    return subgraph_flow.invoke(state)",
        "def test_it(flow, graph):\n    flow.batch(nodes), graph.batch([])",
        "from app.graph import Flow, rows\ndef test_it():\n    rows.invoke({})\n"
        "    Flow().config.invoke({})\n    Flow().nothing.invoke({})",
    ],
)
def test_p901_does_not_fire(tmp_path, text):
    assert in_test(tmp_path, text) == []


INVOKED = """
    from langgraph.graph import StateGraph

    def steps():
        return StateGraph(dict)

    class Served:
        def __init__(self, checkpointer):
            self.made = steps().compile(checkpointer=checkpointer)
        def serve(self, given):
            return self.made.invoke(given)

    async def streamed():
        return StateGraph(dict).compile()

    async def main():
        async for update in (await streamed()).astream({}):
            print(update)
"""


@pytest.mark.parametrize(
    ("graph", "told"),
    [
        ("app.steps().compile()", []),
        ("app.Served(None).made", []),
        ("app.streamed()", ["P901"]),
        ("StateGraph(dict).compile()", ["P901"]),
    ],
)
def test_p901_does_not_fire_for_a_graph_that_production_invokes_too(tmp_path, graph, told):
    test = f"""
        import app, pytest
        from langgraph.graph import StateGraph
        @pytest.fixture
        def built():
            return {graph}
        def test_it(built):
            built.invoke({{}})
    """
    direct = f"""
        import app
        from langgraph.graph import StateGraph
        def test_it():
            it = {graph}
            it.invoke({{}})
    """
    files = {"app.py": INVOKED, "test_one.py": test, "test_two.py": direct}
    rules = [line.split()[1] for line in found(tmp_path, files)]
    assert rules == told * 2


def test_p901_does_not_fire_where_it_cannot_be_told_which_graph_production_invokes(tmp_path):
    files = {
        "src/app/main.py": "def main(graph):\n    return graph.invoke({})",
        "src/app/graph.py": "def build():\n    return builder.compile()",
        "tests/test_app.py": "def test_it(graph):\n    graph.invoke({})",
        "tests/test_built.py": "from app.graph import build\ndef test_it():\n    build().invoke({})",
    }
    assert found(tmp_path, files) == []


@pytest.mark.parametrize(
    "text",
    [
        "from unittest.mock import patch\ndef test_it():\n    with patch('app.graph.Flow.stream'): run()",
        "from unittest import mock\n@mock.patch('app.nodes.summary_node')\ndef test_it(one): run()",
        "from unittest.mock import patch\nfrom app.graph import Flow\n"
        "def test_it():\n    with patch.object(Flow, 'stream'): run()",
        "def test_it(monkeypatch):\n    monkeypatch.setattr('app.nodes.summary_node', lambda s: {})",
        "import app.nodes\ndef test_it(monkeypatch):\n"
        "    monkeypatch.setattr(app.nodes, 'summary_node', None)",
        "def test_it(mocker):\n    mocker.patch('app.nodes.agenda_approval_node')",
        "def test_it(monkeypatch, flow):\n    monkeypatch.setattr(flow, 'stream', lambda c: [])",
        "def test_it(mocker, flow):\n    mocker.patch('app.tally.tally')\n    list(flow.stream(config))",
        "from app import nodes\ndef test_it():\n    old = nodes.summary_node\n"
        "    nodes.summary_node = lambda state: {}\n    try:\n        run()\n"
        "    finally:\n        nodes.summary_node = old",
        "from app.graph import Flow\ndef test_it():\n    Flow.stream = Flow.other = None",
        "from app import nodes\ndef test_it():\n    setattr(nodes, 'summary_node', None)",
    ],
)
def test_p902_fires(tmp_path, text):
    assert in_test(tmp_path, text) == ["P902"]


@pytest.mark.parametrize(
    "text",
    [
        "from unittest.mock import patch\ndef test_it():\n"
        "    with patch('app.providers.create_provider'), patch('app.nodes.create_provider'): run()",
        "from unittest.mock import patch\ndef test_it():\n    with patch('app.nodes.interrupt'): run()",
        "def test_it(mocker):\n    mocker.patch('requests.post')\n    mocker.patch('openai.OpenAI')",
        "def test_it(monkeypatch):\n    monkeypatch.setattr('app.nodes.LIMIT', 3)\n"
        "    monkeypatch.setenv('KEY', 'x')\n    monkeypatch.setattr(flow.nodes, 'summary_node', one)",
        "def test_a_helper(mocker):\n    mocker.patch('app.tally.tally')\n    report()",
        "def test_it(mocker):\n    mocker.patch('app.graph.get_checkpointer')",
        "from app import nodes\nfrom app.graph import Flow\ndef test_it():\n"
        "    flow = Flow()\n    flow.stream = nodes.LIMIT = nodes.cache.size = 3\n    nodes.interrupt = None",
        "import re\ndef test_it(app):\n    app.patch('app.nodes.summary_node', json={})",
    ],
)
def test_p902_does_not_fire(tmp_path, text):
    assert in_test(tmp_path, text) == []


def test_p902_of_a_single_module_beside_its_tests(tmp_path):
    test = """
        import shop, helper
        from unittest.mock import patch
        def test_it(monkeypatch):
            with patch("shop.approve"), patch("shop.mailer.send"), patch("shop.get_model"):
                monkeypatch.setattr(shop, "build", None)
                helper.one = shop.approve = None
    """
    shop = """
        import mailer
        from langgraph.graph import StateGraph
        def get_model():
            return None
        def approve(state):
            return {}
        def build(checkpointer):
            return StateGraph(dict).add_node(approve).compile(checkpointer=checkpointer)
    """
    files = {"shop.py": shop, "test_shop.py": test}
    told = ["test_shop.py:4 P902", "test_shop.py:5 P902", "test_shop.py:6 P902"]
    assert found(tmp_path, files) == told


def test_p902_leaves_seams_alone_and_holds_for_a_whole_named_package(tmp_path):
    text = "def test_it(mocker):\n    mocker.patch('app.tally.tally')\n    report()"
    assert in_test(tmp_path, text, packages=["app"]) == ["P902"]
    assert in_test(tmp_path, text, packages=["app"], seams=["tally"]) == []
    assert in_test(tmp_path, text, packages=["app"], seams=["app.tally.*"]) == []


@pytest.mark.parametrize(
    "text",
    [
        "def test_it(flow):\n    assert flow.state_manager.state['current_phase'] == 1",
        "def test_it(g):\n    state = g.get_state(config)\n    assert state.values['topic'] == 'x'",
    ],
)
def test_p903_fires_once_a_test(tmp_path, text):
    assert in_test(tmp_path, text + "\n    assert flow.state['other']") == ["P903"]


@pytest.mark.parametrize(
    "text",
    [
        "def test_it(flow):\n    assert flow.state_manager.state['phase'] == 1\n"
        "    assert validate_state_consistency(flow.state_manager.get_snapshot())['is_valid']",
        "def checked(flow):\n    validate_state_consistency(flow.state)\n\ndef run(flow):\n    checked(flow)\n\n"
        "def test_it(flow):\n    run(flow)\n    assert flow.state['phase'] == 1",
        "def test_it(parity):\n    run = parity.run()\n    assert flow.state['phase'] == 1",
        "def test_it(g):\n    assert g.get_state(c).values == {'a': 1}\n"
        "    assert g.get_state(c).values['a'] == 1",
        "def test_it(job):\n    assert job.state['phase'] == 1\n    assert job.values['x']",
        "def test_it(flow):\n    phase = flow.state['phase']",
    ],
)
def test_p903_does_not_fire(tmp_path, text):
    assert in_test(tmp_path, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "def test_agenda_approval(flow):\n    updates = list(flow.stream(config))\n    assert updates",
        "def test_it(flow):\n    updates = list(flow.stream(config))\n"
        "    assert any('agenda_approval' in update for update in updates)",
    ],
)
def test_p904_fires(tmp_path, text):
    assert in_test(tmp_path, text) == ["P904"]


@pytest.mark.parametrize(
    "text",
    [
        "def test_agenda_approval(flow):\n    with mock_user_input('approve'):\n"
        "        list(flow.stream(config))",
        "def test_agenda_approval(flow):\n    with pytest.raises(GraphInterrupt):\n"
        "        list(flow.stream(config))",
        "def test_agenda_approval(flow):\n    first = list(flow.stream(config))\n"
        "    assert '__interrupt__' in first[-1]",
        "def test_agenda_approval(flow):\n    list(flow.stream(Command(resume='yes'), config))",
        "def answered(flow):\n    flow.resume('yes')\n\ndef test_agenda_approval(flow):\n"
        "    list(flow.stream(config))\n    answered(flow)",
        "import pytest\n@pytest.fixture(autouse=True)\ndef a_user():\n    with mock_user_input('approve'):\n"
        "        yield\n\ndef test_agenda_approval(flow):\n    list(flow.stream(config))",
        "def test_agenda_approval():\n    assert agenda_approval_text()",
        "def test_the_summary(flow):\n    list(flow.stream(config))",
    ],
)
def test_p904_does_not_fire(tmp_path, text):
    assert in_test(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            """
            from langgraph.types import interrupt
            def gate(state):
                try:
                    return interrupt("?")
                except Exception:
                    return {}
            """,
            ["5 P905"],
        ),
        (
            """
            from app.nodes import agenda_approval_node
            class Wrapper:
                def __call__(self, state):
                    try:
                        return agenda_approval_node(state)
                    except (ValueError, Exception) as error:
                        raise RuntimeError("node") from error
            """,
            ["6 P905"],
        ),
        (
            """
            class Wrapper:
                def __call__(self, state):
                    try:
                        return getattr(self.flow.nodes, f"{self.name}_node")(state)
                    except:
                        pass
            def safe(function):
                def wrapper(state):
                    try:
                        return function(state)
                    except BaseException:
                        return {}
                return wrapper
            """,
            ["5 P905", "11 P905"],
        ),
        (
            """
            from contextlib import suppress
            from app.nodes import interrupt
            def gate(state):
                with suppress(Exception):
                    return interrupt("?")
            """,
            ["4 P905"],
        ),
        (
            """
            from langgraph.graph import StateGraph
            from app.nodes import agenda_approval_node
            builder = StateGraph(dict)
            builder.add_node("ask", agenda_approval_node)
            inner = builder.compile()
            def delegate(state):
                try:
                    return inner.invoke(state)
                except Exception:
                    return {}
            """,
            ["9 P905"],
        ),
    ],
)
def test_p905_fires(tmp_path, text, told):
    assert in_source(tmp_path, text) == told


@pytest.mark.parametrize(
    "text",
    [
        """
        from langgraph.errors import GraphBubbleUp
        from langgraph.types import interrupt
        def gate(state):
            try:
                return interrupt("?")
            except GraphBubbleUp:
                raise
            except Exception:
                return {}
        """,
        """
        from langgraph.types import interrupt
        def gate(state):
            try:
                return interrupt("?")
            except Exception as error:
                log(error)
                raise
            except ValueError:
                return {}
        """,
        """
        from langgraph.types import interrupt
        def gate(state):
            answer = interrupt("?")
            try:
                return int(answer)
            except Exception:
                return {}
        """,
        """
        def main(graph):
            try:
                for update in graph.stream(None):
                    print(update)
            except Exception as error:
                print(error)
        """,
        """
        def count_nodes(state):
            return len(state)
        def call(state):
            try:
                count_nodes(state)
                return model.invoke(state["messages"])
            except Exception:
                return {}
        """,
        """
        from langgraph.types import interrupt
        def gate(state):
            try:
                ask = lambda: interrupt("?")
            except Exception:
                return {}
        """,
    ],
)
def test_p905_does_not_fire(tmp_path, text):
    assert in_source(tmp_path, text) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('requests.post("http://x", json={})\n    answer = interrupt("?")', ["5 P906"]),
        ('Path("x").write_text("y")\n    return {"a": interrupt("?")}', ["5 P906"]),
        ('open("x", "w").write("y")\n    interrupt("?")', ["5 P906"]),
        ('with open("x", mode="ab") as file:\n        file.write(b"y")\n    interrupt("?")', ["5 P906"]),
        ('db.execute("INSERT INTO t VALUES (1)")\n    db.commit()\n    interrupt("?")', ["5 P906", "6 P906"]),
        ('subprocess.run(["make"])\n    if state["ask"]:\n        interrupt("?")', ["5 P906"]),
        ('if state["mail"]:\n        self.send_email("x")\n    interrupt("?")', ["6 P906"]),
        ('for one in state["all"]:\n        if interrupt(one):\n            requests.post(one)', ["7 P906"]),
        ('smtp.send_message(state)\n    return agenda_approval_node(state)', ["5 P906"]),
    ],
)  # fmt: skip
def test_p906_fires(tmp_path, body, told):
    head = "import requests, subprocess\nfrom langgraph.types import interrupt\n"
    head += "from app.nodes import agenda_approval_node\ndef node(state):\n    "
    assert in_source(tmp_path, head + body) == told


@pytest.mark.parametrize(
    "body",
    [
        'answer = interrupt("?")\n    requests.post("http://x", json=answer)',
        'if state["done"]:\n        requests.post("x")\n        return {}\n    interrupt("?")',
        'if state["done"]:\n        requests.post("x")\n    else:\n        interrupt("?")',
        'requests.get("x")\n    open("x").read()\n    db.execute("SELECT 1")\n    interrupt("?")',
        'while True:\n        if interrupt("?"):\n            requests.post("x")\n            return {}',
        '@task\n    def post():\n        requests.post("x")\n    post().result()\n    interrupt("?")',
        'try:\n        interrupt("?")\n    finally:\n        print()',
        'requests.post("x")\n    return Send("other", state)',
    ],
)
def test_p906_does_not_fire(tmp_path, body):
    head = (
        "import requests\nfrom langgraph.func import task\nfrom langgraph.types import interrupt\n"
    )
    assert in_source(tmp_path, f"{head}def node(state):\n    {body}") == []


@pytest.mark.parametrize(
    "text",
    [
        "def run(graph):\n    list(graph.stream({'topic': 'x', 'messages': []}))",
        "def run(graph):\n    begin = {'calls': 0}\n    list(graph.stream(begin))",
        "from app.state import State\ndef run(graph):\n    list(graph.stream(State(messages=list())))",
        "def create_initial_state():\n    return {'topic': '', 'messages': []}",
        "from app.state import State\ninitial_state = State(topic='', messages=[])",
        "from app.state import State\nclass Manager:\n    def begin(self):\n"
        "        self._state = State(topic='x', messages=[])",
        "from app.state import State\ndef initialize(self):\n    state = State(messages=[])\n"
        "    return state",
        "from app.state import State\nclass More(State):\n    pass\n"
        "def run(graph):\n    list(graph.stream(More(messages=[])))",
    ],
)
def test_p907_fires(tmp_path, text):
    assert [line.split()[1] for line in in_source(tmp_path, text)] == ["P907"]


@pytest.mark.parametrize(
    "text",
    [
        "def run(graph):\n    list(graph.stream({'topic': 'x', 'agenda': [], 'messages': ['hello']}))",
        "def node(state):\n    return {'messages': []}",
        "from app.state import State\ndef node(state):\n    initial_state = State(messages=[])",
        "def body():\n    return {'messages': []}",
        "from app.state import State\ndef copy(old):\n    state = State(messages=[])",
        "response = {'messages': []}",
        "client.post('/chat', json={'messages': []})",
    ],
)
def test_p907_does_not_fire(tmp_path, text):
    assert in_source(tmp_path, text) == []


def test_p907_leaves_the_state_of_a_node_under_test_alone(tmp_path):
    assert in_test(tmp_path, "def test_it():\n    assert node({'messages': [], 'calls': 0})") == []


def test_p907_leaves_names_alone_that_are_plain_in_another_state(tmp_path):
    other = "from typing import TypedDict\nclass Other(TypedDict):\n    messages: list[str]\n"
    assert in_source(tmp_path, other + "def run(graph):\n    graph.stream({'messages': []})") == []


@pytest.mark.parametrize("comment", ["ignore", "ignore[P901]", "ignore[P902, P901] its own shape"])
def test_a_comment_suppresses(tmp_path, comment):
    text = f"def test_it(flow):\n    flow.invoke(  # parity: {comment}\n        config)"
    expected = ["P900"] if "P902" in comment else []
    assert in_test(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("comment", "told"),
    [
        ("ignore", "Nothing here breaks a rule."),
        ("ignore[P901]", "Nothing here breaks P901."),
        ("ignore[E501]", "`E501` is no rule of the linter."),
    ],
)
def test_useless_suppressions_are_told(tmp_path, comment, told):
    (tmp_path / "app.py").write_text(f"value = 1  # parity: {comment}\n")
    (finding,) = lint([tmp_path])
    assert finding.rule == "P900"
    assert finding.detail.startswith(told)


def test_a_suppression_in_a_string_is_none(tmp_path):
    (tmp_path / "app.py").write_text('value = "# parity: ignore"\n')
    assert lint([tmp_path]) == []


def command(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return main(parser.parse_args(arguments))


def test_the_command_prints_and_says_how_it_ended(tmp_path, capsys):
    (tmp_path / "good.py").write_text("value = 1\n")
    (tmp_path / "test_bad.py").write_text("def test_it(flow):\n    flow.invoke(1)\n")
    (tmp_path / "broken.py").write_text("def (:\n")
    (tmp_path / "empty").mkdir()
    assert command(str(tmp_path / "good.py")) == 0
    assert capsys.readouterr().out == ""
    assert command(str(tmp_path / "test_bad.py")) == 1
    assert capsys.readouterr().out == (
        f"{tmp_path / 'test_bad.py'}:2: P901 `flow.invoke` runs the graph in one go; production streams it. "
        "Iterate over `stream(…)`, or go through the coordinator.\n"
    )
    for wrong, why in (
        ("missing", "no such path"),
        ("empty", "no Python files"),
        ("broken.py", ":1: "),
    ):
        assert command(str(tmp_path / wrong), str(tmp_path / "test_bad.py")) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert why in told.err
    with pytest.raises(LintError):
        lint([tmp_path])
