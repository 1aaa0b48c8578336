"""An application, described once."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.state import CompiledStateGraph

from langgraph_parity.coordinator import Graph, stream_graph
from langgraph_parity.rules import ParityUsageError

__all__ = [
    "Target",
    "active",
    "blueprint",
    "builder_of",
    "checked",
    "itself",
    "load_target",
    "question_type",
]

__tracebackhide__ = True


def itself(app: Any) -> Graph:
    """The application is its root graph."""
    graph: Graph = app
    return graph


def question_type(question: Any) -> str:
    """`question["type"]` where there is one, else `question`; the kit then takes the name of the asking node."""
    if isinstance(question, Mapping) and isinstance(question.get("type"), str):
        return str(question["type"])
    return "question"


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """An application, described once.

    Only `name` and `build` are needed for a graph that is driven by nothing but its stream.
    """

    name: str
    build: Callable[..., Any] = None  # type: ignore[assignment]
    """`build(checkpointer, **variant)`: a fresh application over this checkpointer, as a new process would have it."""
    graph: Callable[[Any], Graph] = itself
    """The application's root graph."""
    entry: Callable[..., Iterator[Any] | AsyncIterator[Any]] = stream_graph
    """The production entry point: `entry(app, input, config, answer)` yields `{node: update}`.

    `input` None means: go on. `answer(question)` is where the human is; it returns None when nobody answers.
    """
    resume: Callable[..., Iterator[Any] | AsyncIterator[Any]] | None = None
    """`resume(app, config, {id: answer})` goes on with answers by the ids of their questions, where the application takes such."""
    begin: Callable[[Any, Any, str], Any] | None = None
    """`begin(app, input, thread_id)` creates a session, where that is apart from streaming; returns the thread's id."""
    coordinator: Callable[..., Any] | None = None
    """The function that must be on the stack when the root graph is streamed. Default: `entry`, if it is the application's."""
    projection: Callable[[Any], Mapping[str, Any]] | None = None
    """The application's own copy of the state."""
    default_answer: Callable[[Any], Any] | None = None
    """The answer to a question when a test gives none."""
    question_type: Callable[[Any], str] = question_type
    terminal: Callable[[Mapping[str, Any]], bool] | None = None
    """Is the session with these values done? Default: nothing comes next, and no task is pending."""
    invariants: Mapping[str, Callable[[Mapping[str, Any]], object]] = field(default_factory=dict)
    """Name -> check of the values. Broken: it raises, returns False, a text, or a list of texts."""
    schema: type | None = None
    """Default: the graph's state schema."""
    reducers: Mapping[str, str] | None = None
    """Field -> `append`, `merge`, `sum` or `any`, for fields whose channel does not say it."""
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Named configurations, handed to `build` as keyword arguments."""
    answers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Question type -> the answers a suite should give, for questions whose payload lists none in `options`, or others."""
    calls: Callable[[Mapping[str, Any]], Mapping[str, int]] | None = None
    """The application's own counter, for models that are not LangChain's: a thread's values -> `model_calls`,
    `prompt_chars`, `longest_prompt`."""
    package: str | None = None
    """The application's top-level package. Default: that of the state's schema."""
    seams: tuple[str, ...] = ()
    """Dotted names of the application that a test may replace; `*` stands for anything."""
    error_fields: tuple[str, ...] = ("last_error",)
    """State fields that must be empty when a session is done."""
    volatile: tuple[str, ...] | Callable[[dict[str, Any]], Any] = ()
    """What may differ between two runs that are the same, as timestamps do: names of fields (of dicts inside the
    state, too), or a function of the values that returns what is compared. A replay reads the names as globs of
    `field`, `node.field`, `field.part`, and does not call a function."""
    time_limit: float = 30.0
    """Seconds for one run, and for one test. A run is stopped at its first checkpoint after twice as long."""
    memory_limit: int = 100 * 2**20
    """Bytes by which the process may grow in one run, and in one test."""
    superstep_limit: int = 1_000

    def __post_init__(self) -> None:
        """Refuse what nothing can be done with."""
        if not callable(self.build):
            given = "" if self.build is None else f": it is a {type(self.build).__name__}"
            raise ParityUsageError(
                f"The target “{self.name}” has no build{given}. Give it Target(build=...), a function that takes a "
                "checkpointer and returns the application compiled with it."
            )
        if not isinstance(self.invariants, Mapping) or not all(map(callable, self.invariants.values())):  # fmt: skip
            raise ParityUsageError(
                f"The invariants of “{self.name}” are no functions with names. Give Target(invariants={{name: check}}), "
                "each check a function of the values."
            )

    def make(self, checkpointer: BaseCheckpointSaver[Any], variant: str | None = None) -> Any:
        """A fresh application, in one of the named variants."""
        if variant is not None and variant not in self.variants:
            known = ", ".join(self.variants) or "none"
            raise ParityUsageError(
                f"The target “{self.name}” has no variant “{variant}”. It has: {known}."
            )
        options = self.variants[variant] if variant else {}
        try:
            inspect.signature(self.build).bind(checkpointer, **options)
        except (TypeError, ValueError) as error:  # a ValueError: it does not tell its parameters
            if isinstance(error, TypeError):
                given = ", ".join(["checkpointer", *(f"{name}=..." for name in options)])
                raise ParityUsageError(
                    f"The target “{self.name}” cannot be built by build({given}): {error}."
                ) from None
        return self.build(checkpointer, **options)

    def graph_of(self, app: Any) -> Graph:
        """The root graph of an application that `build` made."""
        graph = self.graph(app)
        if not hasattr(graph, "stream") or not hasattr(graph, "get_state"):
            raise ParityUsageError(
                f"The target “{self.name}” has no compiled graph: graph(app) is a {type(graph).__name__}. "
                "Compile the builder in build, or name the graph with Target(graph=...)."
            )
        return graph


active: list[Target] = []
"""The targets in use, the innermost last: what is asked without naming a target is asked of that one."""


@functools.lru_cache(maxsize=16)
def blueprint(target: Target, variant: str | None = None) -> Graph:
    """The target's graph, built once over a saver of its own, to compare others with."""
    return target.graph_of(target.make(InMemorySaver(), variant))


def checked(made: object, said: str = "The target") -> Target:
    """It, if it is a target.

    Raises:
        ParityUsageError: it is something else.
    """
    if not isinstance(made, Target):
        raise ParityUsageError(
            f"{said} is a {type(made).__name__}, not a Target. Describe the application with "
            "langgraph_parity.Target(name=..., build=...)."
        )
    return made


def load_target(path: str, option: str) -> Target:
    """The target that `module:attribute` names; modules of the current folder are found. `option` is what named it.

    Raises:
        ParityUsageError: it names none.
    """
    module, _, attribute = path.partition(":")
    if not module or not attribute:
        raise ParityUsageError(f"{option} {path} names no target. Write it as module:attribute.")
    sys.path.insert(0, str(Path.cwd()))
    try:
        made = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # importing a module runs it
        raise ParityUsageError(
            f"{option} {path} names no target: {type(error).__name__}: {error}."
        ) from error
    finally:
        sys.path.pop(0)
    return checked(made, f"{option} {path}")


def builder_of(graph: CompiledStateGraph[Any, Any, Any, Any]) -> Any:
    """The graph's StateGraph, or None for a graph of the functional API."""
    return getattr(graph, "builder", None)
