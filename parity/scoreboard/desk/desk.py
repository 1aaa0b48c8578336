"""An order desk: takes an order in, looks at the stock, drafts an offer, asks a human, takes the money, and ships."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, Protocol, get_args, get_origin, get_type_hints

from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphBubbleUp, GraphInterrupt
from langgraph.func import task
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Interrupt, Send, StateSnapshot, interrupt
from typing_extensions import TypedDict

CHANGES = 2
"""Changes a customer may ask for."""
PATIENCE = 3
"""Wrong answers to one question, after which the desk waits for a better one."""


class Line(TypedDict):
    sku: str
    quantity: int
    price: int


class Order(TypedDict, total=False):
    """One order. Money is in pence."""

    order_id: str
    customer: str
    lines: list[Line]
    stock: Annotated[dict[str, int], operator.or_]
    log: Annotated[list[str], operator.add]
    total: int
    terms: str
    offer: str
    round: int
    action: Literal["", "approve", "change", "refuse"]
    remark: str
    receipt: str
    status: Literal["open", "shipped", "refused"]
    last_error: str


class Outside(Protocol):
    """The world. Effects with the same key happen once."""

    def level(self, sku: str) -> int: ...
    def charge(self, amount: int, key: str | None = None) -> str: ...
    def reserve(self, sku: str, quantity: int, key: str | None = None) -> None: ...
    def mail(self, to: str, text: str, key: str | None = None) -> None: ...


class StepFailed(Exception):
    """A step of the graph failed; the cause says why."""


class StaleAnswer(Exception):
    """The question is not waiting any more."""


class WrongAnswer(Exception):
    """The answer does not fit the question."""


@task
def write(model: BaseChatModel, prompt: str) -> str:
    return str(model.invoke(prompt).text)


@task
def level(outside: Outside, sku: str) -> int:
    return outside.level(sku)


@task
def take_money(outside: Outside, order_id: str, amount: int) -> str:
    return outside.charge(amount, key=order_id)


@task
def reserve(outside: Outside, order_id: str, line: Line) -> None:
    outside.reserve(line["sku"], line["quantity"], key=f"{order_id}/{line['sku']}")


@task
def mail(outside: Outside, order_id: str, to: str, text: str) -> None:
    outside.mail(to, text, key=f"{order_id}/invoice")


class Copy:
    """The order as this process knows it, folded by the schema's own reducers."""

    HINTS = get_type_hints(Order, include_extras=True)
    REDUCERS = {name: hint.__metadata__[0] for name, hint in HINTS.items() if hasattr(hint, "__metadata__")}  # fmt: skip

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def load(self, values: Mapping[str, Any]) -> None:
        empty = {name: get_origin(get_args(self.HINTS[name])[0])() for name in self.REDUCERS}
        self.values = {**empty, **values}

    def fold(self, update: Mapping[str, Any]) -> None:
        for name, value in update.items():
            reducer = self.REDUCERS.get(name)
            self.values[name] = reducer(self.values[name], value) if reducer else value


class Desk:
    """The application: steps, graph, and the coordinator that carries answers to it."""

    def __init__(
        self, checkpointer: BaseCheckpointSaver[Any], model: BaseChatModel, outside: Outside
    ) -> None:
        self.model, self.outside, self.copy = model, outside, Copy()
        graph = StateGraph(Order)
        for step in (self.intake, self.check_stock, self.draft, self.approve, self.charge, self.pack, self.invoice, self.close):  # fmt: skip
            graph.add_node(step.__name__, self.shell(step))
        graph.add_edge(START, "intake")
        graph.add_conditional_edges("intake", self.each_line, ["check_stock"])
        graph.add_edge("check_stock", "draft")
        graph.add_edge("draft", "approve")
        graph.add_conditional_edges("approve", self.decided, ["draft", "charge", "close"])
        graph.add_edge("charge", "pack")
        graph.add_edge("charge", "invoice")
        graph.add_edge(["pack", "invoice"], "close")
        graph.add_edge("close", END)
        self.graph = graph.compile(checkpointer=checkpointer)

    def shell(self, step: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
        def called(state: Any) -> dict[str, Any]:
            try:
                return step(state)
            except GraphBubbleUp:
                raise
            except Exception as cause:
                raise StepFailed(step.__name__) from cause

        return called

    # The steps.

    def intake(self, state: Order) -> dict[str, Any]:
        total = sum(line["quantity"] * line["price"] for line in state["lines"])
        return {"total": total, "round": 0, "status": "open", "log": ["taken in"]}

    def each_line(self, state: Order) -> list[Send]:
        return [Send("check_stock", {"sku": line["sku"]}) for line in state["lines"]]

    def check_stock(self, state: dict[str, str]) -> dict[str, Any]:
        return {"stock": {state["sku"]: level(self.outside, state["sku"]).result()}}

    def draft(self, state: Order) -> dict[str, Any]:
        goods = ", ".join(f"{line['quantity']} {line['sku']}" for line in state["lines"])
        low = sorted(line["sku"] for line in state["lines"] if state["stock"][line["sku"]] < line["quantity"])  # fmt: skip
        terms = write(self.model, f"TERMS of delivery; not in stock: {low}")
        offer = write(self.model, f"OFFER of {goods} for {state['total']}; remark: {state.get('remark', '')}")  # fmt: skip
        number = state["round"] + 1
        return {"terms": terms.result(), "offer": offer.result(), "round": number, "log": [f"offer {number}"]}  # fmt: skip

    def approve(self, state: Order) -> dict[str, Any]:
        options = ["approve", "refuse"] + (["change"] if state["round"] <= CHANGES else [])
        question = {"type": "offer", "offer": state["offer"], "terms": state["terms"], "total": state["total"], "options": options}  # fmt: skip
        answer = interrupt(question)
        return {"action": answer["action"], "remark": answer["remark"], "log": [f"customer: {answer['action']}"]}  # fmt: skip

    def decided(self, state: Order) -> str:
        return {"approve": "charge", "change": "draft", "refuse": "close"}[state["action"]]

    def charge(self, state: Order) -> dict[str, Any]:
        receipt = take_money(self.outside, state["order_id"], state["total"]).result()
        return {"receipt": receipt, "log": [f"paid {state['total']}"]}

    def pack(self, state: Order) -> dict[str, Any]:
        for packed in [reserve(self.outside, state["order_id"], line) for line in state["lines"]]:
            packed.result()
        return {"log": [f"packed {len(state['lines'])}"]}

    def invoice(self, state: Order) -> dict[str, Any]:
        mail(self.outside, state["order_id"], state["customer"], f"{state['offer']}\n{state['receipt']}").result()  # fmt: skip
        return {"log": ["invoice sent"]}

    def close(self, state: Order) -> dict[str, Any]:
        return {"status": "shipped" if state["action"] == "approve" else "refused"}

    # The way in.

    def run(self, order: Any, config: Any, answer: Callable[[Any], Any]) -> Iterator[Any]:
        """Drive an order (None: go on with it) to its end, or to a question nobody answers; yields `{step: update}`.

        Raises:
            GraphInterrupt: the order waits for an answer.
        """
        if order is None and self.closed(self.graph.get_state(config)):
            return
        updates = self.stream(order, config)
        while True:
            try:
                yield from updates
                return
            except GraphInterrupt as pause:
                (question,) = pause.args[0]
                updates = self.reply(config, {question.id: self.ask(question.value, answer, pause)})

    def closed(self, saved: StateSnapshot) -> bool:
        # As long as there is a task, its status is only beside the checkpoint.
        return saved.values.get("status") in ("shipped", "refused") and not saved.tasks

    def ask(self, question: dict[str, Any], answer: Callable[[Any], Any], pause: Exception) -> Any:
        asked = question
        for _ in range(PATIENCE):
            given = answer(asked)
            if given is None:
                raise pause
            if not (problem := wrong(question, given)):
                return given
            asked = {**question, "error": problem}
        raise pause

    def reply(self, config: Any, answers: Mapping[str, Any]) -> Iterator[Any]:
        """Go on with answers by the ids of their questions, as the shop's web page gives them."""
        waiting = {question.id: question.value for question in self.graph.get_state(config).interrupts}  # fmt: skip
        for id_, given in answers.items():
            if id_ not in waiting:
                raise StaleAnswer(id_)
            if problem := wrong(waiting[id_], given):
                raise WrongAnswer(problem)
        yield from self.stream(Command(resume=dict(answers)), config)

    def stream(self, given: Any, config: Any) -> Iterator[Any]:
        """Run the graph and yield each update once its step is saved."""
        self.copy.load(self.graph.get_state(config).values)
        if isinstance(given, dict):
            self.copy.fold(given)
        held: list[tuple[str, Any]] = []
        replayed = False
        waiting: list[Interrupt] = []
        for mode, chunk in self.graph.stream(given, config, stream_mode=["updates", "values"], durability="sync"):  # fmt: skip
            if mode == "updates":
                waiting += chunk.get("__interrupt__", ())
                replayed = replayed or "__metadata__" in chunk
                held += [(name, chunk[name]) for name in chunk if name in self.graph.nodes]
            elif not waiting:
                yield from self.commit(config, held, replayed)
                held, replayed = [], False
        if waiting:
            raise GraphInterrupt(waiting)

    def commit(self, config: Any, held: list[tuple[str, Any]], replayed: bool) -> Iterator[Any]:
        if replayed:  # beside a step that failed, it was saved by the run before
            self.copy.load(self.graph.get_state(config).values)
        else:  # steps that ran side by side are applied in the order of their names
            for _, update in sorted(held, key=lambda step: step[0]):
                self.copy.fold(update)
        for name, update in held:
            yield {name: update}


def wrong(question: Mapping[str, Any], answer: Any) -> str:
    """What is wrong with an answer; empty if nothing is."""
    if not isinstance(answer, dict) or set(answer) != {"action", "remark"}:
        return "An answer has an action and a remark."
    if answer["action"] not in question["options"] or not isinstance(answer["action"], str):
        return f"The action is one of {', '.join(question['options'])}."
    if not isinstance(answer["remark"], str) or len(answer["remark"]) > 500:
        return "The remark is a text of at most 500 characters."
    return ""
