"""The seeded bugs: what real applications get wrong, each as a change to one file, with the rule that must name it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BUGS", "ELSEWHERE", "Bug"]


@dataclass(frozen=True)
class Bug:
    """`changes` are (file, old, new); each old text stands there once."""

    app: str
    name: str
    rule: str
    story: str
    changes: tuple[tuple[str, str, str], ...]

    @property
    def in_tests(self) -> bool:
        """It is in a test, not in the application."""
        return all(file.startswith("test_") for file, _, _ in self.changes)


def desk(name: str, rule: str, story: str, *changes: tuple[str, str]) -> Bug:
    """A bug of the order desk."""
    return Bug("desk", name, rule, story, tuple(("desk.py", old, new) for old, new in changes))


def suite(name: str, rule: str, story: str, test: str) -> Bug:
    """A test that is wrong, added to the order desk's own suite."""
    place = "def test_source("
    return Bug("desk", name, rule, story, (("test_parity.py", place, f"{test}\n\n{place}"),))


DESK = (
    desk(
        "invoke-in-reply", "P101", "The web page's way of answering runs the graph by invoke().",
        ('        yield from self.stream(Command(resume=dict(answers)), config)\n', '        self.graph.invoke(Command(resume=dict(answers)), config)\n        self.copy.load(self.graph.get_state(config).values)\n        if self.graph.get_state(config).interrupts:\n            raise GraphInterrupt(self.graph.get_state(config).interrupts)\n        yield from ()\n'),
    ),
    desk(
        "own-checkpointer", "P102", "The graph is compiled with a checkpointer of its own, a leftover of the first prototype.",
        ("self.graph = graph.compile(checkpointer=checkpointer)", "self.graph = graph.compile(checkpointer=InMemorySaver())"),
        ("from langgraph.errors", "from langgraph.checkpoint.memory import InMemorySaver\nfrom langgraph.errors"),
    ),
    desk(
        "round-the-stream", "P103", "Answers are streamed straight into the graph, round the place that keeps copy and checkpoint together.",
        ('        yield from self.stream(Command(resume=dict(answers)), config)\n', '        for chunk in self.graph.stream(Command(resume=dict(answers)), config, durability="sync"):\n            if "__interrupt__" in chunk:\n                raise GraphInterrupt(chunk["__interrupt__"])\n            self.copy.load(self.graph.get_state(config).values)\n            yield chunk\n'),
    ),
    desk(
        "async-durability", "P104", "The stream is left at the default durability: what the shop has seen may not be saved.",
        (', durability="sync"', ""),
    ),
    desk(
        "early-updates", "P104", "Updates are handed on as they come, before the checkpoint of their step.",
        ('                held += [(name, chunk[name]) for name in chunk if name in self.graph.nodes]\n', '                done = [(name, chunk[name]) for name in chunk if name in self.graph.nodes]\n                yield from self.commit(config, done, replayed)\n'),
    ),
    suite(
        "step-replaced", "P105", "A test replaces the step that looks at the stock, and so never runs it.",
        'def test_refused(parity: Parity, order: Any, monkeypatch: Any) -> None:\n    def check_stock(self: Any, state: Any) -> Any:\n        return {"stock": {state["sku"]: 1}}\n\n    monkeypatch.setattr(Desk, "check_stock", check_stock)\n    assert parity.run(order, answers={"offer": [NO]}).values["status"] == "refused"\n',
    ),
    desk(
        "untyped-total", "P201", "The total is formatted where it is computed, so a text goes into a number's field.",
        ('return {"total": total, "round"', 'return {"total": f"{total}", "round"'),
    ),
    desk(
        "log-begun", "P202", "The coordinator begins every order with an empty log.",
        ("        updates = self.stream(order, config)\n", '        updates = self.stream({**order, "log": []} if order else None, config)\n'),
    ),
    desk(
        "log-trimmed", "P203", "The log is kept short by its reducer, so what was there is gone.",
        ("    log: Annotated[list[str], operator.add]", "    log: Annotated[list[str], lambda old, new: (old + new)[-5:]]"),
        ("REDUCERS = {name: hint.__metadata__[0] for", "REDUCERS: dict[str, Any] = {name: hint.__metadata__[0] for"),
    ),
    desk(
        "copy-overwrites", "P204", "The application's copy takes updates by dict.update, not by the schema's reducers.",
        ("            self.values[name] = reducer(self.values[name], value) if reducer else value", "            self.values[name] = value"),
    ),
    desk(
        "changed-in-place", "P204", "A step appends to the list it was given instead of returning what is new.",
        ('return {"receipt": receipt, "log": [f"paid {state[\'total\']}"]}', 'state["log"].append(f"paid {state[\'total\']}")\n        return {"receipt": receipt}'),
    ),
    desk(
        "free-line", "P205", "The sum forgets the last line of an order of three or more (an off-by-one of a rewrite).",
        ('for line in state["lines"])\n        return {"total"', 'for line in state["lines"][: max(2, len(state["lines"]) - 1)])\n        return {"total"'),
    ),
    desk(
        "misspelt-field", "P206", "The terms are returned under a name the state does not have; LangGraph drops them.",
        ('return {"action": answer["action"], "remark": answer["remark"], "log"', 'return {"action": answer["action"], "remarks": answer["remark"], "log"'),
    ),
    desk(
        "text-accessor", "P207", "The model's text is stored as LangChain's TextAccessor, which comes back as something else.",
        ("    return str(model.invoke(prompt).text)", "    return model.invoke(prompt).text"),
    ),
    desk(
        "swallowed-interrupt", "P301", "The shell round every step takes the pause for a failure and goes on with the default.",
        ("            except GraphBubbleUp:\n                raise\n            except Exception as cause:\n", '            except Exception as cause:\n                if step.__name__ == "approve":\n                    return {"action": "approve", "remark": "", "log": [f"no answer: {cause}"]}\n'),
    ),
    desk(
        "stale-answer", "P302", "Answers are passed on without a look at what is waiting.",
        ("            if id_ not in waiting:\n                raise StaleAnswer(id_)\n            if problem := wrong(waiting[id_], given):\n                raise WrongAnswer(problem)\n", "            if id_ in waiting and (problem := wrong(waiting[id_], given)):\n                raise WrongAnswer(problem)\n"),
        ("Command(resume=dict(answers))", "Command(resume=next(iter(answers.values())))"),
    ),
    desk(
        "object-in-question", "P303", "A question carries an object of the application, which the web page never gets whole.",
        ('"total": state["total"], "options": options}', '"total": state["total"], "options": options, "terms_of": Terms(state["terms"])}'),
        ("class StepFailed(Exception)", "@dataclass\nclass Terms:\n    text: str\n\n\nclass StepFailed(Exception)"),
        ("import operator\n", "import operator\nfrom dataclasses import dataclass\n"),
    ),
    desk(
        "gate-skipped", "P304", "A changed offer goes straight to payment: the second question is never asked.",
        ('"change": "draft", "refuse"', '"change": "charge", "refuse"'),
    ),
    desk(
        "asked-twice", "P305", "A condition is the wrong way round: the approval of a first offer leads to a second one, and to another question.",
        ('return {"approve": "charge", "change": "draft", "refuse": "close"}[state["action"]]', 'if state["action"] == "approve" and state["round"] < CHANGES:\n            return "draft"\n        return {"approve": "charge", "change": "draft", "refuse": "close"}[state["action"]]'),
    ),
    desk(
        "mail-before-question", "P306", "The customer is told about the offer before the question: again at every resume.",
        ("        answer = interrupt(question)\n", '        self.outside.mail(state["customer"], state["offer"])\n        answer = interrupt(question)\n'),
    ),
    desk(
        "answer-lost", "P307", "After an answer the coordinator runs the thread again from its checkpoint, without the answer.",
        ("        yield from self.stream(Command(resume=dict(answers)), config)\n", "        yield from self.stream(None, config)\n"),
    ),
    desk(
        "any-answer", "P308", "The coordinator passes on whatever it is told.",
        ("            if not (problem := wrong(question, given)):\n                return given\n", '            problem = wrong(question, given)\n            if isinstance(given, dict) and {"action", "remark"} <= set(given):\n                return given\n'),
        ("            if problem := wrong(waiting[id_], given):\n                raise WrongAnswer(problem)\n", ""),
    ),
    desk(
        "half-an-update", "P401", "A failing payment is written down as a receipt of None.",
        ('        receipt = take_money(self.outside, state["order_id"], state["total"]).result()\n', '        try:\n            receipt = take_money(self.outside, state["order_id"], state["total"]).result()\n        except ConnectionError:\n            receipt = None\n'),
    ),
    desk(
        "failed-for-good", "P402", "A failed step is written into the state as the end of the order.",
        ("        updates = self.stream(order, config)\n", "        updates = self.failing(self.stream(order, config), config)\n"),
        ("    def ask(self, question", '    def failing(self, updates: Iterator[Any], config: Any) -> Iterator[Any]:\n        try:\n            yield from updates\n        except StepFailed:\n            self.graph.update_state(config, {"status": "refused"}, as_node="close")\n            raise\n\n    def ask(self, question'),
    ),
    desk(
        "empty-offer", "P403", "A model that fails is swallowed, and the offer is empty.",
        ('return {"terms": terms.result(), "offer": offer.result(), "round"', 'return {"terms": quiet(terms), "offer": quiet(offer), "round"'),
        ("@task\ndef level", 'def quiet(call: Any) -> str:\n    try:\n        return call.result()\n    except Exception:\n        return ""\n\n\n@task\ndef level'),
    ),
    desk(
        "failure-swallowed", "P403", "The coordinator logs a failed step and ends as if all were well.",
        ("            except GraphInterrupt as pause:\n", '            except StepFailed as error:\n                print("order failed:", error)\n                return\n            except GraphInterrupt as pause:\n'),
    ),
    desk(
        "nameless-error", "P404", "The shell hides the cause of a failed step.",
        ("raise StepFailed(step.__name__) from cause", "raise StepFailed(step.__name__) from None"),
    ),
    desk(
        "memory-of-a-process", "P501", "The number of the offer is counted in the process, not in the state.",
        ('        number = state["round"] + 1\n', '        self.offers[state["order_id"]] = number = self.offers.get(state["order_id"], 0) + 1\n'),
        ("        self.model, self.outside, self.copy = model, outside, Copy()\n", "        self.model, self.outside, self.copy = model, outside, Copy()\n        self.offers: dict[str, int] = {}\n"),
    ),
    desk(
        "unseeded-choice", "P501", "The packers' batch is drawn by chance, unseeded, when the step runs.",
        ('return {"log": [f"packed {len(state[\'lines\'])}"]}', 'return {"log": [f"packed {len(state[\'lines\'])}"], "remark": f"batch {random.randrange(10**6)}"}'),
        ("import operator\n", "import operator\nimport random\n"),
    ),
    desk(
        "keyless-charge", "P502", "The payment has no key of its own, so a crash after it charges twice.",
        ("    return outside.charge(amount, key=order_id)", "    return outside.charge(amount)"),
    ),
    desk(
        "call-in-the-node", "P503", "The terms are asked for in the body of the step, not in a task.",
        ('        terms = write(self.model, f"TERMS of delivery; not in stock: {low}")\n', '        terms = str(self.model.invoke(f"TERMS of delivery; not in stock: {low}").text)\n'),
        ('{"terms": terms.result(),', '{"terms": terms,'),
    ),
    desk(
        "sessions-in-memory", "P504", "The coordinator knows only the orders that its own process has begun.",
        ("        if order is None and self.closed", "        if order is not None:\n            self.known.add(config[\"configurable\"][\"thread_id\"])\n        if config[\"configurable\"][\"thread_id\"] not in self.known:\n            raise LookupError(\"There is no such order.\")\n        if order is None and self.closed"),
        ("        self.model, self.outside, self.copy = model, outside, Copy()\n", "        self.model, self.outside, self.copy = model, outside, Copy()\n        self.known: set[str] = set()\n"),
    ),
    desk(
        "closed-too-early", "P505", "After a crash at the last write the order looks closed, and its last step is never saved.",
        (' and not saved.tasks', ""),
    ),
    desk(
        "never-closed", "P505", "A refused order ends without its status being set.",
        ('return {"status": "shipped" if state["action"] == "approve" else "refused"}', 'return {"status": "shipped"} if state["action"] == "approve" else {"log": ["refused"]}'),
    ),
    desk(
        "stale-error", "P601", "A failed step leaves its error in the state, and nobody clears it.",
        ("        updates = self.stream(order, config)\n", "        updates = self.failing(self.stream(order, config), config)\n"),
        ("    def ask(self, question", '    def failing(self, updates: Iterator[Any], config: Any) -> Iterator[Any]:\n        try:\n            yield from updates\n        except StepFailed as error:\n            saved = self.graph.get_state(config)\n            self.graph.update_state(config, {"last_error": str(error)}, as_node={"intake": "__start__", "check_stock": "intake", "draft": "check_stock", "approve": "draft", "charge": "approve"}.get(saved.next[0], "charge"))\n            raise\n\n    def ask(self, question'),
    ),
    desk(
        "stops-in-the-middle", "P602", "The coordinator returns as soon as the money is in; the rest of the stream is never drawn.",
        ("                yield from updates\n                return\n            except GraphInterrupt", '                for update in updates:\n                    yield update\n                    if "charge" in update:\n                        return\n                return\n            except GraphInterrupt'),
    ),
    desk(
        "kept-pages", "P603", "A printed page of every offer is kept by the process, for a preview nobody asks for any more.",
        ('        number = state["round"] + 1\n', '        number = state["round"] + 1\n        self.pages.append("%" * 15_000_000 * len(state["lines"]))\n'),
        ("        self.model, self.outside, self.copy = model, outside, Copy()\n", "        self.model, self.outside, self.copy = model, outside, Copy()\n        self.pages: list[str] = []\n"),
    ),
    desk(
        "wrapped-at-run-time", "P605", "The coordinator tags a step for tracing at each run, one wrapper round the other.",
        ("        held: list[tuple[str, Any]] = []\n", '        draft = self.graph.nodes["draft"]\n        draft.bound = draft.bound.with_config(tags=["traced"])\n        held: list[tuple[str, Any]] = []\n'),
    ),
    desk(
        "endless-stock", "P606", "A step that waits for stock asks the warehouse again and again, and the warehouse never has it.",
        ('        graph.add_edge("check_stock", "draft")\n', '        graph.add_conditional_edges("check_stock", self.in_stock, ["intake", "draft"])\n'),
        ("    def check_stock(self", '    def in_stock(self, state: Order) -> str:\n        short = any(state["stock"].get(line["sku"], 0) < line["quantity"] for line in state["lines"])\n        return "intake" if short else "draft"\n\n    def check_stock(self'),
    ),
    suite(
        "failure-unseen", "P607", "A test runs an order that fails, and looks at its effects only.",
        'def test_nothing_is_charged(parity: Parity, order: Any, effects: Effects) -> None:\n    parity.run({**order, "lines": [{"sku": "tea"}]})\n    assert effects.count("charge") == 0\n',
    ),
    desk(
        "renamed-step", "P701", "The step that asks is renamed, while orders wait at it.",
        ('    def approve(self, state', '    def confirm(self, state'),
        ("self.draft, self.approve, self.charge", "self.draft, self.confirm, self.charge"),
        ('graph.add_edge("draft", "approve")', 'graph.add_edge("draft", "confirm")'),
        ('graph.add_conditional_edges("approve", ', 'graph.add_conditional_edges("confirm", '),
    ),
    desk(
        "history-doubled", "P702", "A step returns the whole log and not only its news, and the reducer doubles it.",
        ('return {"receipt": receipt, "log": [f"paid {state[\'total\']}"]}', 'return {"receipt": receipt, "log": [*state["log"], f"paid {state[\'total\']}"]}'),
    ),
    desk(
        "renamed-field", "P703", "A field is renamed, while saved orders hold it under its old name.",
        ("    receipt: str\n", "    proof: str\n"),
        ('return {"receipt": receipt, "log"', 'return {"proof": receipt, "log"'),
        ("{state['receipt']}", "{state['proof']}"),
    ),
    desk(
        "dropped-branch", "P704", "Stock is looked up for the first two lines only.",
        ('for line in state["lines"]]\n\n    def check_stock', 'for line in state["lines"][:2]]\n\n    def check_stock'),
        ('state["stock"][line["sku"]]', 'state["stock"].get(line["sku"], 0)'),
    ),
    desk(
        "checked-twice", "P705", "Every line is sent to the stock check twice: one Send for it, and one for its neighbour.",
        ('for line in state["lines"]]\n\n    def check_stock', 'for line in [*state["lines"], *state["lines"][1:]]]\n\n    def check_stock'),
    ),
    desk(
        "one-step-more", "P801", "Every draft goes once more through the stock, one superstep a round.",
        ('        graph.add_conditional_edges("approve", self.decided, ["draft", "charge", "close"])\n', '        graph.add_conditional_edges("approve", self.decided, ["recheck", "charge", "close"])\n        graph.add_node("recheck", lambda state: {"stock": state["stock"]})\n        graph.add_edge("recheck", "draft")\n'),
        ('"change": "draft", "refuse"', '"change": "recheck", "refuse"'),
    ),
    desk(
        "one-write-more", "P802", "Every word of the log is saved by a task of its own.",
        ('        number = state["round"] + 1\n', '        number = note(state["round"] + 1).result()\n'),
        ("@task\ndef level", "@task\ndef note(number: int) -> int:\n    return number\n\n\n@task\ndef level"),
    ),
    desk(
        "offer-in-the-log", "P803", "The log keeps every offer whole, so every checkpoint of it holds all of them again.",
        ('"log": [f"offer {number}"]', '"log": [f"offer {number}: {offer.result()}; {terms.result()}; {goods}"]'),
    ),
    desk(
        "one-call-more", "P804", "The model is asked once more in every round, for a summary nobody reads.",
        ('        number = state["round"] + 1\n', '        write(self.model, "SUM up").result()\n        number = state["round"] + 1\n'),
    ),
    desk(
        "growing-prompt", "P805", "The prompt carries the whole log, and grows with every round.",
        ("remark: {state.get('remark', '')}\")", "remark: {state.get('remark', '')}; so far: {state['log']}\")"),
    ),
    desk(
        "comment-left", "P900", "A comment allows what has been mended since, and would hide the next one.",
        ("            except GraphBubbleUp:\n", "            except GraphBubbleUp:  # parity: ignore[P905] nobody is asked here\n"),
    ),
    suite(
        "test-by-invoke", "P901", "A test runs the graph by invoke(), round everything the desk does beside it.",
        'def test_offer(calls: Any) -> None:\n    from langgraph.checkpoint.memory import InMemorySaver\n\n    app = Desk(InMemorySaver(), calls, World())\n    made = app.graph.invoke(ORDER, {"configurable": {"thread_id": "A1"}})\n    assert "__interrupt__" in made\n',
    ),
    suite(
        "test-patches-desk", "P902", "A test patches the check of answers that it is about.",
        'def test_wrong_answer(calls: Any, monkeypatch: Any) -> None:\n    from langgraph.checkpoint.memory import InMemorySaver\n    from langgraph.errors import GraphInterrupt\n\n    monkeypatch.setattr("desk.wrong", lambda question, answer: "no")\n    app = Desk(InMemorySaver(), calls, World())\n    with pytest.raises(GraphInterrupt):\n        list(app.run(ORDER, {"configurable": {"thread_id": "A1"}}, lambda question: YES))\n',
    ),
    suite(
        "test-of-one-field", "P903", "A test looks at the status only; the rest of the state may be anything.",
        'def test_refused(calls: Any) -> None:\n    from langgraph.checkpoint.memory import InMemorySaver\n\n    app, config = Desk(InMemorySaver(), calls, World()), {"configurable": {"thread_id": "A1"}}\n    list(app.run(ORDER, config, lambda question: NO))\n    assert app.graph.get_state(config).values["status"] == "refused"\n',
    ),
    suite(
        "test-asks-nobody", "P904", "A test of the approval is content when there is an offer, and never answers the question.",
        'def test_approve(calls: Any) -> None:\n    from langgraph.checkpoint.memory import InMemorySaver\n\n    app = Desk(InMemorySaver(), calls, World())\n    updates = list(app.graph.stream(ORDER, {"configurable": {"thread_id": "A1"}}))\n    assert any("draft" in update for update in updates)\n',
    ),
    desk(
        "file-before-question", "P906", "Every offer is noted in a file before the question: a line for each resume.",
        ("        answer = interrupt(question)\n", '        with open("offers.txt", "a") as notes:\n            notes.write(state["offer"])\n        answer = interrupt(question)\n'),
    ),
    desk(
        "empty-order", "P907", "An order begins as an empty one with all its fields, those with reducers too.",
        ("        updates = self.stream(order, config)\n", "        updates = self.stream({**initial_state(), **order} if order else None, config)\n"),
        ("class Outside(Protocol)", 'def initial_state() -> Order:\n    return {"stock": {}, "log": [], "remark": "", "status": "open"}\n\n\nclass Outside(Protocol)'),
    ),
)  # fmt: skip


def agora(name: str, rule: str, story: str, *changes: tuple[str, str, str]) -> Bug:
    """A bug of Virtual Agora."""
    return Bug(
        "agora",
        name,
        rule,
        story,
        tuple((f"virtual_agora/{file}", old, new) for file, old, new in changes),
    )


AGORA = (
    agora(
        "swallowed-interrupt", "P301", "The shell round a step gives every exception a name, the pause for a human too.",
        ("flow/node.py", "        except GraphBubbleUp:\n            raise\n        except Exception as cause:", "        except Exception as cause:"),
    ),
    agora(
        "exit-durability", "P104", "Checkpoints are written at the end of a run only, for speed.",
        ("flow/graph_v13.py", 'durability="sync"', 'durability="exit"'),
    ),
    agora(
        "early-updates", "P104", "Updates are handed on as they come, before the checkpoint of their step.",
        ("flow/graph_v13.py", "                    _Finished(name, chunk[name], replayed) for name in chunk if name in NODES\n                )\n", "                    _Finished(name, chunk[name], replayed) for name in chunk if name in NODES\n                )\n                yield from self._commit(held, config, told=told)\n                held = []\n"),
    ),
    agora(
        "invoke-in-coordinator", "P101", "A helper of the stream finishes a run with invoke() once nobody can be asked any more.",
        ("flow/graph_v13.py", "        if done:\n            return\n", "        if done:\n            return\n        if resume is not None and snapshot.values.get(\"topic_summaries\"):\n            self.graph.invoke(graph_input, config, durability=\"sync\")\n            self.state_manager.load(config)\n            return\n"),
    ),
    agora(
        "messages-begun", "P202", "The state manager begins a session with an empty list of messages.",
        ("state/manager.py", "            current_round=0,\n", "            current_round=0,\n            messages=[],\n"),
    ),
    agora(
        "copy-overwrites", "P204", "The state manager takes an update's values as they are: growing fields hold the latest only.",
        ("state/manager.py", "            self._channels[name].update([deepcopy(value)])", "            self._channels[name] = _schema_channels()[name].from_checkpoint(deepcopy(value))"),
    ),
    agora(
        "replay-folded-twice", "P401", "A finished step that comes again beside one that had failed is folded into the copy a second time.",
        ("flow/graph_v13.py", "        if any(step.replayed for step in held):\n", "        if not held:\n"),
    ),
    agora(
        "chat-role", "P201", "A message is given the role `user`, and LangGraph makes a message object of the dict.",
        ("flow/nodes_v13/discussion.py", 'role="convener" if speaker["id"] == "user" else speaker["role"]', 'role="user" if speaker["role"] == "participant" else speaker["role"]'),
    ),
    agora(
        "round-lost", "P205", "A round's statements are numbered from one again, so their ids are not unique.",
        ("flow/nodes_v13/discussion.py", """id=f"m{len(state.get('messages', [])) + position:04d}",""", 'id=f"m{position:04d}",'),
    ),
    agora(
        "stale-answer", "P302", "An answer by id is not compared with what waits.",
        ("flow/graph_v13.py", "    if not resume or (unknown := set(resume) - set(waiting)):", "    if not resume or (unknown := set()):"),
        ("flow/graph_v13.py", "    return Command(resume={id_: check_answer(waiting[id_].value, resume[id_]) for id_ in resume})", "    return Command(resume=next(iter(resume.values())))"),
    ),
    agora(
        "any-answer", "P402", "Answers are not checked, and one that a step cannot read blocks the session for good.",
        ("execution/stream_coordinator.py", "                answer = check_answer(question, given)\n", '                answer = given if isinstance(given, dict) and "action" in given else check_answer(question, given)\n'),
        ("flow/graph_v13.py", "check_answer(waiting[id_].value, resume[id_])", "resume[id_]"),
        ("flow/assembly.py", "return check_answer(question, nodes_v13.interrupt(question))", "return nodes_v13.interrupt(question)"),
    ),
    agora(
        "wrong-answer-taken", "P308", "An answer that does not fit its question is taken for the default one.",
        ("execution/stream_coordinator.py", '                question = {**pause.value, "error": error.message}\n                continue\n', "                answer = check_answer(question, question[\"default\"])\n"),
        ("execution/stream_coordinator.py", "            except InvalidAnswerError as error:\n", "            except InvalidAnswerError:\n"),
    ),
    agora(
        "empty-summary", "P403", "A summary that fails is swallowed, and an empty one is kept.",
        ("flow/nodes_v13/discussion.py", "        reply = asking.one(self.summarizer(state).round_summary(state, topic, number, said))\n        summary = RoundSummary(topic=topic, round=number, text=reply.value or \"\")\n", "        try:\n            reply = asking.one(self.summarizer(state).round_summary(state, topic, number, said))\n            text = reply.value or \"\"\n        except Exception:\n            text = \"\"\n        summary = RoundSummary(topic=topic, round=number, text=text)\n"),
    ),
    agora(
        "nameless-error", "P404", "The shell round a step hides what made it fail.",
        ("flow/node.py", "raise NodeExecutionError(self.name, cause) from cause", "raise NodeExecutionError(self.name, RuntimeError(str(cause))) from None"),
    ),
    agora(
        "unseeded-order", "P501", "The speaking order is drawn by chance, without the session's seed.",
        ("flow/nodes_v13/discussion.py", 'shuffled(speakers, self.seed, "order", topic)', "random.sample(speakers, len(speakers))"),
        ("flow/nodes_v13/discussion.py", "from collections.abc import Sequence\n", "import random\nfrom collections.abc import Sequence\n"),
    ),
    agora(
        "round-in-the-process", "P501", "The number of the round is counted in the process, not in the state.",
        ("flow/nodes_v13/discussion.py", 'topic, number = state["current_topic"], state["current_round"] + 1\n', 'topic = state["current_topic"]\n        self.rounds = getattr(self, "rounds", 0) + 1\n        number = self.rounds\n'),
    ),
    agora(
        "round-in-one-task", "P503", "A whole round of statements is one step without tasks: a crash asks everybody again.",
        ("flow/asking.py", "            calls.append(model_call(self._assembly, asked, caller))\n", "            calls.append(model_call.func(self._assembly, asked, caller))\n"),
        ("flow/asking.py", "        wait(calls)\n", ""),
        ("flow/asking.py", "dict(call.result())) for call in calls]", "dict(call)) for call in calls]"),
    ),
    agora(
        "complete-too-early", "P505", "After a crash at the last write the session looks complete, and its last step is never saved.",
        ("flow/graph_v13.py", ' == "complete" and not snapshot.tasks', ' == "complete"'),
    ),
    agora(
        "no-last-round", "P606", "The bound on rounds is gone: an assembly that never agrees discusses for ever.",
        ("flow/nodes_v13/discussion.py", '        if state["current_round"] >= self.config.session.max_rounds:\n            return {"concluded_by": "max_rounds"}\n', ""),
        ("flow/nodes_v13/discussion.py", 'required = needed(self.config.session.conclude, len(asking.participants()))', "required = len(asking.participants()) + 1"),
    ),
    agora(
        "renamed-step", "P701", "The step that asks for the agenda's approval is renamed, while sessions wait at it.",
        ("flow/graph_v13.py", '    "agenda_approval": 1,', '    "agenda_confirmation": 1,'),
        ("flow/graph_v13.py", '    "agenda_approval": edges', '    "agenda_confirmation": edges'),
        ("flow/graph_v13.py", '("synthesize_agenda", "agenda_approval")', '("synthesize_agenda", "agenda_confirmation")'),
        ("flow/nodes_v13/agenda.py", "def agenda_approval_node", "def agenda_confirmation_node"),
    ),
    agora(
        "dropped-branch", "P704", "The summary of a topic is no longer started beside its report, only the report is.",
        ("flow/graph_v13.py", '        ("final_considerations", "topic_summary_generation"),\n', '        ("topic_report_generation", "topic_summary_generation"),\n'),
    ),
    agora(
        "one-call-more", "P804", "Every round is summarised twice, and the second summary is kept.",
        ("flow/nodes_v13/discussion.py", "        summary = RoundSummary(topic", "        reply = asking.one(self.summarizer(state).round_summary(state, topic, number, said))\n        summary = RoundSummary(topic"),
    ),
    agora(
        "growing-prompt", "P805", "A speaker is given everything said on the topic instead of the round so far.",
        ("flow/nodes_v13/discussion.py", ' if m["topic"] == topic and m["round"] == number]\n        for speaker', ' if m["topic"] == topic]\n        for speaker'),
    ),
    agora(
        "drain-swallowed", "P905", "The shell round a step lets the interrupt through, and takes a drain for a failure.",
        ("flow/node.py", "        except GraphBubbleUp:\n            raise\n        except", "        except GraphInterrupt:\n            raise\n        except"),
        ("flow/node.py", "from langgraph.errors import GraphBubbleUp", "from langgraph.errors import GraphInterrupt"),
    ),
)  # fmt: skip

BUGS: tuple[Bug, ...] = DESK + AGORA

ELSEWHERE = {
    "P604": "tests/test_rules.py::test_p604_a_coordinator_that_takes_its_time",
}
"""Rules that no row names, with the test that seeds them: a bug that only takes time would make a slow or a chancy row."""
