"""Checks of the state after every update, and of a session when it has ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from langgraph.channels import LastValue
from langgraph.constants import START
from langgraph.types import Overwrite, StateSnapshot

from langgraph_parity.coordinator import Graph
from langgraph_parity.rules import Finding, ParityUsageError
from langgraph_parity.schema import defaulted, fields_of, kinds_of, listed, plain, same
from langgraph_parity.target import Target, active, blueprint, builder_of
from langgraph_parity.writes import Writes

__all__ = ["SessionChecks", "StateChecks", "fingerprint", "validate_state_consistency"]

__tracebackhide__ = True


class StateChecks:
    """What must hold for the state of a target's graph."""

    def __init__(self, target: Target, graph: Graph) -> None:
        self.target = target
        schema = target.schema or getattr(builder_of(graph), "state_schema", None)
        self.fields = fields_of(schema) if schema is not None else None
        self.kinds = kinds_of(graph, target.reducers)
        self._channels = graph.channels
        self._plain = plain(graph)
        self._tuples: set[str] = set()
        """Fields of which it was said that their tuples come back as lists."""

    def update(
        self, node: str, update: Any, old: Any, new: Any, beside: list[Writes]
    ) -> Iterator[Finding]:
        """One update, with the committed values before and after its superstep, and what was written `beside` it."""
        changed = update if isinstance(update, Mapping) else {}
        old, new = _mapping(old), _mapping(new)
        put_in = {name: value for w in beside if w.node == START for name, value in w.writes}
        for name in changed.keys() & new.keys():
            value = self._tail(name, old.get(name, put_in.get(name)), new[name])
            if self.fields and (wrong := self.fields.wrong(name, value)):
                yield Finding("P201", node, wrong)
            given = _bare(changed[name])
            if self.kinds.get(name) == "messages":  # ("user", "…") becomes a message
                several = given if isinstance(given, list) else [given]
                given = [one for one in several if not isinstance(one, tuple)]
            yield from self._not_plain(node, name, given)
        for name, kind in self.kinds.items():
            given = _given(changed.get(name))
            given += [
                one for w in beside for c, value in w.writes if c == name for one in _given(value)
            ]
            if name in old and not any(isinstance(value, Overwrite) for value in given):
                lost = _lost(kind, old[name], new.get(name), given)
                if lost:
                    yield Finding("P203", node, f"field {name}: {lost}")
        yield from self.invariants(node, new)

    def invariants(self, where: str, values: Mapping[str, Any]) -> Iterator[Finding]:
        """The application's own."""
        for name, check in self.target.invariants.items():
            try:
                said = check(values)
            except Exception as error:  # an invariant may be written with assert
                said = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")
            for broken in _broken(said):
                yield Finding("P205", where, f"{name}: {broken}" if broken else name)

    def whole(self, where: str, values: Any) -> Iterator[Finding]:
        """All fields, their types and the invariants."""
        for name, value in _mapping(values).items():
            if self.fields and (wrong := self.fields.wrong(name, value)):
                yield Finding("P201", where, wrong)
            yield from self._not_plain(where, name, value)
        yield from self.invariants(where, _mapping(values))

    def _not_plain(self, where: str, name: str, value: Any) -> Iterator[Finding]:
        if self._plain(value):
            return
        if not self._plain(listed(value)):
            yield Finding("P207", where, f"field {name}: {self._odd(value)}")
        elif name not in self._tuples:
            self._tuples.add(name)
            yield Finding("P207", where, f"field {name}: a tuple comes back as a list")

    def _odd(self, value: Any) -> str:
        """The type of what is not plain in a value."""
        inner = value.values() if isinstance(value, Mapping) else value
        if isinstance(value, Mapping | list | tuple):
            for one in inner:
                if not self._plain(listed(one)):
                    return self._odd(one)
        return type(value).__name__

    def handed_in(self, where: str, state: Any) -> Iterator[Finding]:
        """A state from elsewhere: its fields, and what is in them."""
        if self.fields is None:  # of the functional API: any value
            yield from self.whole(where, state)
            return
        if not isinstance(state, Mapping):
            yield Finding("P201", where, f"a {type(state).__name__} is no mapping of its fields")
            return
        for name in state.keys() - self.fields.names.keys() - self._channels.keys():
            yield Finding("P201", where, f"{name}: there is no such field")
        for name in sorted(self.fields.required - state.keys()):
            if isinstance(
                self._channels.get(name), LastValue
            ):  # any other comes by itself, or is not kept
                yield Finding("P201", where, f"{name}: it is required, and missing")
        yield from self.whole(where, state)

    def begun(self, made: list[Writes], given: Any) -> Iterator[Finding]:
        """What a session was begun with: `given`, as a state's own class or not."""
        filled = defaulted(given)  # LangGraph writes what the class fills in
        for name, value in [pair for m in made if m.node == START for pair in m.writes]:
            if _empty(value) and name in self.kinds:
                if name not in filled:
                    yield Finding("P202", "input", f"field {name}")
            elif self.kinds.get(name) in ("messages", "any"):
                continue  # these take other types than they hold
            elif self.fields and (wrong := self.fields.wrong(name, _bare(value))):
                yield Finding("P201", "input", wrong)

    def question(self, node: str, value: Any) -> Iterator[Finding]:
        """A question must reach whoever answers it."""
        if not self._plain(value):
            parts = value if isinstance(value, Mapping) else {}
            lost = [str(name) for name, one in parts.items() if not self._plain(one)]
            yield Finding("P303", node or "question", ", ".join(lost))

    def refused(self, made: Writes) -> Iterator[Finding]:
        """What a task wrote and the checkpointer could not store, as far as its values are the reason."""
        for name, value in made.writes:
            if name == "__interrupt__":
                for one in value:
                    yield from self.question(made.node, one.value)
            elif name != "__error__":
                yield from self._not_plain(made.node, name, value)

    def projection(self, node: str, app: Any, values: Any) -> Iterator[Finding]:
        """The application's copy of the state."""
        if self.target.projection is None:
            return
        copy, values = self.target.projection(app), _mapping(values)
        if not isinstance(copy, Mapping):
            raise ParityUsageError(
                f"The projection of “{self.target.name}” returned a {type(copy).__name__}. "
                "It must return the application's copy of the state: projection(app) -> {field: value}."
            )
        names = sorted(n for n in copy.keys() | values.keys() if not _equal(copy, values, n))
        if names:
            yield Finding("P204", node, f"fields {', '.join(names)}")

    def _tail(self, name: str, old: Any, new: Any) -> Any:
        """Of a list that only grows, what is new: the rest was checked when it came."""
        if self.kinds.get(name) == "append" and isinstance(old, list) and isinstance(new, list):
            return new[len(old) :]
        return new


class SessionChecks:
    """What must hold when a run has ended."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def done(self, values: Any) -> bool | None:
        """Is it done? None if the target does not say."""
        return (
            None if self.target.terminal is None else bool(self.target.terminal(_mapping(values)))
        )

    def ended(self, where: str, snapshot: StateSnapshot, errors: list[str]) -> Iterator[Finding]:
        """A run that ended without an error and without a question."""
        done = self.done(snapshot.values)
        if snapshot.next or (done and snapshot.tasks):
            names = snapshot.next or [task.name for task in snapshot.tasks]
            yield Finding("P602", where, f"next: {', '.join(names)}")
        elif done is False or snapshot.tasks:
            yield Finding("P505", where)
        if not snapshot.next and done is not False:
            values = _mapping(snapshot.values)
            left = [
                f"{name} = {values[name]!r}"
                for name in self.target.error_fields
                if values.get(name)
            ]
            for error in left + errors:
                yield Finding("P601", where, error)

    def resources(self, where: str, seconds: float, growth: int) -> Iterator[Finding]:
        """Time and memory."""
        if seconds > self.target.time_limit:
            yield Finding("P604", where, f"{seconds:.1f} s of {self.target.time_limit:g} s")
        if growth > self.target.memory_limit:
            taken, limit = growth / 2**20, self.target.memory_limit / 2**20
            yield Finding("P603", where, f"{taken:.0f} MB of {limit:.0f} MB")


def validate_state_consistency(snapshot: Any, target: Target | None = None) -> dict[str, Any]:
    """Check a whole state: `{"is_valid": bool, "errors": [text, ...]}`.

    It must be a mapping of the state's fields, with values of their types, plain data, and what the invariants say.
    A field without a default in a dataclass or pydantic model must be there, and so must a required one in a
    TypedDict that also has others (`NotRequired`, `total=False`). A TypedDict that does not tell its fields apart
    says nothing about what is missing: LangGraph leaves out what no node has written yet.

    Without `target` it is the state of the target in use: the one of the test's `parity` fixture.
    """
    if target is None and not active:
        raise ParityUsageError(
            "Whose state is it? Use the parity fixture, or validate_state_consistency(snapshot, target)."
        )
    checks = StateChecks(target or active[-1], blueprint(target or active[-1]))
    errors = [str(finding) for finding in checks.handed_in("state", snapshot)]
    return {"is_valid": not errors, "errors": errors}


def fingerprint(graph: Graph) -> tuple[object, ...]:
    """What of a compiled graph a run must not change."""
    builder = builder_of(graph)
    nodes = {name: id(node.bound) for name, node in graph.nodes.items()}
    ways = (frozenset(builder.edges), sorted(builder.branches)) if builder is not None else None
    return (nodes, sorted(graph.channels), ways, id(graph.checkpointer))


def _mapping(values: Any) -> Mapping[str, Any]:
    return values if isinstance(values, Mapping) else {"__root__": values}


def _given(update: Any) -> list[Any]:
    return [update, *update] if isinstance(update, list | tuple) else [update]


def _empty(value: Any) -> bool:
    return isinstance(value, list | dict | set | tuple | str) and not value


def _equal(one: Mapping[str, Any], other: Mapping[str, Any], name: str) -> bool:
    return (
        name in one and name in other and (one[name] == other[name] or same(one[name], other[name]))
    )


def _bare(value: Any) -> Any:
    return value.value if isinstance(value, Overwrite) else value


def _lost(kind: str, old: Any, new: Any, given: list[Any]) -> str | None:
    """How a growing field has lost something, if it has."""
    if kind == "append" and isinstance(old, list | tuple | str):
        if not isinstance(new, type(old)) or len(new) < len(old):
            return f"{len(old)} items became {len(new) if isinstance(new, type(old)) else new!r}"
        if new[: len(old)] != old:
            return "items that were there have changed"
    if kind == "merge" and isinstance(old, Mapping | set):
        gone = [key for key in old if key not in (new or ())]
        return f"lost {', '.join(map(repr, gone))}" if gone else None
    if kind == "sum" and isinstance(old, int | float) and not isinstance(new, int | float):
        return f"{old!r} became {new!r}"
    if kind == "sum" and isinstance(old, int | float) and new < old:
        if any(isinstance(one, int | float) and one < 0 for one in given):
            return None
        return f"{old!r} became {new!r}"
    if kind == "messages" and isinstance(old, list):
        removed = {
            getattr(one, "id", None) for one in given if getattr(one, "type", "") == "remove"
        }
        kept = {getattr(one, "id", None) for one in new or ()}
        gone = [one.id for one in old if getattr(one, "id", None) not in kept | removed]
        if gone and "__remove_all__" not in removed:
            return f"lost messages {', '.join(map(repr, gone))}"
    return None


def _broken(said: object) -> list[str]:
    if said is False:
        return [""]
    if isinstance(said, str):
        return [said] if said else []
    return [str(one) for one in said] if isinstance(said, list | tuple) else []
